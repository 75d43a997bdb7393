//! [`MySqlBus`]: the bus of the stores on MySQL and MariaDB.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::mysql::MySql;
use sqlx::query;

use crate::error::Error;
use crate::repository::sql::announced::AnnouncedTable;
use crate::repository::sql::call::Calls;
use crate::repository::sql::changes::mysql_log::MySqlLog;
use crate::repository::sql::changes::polled::Polled;
use crate::repository::sql::changes::row::log_values;
use crate::repository::{ChangeBus, ChangeSubscription, Subject};

/// How often a node polls. Our choice: four short questions a second and node.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

const INSERT: &str = "INSERT INTO tower_tokens_changes (user_id, digest, at) VALUES (?, ?, UNIX_TIMESTAMP())";

/// A table of changes that triggers write and each node polls.
pub(crate) struct MySqlBus {
    calls: Calls<MySql>,
    tables: Vec<AnnouncedTable>,
}

impl MySqlBus {
    /// A bus for the changes of these tables.
    pub(crate) const fn new(calls: Calls<MySql>, tables: Vec<AnnouncedTable>) -> Self {
        Self { calls, tables }
    }
}

#[async_trait]
impl ChangeBus for MySqlBus {
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> {
        let (log, pending) = MySqlLog::open(self.calls.clone(), &self.tables).await?;
        Ok(Box::new(Polled::new(log, pending)))
    }

    async fn announce(&self, subject: &Subject) -> Result<(), Error> {
        let (user, digest) = log_values(subject);
        let (user, digest) = (user.map(Cow::into_owned), digest.map(<[u8]>::to_vec));
        self.calls.change(query(INSERT).bind(user).bind(digest)).await.map(drop)
    }

    fn heartbeat_interval(&self) -> Duration {
        POLL_INTERVAL
    }
}

impl fmt::Debug for MySqlBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlBus").finish_non_exhaustive()
    }
}
