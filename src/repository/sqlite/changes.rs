//! [`SqliteBus`]: the table of changes, as one subscription reads it.
//!
//! SQLite writes one transaction at a time, so changes are committed in the order of their numbers. Whether there was any is asked
//! with `PRAGMA data_version`, which looks at the file's memory map and reads no table; it sees what other processes commit, too.

use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Connection, Row, query, query_scalar};

use crate::error::{Error, ErrorKind};
use crate::repository::sql::{AnnouncedTable, ChangeLog, Polled, log_values, subject};
use crate::repository::sqlite::error::failure;
use crate::repository::sqlite::triggers::are_there;
use crate::repository::{ChangeBus, ChangeSubscription, Notice, Subject};
use crate::sqlite::Writer;

/// How often a node polls. Our choice: a poll costs about as much as a look-up, so that forty of them a second cost nothing.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// How often old rows are deleted. Our choice.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

const VERSION: &str = "PRAGMA data_version";

const LAST: &str = "SELECT max(number) FROM tower_tokens_changes";

/// With the last row that was read, so that no answer is empty, and with the smallest number that there is.
const ROWS: &str = "SELECT number, user_id, digest, (SELECT min(number) FROM tower_tokens_changes)
    FROM tower_tokens_changes WHERE number >= ? ORDER BY number LIMIT ?";

/// How many rows one read gives at most. Our choice: a few megabytes.
const MOST: i64 = 20_000;

const INSERT: &str = "INSERT INTO tower_tokens_changes (user_id, digest, at)
    VALUES (?, ?, CAST(strftime('%s', 'now') AS INTEGER))";

/// Every node has read rows of this age. One that old stays: a node that finds none as old as what it read last knows that it
/// missed something.
const PRUNE: &str = "DELETE FROM tower_tokens_changes WHERE number < (SELECT number FROM tower_tokens_changes
    WHERE at < CAST(strftime('%s', 'now') AS INTEGER) - 600 ORDER BY number DESC LIMIT 1)";

const IS_OLD: &str = "SELECT EXISTS (SELECT 1 FROM tower_tokens_changes WHERE number < (SELECT number
    FROM tower_tokens_changes WHERE at < CAST(strftime('%s', 'now') AS INTEGER) - 600 ORDER BY number DESC LIMIT 1))";

/// A table of changes that triggers write and each node polls.
pub(super) struct SqliteBus {
    pub(super) readers: SqlitePool,
    pub(super) writer: Writer,
    /// The tables that have to have triggers.
    pub(super) tables: Vec<AnnouncedTable>,
}

#[async_trait]
impl ChangeBus for SqliteBus {
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> {
        let log = SqliteLog::open(self.readers.clone(), self.writer.clone(), &self.tables).await?;
        Ok(Box::new(Polled::new(log, Vec::new())))
    }

    async fn announce(&self, subject: &Subject) -> Result<(), Error> {
        let (user, digest) = log_values(subject);
        self.writer.change(query(INSERT).bind(user.as_deref()).bind(digest)).await.map(drop).map_err(failure)
    }

    fn heartbeat_interval(&self) -> Duration {
        POLL_INTERVAL
    }
}

impl fmt::Debug for SqliteBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteBus").finish_non_exhaustive()
    }
}

struct SqliteLog {
    readers: SqlitePool,
    writer: Writer,
    /// A connection besides the pool's, which answers whether others have changed something. `None` where there can be none: in
    /// memory, and with exclusive locking. Then each poll reads the table, with a connection of the pool.
    connection: Option<SqliteConnection>,
    version: Option<i64>,
    last: i64,
    pruned: Instant,
}

impl SqliteLog {
    async fn open(readers: SqlitePool, writer: Writer, tables: &[AnnouncedTable]) -> Result<Self, Error> {
        let (are_there, last) = writer
            .read(async {
                writer.check_file()?;
                let mut connection = readers.acquire().await?;
                let are_there = are_there(&mut connection, tables).await?;
                // Without them there may be no table.
                let last = if are_there { query_scalar(LAST).fetch_one(&mut *connection).await? } else { None };
                Ok((are_there, last))
            })
            .await
            .map_err(failure)?;
        if !are_there {
            let why = "triggers that announce changes are missing: they were dropped after the store was opened";
            return Err(Error::with_source(ErrorKind::Configuration, why));
        }
        let last = last.ok_or_else(incomplete)?;
        let mut connection = None;
        if writer.has_own_connection() {
            let options = readers.connect_options();
            let opened = writer.read(SqliteConnection::connect_with(&options)).await.map_err(failure)?;
            connection = Some(opened);
        }
        let mut log = Self { readers, writer, connection, version: None, last, pruned: Instant::now() };
        // What came in meanwhile is before the subscription, too.
        log.poll().await?;
        Ok(log)
    }

    async fn read(&mut self) -> Result<Vec<SqliteRow>, Error> {
        let (writer, last) = (&self.writer, self.last);
        let rows = query(ROWS).bind(last).bind(MOST);
        let Some(connection) = &mut self.connection else {
            return writer.read(rows.fetch_all(&self.readers)).await.map_err(failure);
        };
        let known = self.version;
        let (version, rows) = writer
            .read(async {
                let version: i64 = query_scalar(VERSION).fetch_one(&mut *connection).await?;
                let rows = if Some(version) == known { Vec::new() } else { rows.fetch_all(connection).await? };
                Ok((version, rows))
            })
            .await
            .map_err(failure)?;
        if self.version != Some(version) && rows.is_empty() {
            return Err(incomplete());
        }
        // If there are more rows, they are read whether or not there is another change.
        self.version = Some(version).filter(|_| i64::try_from(rows.len()).is_ok_and(|rows| rows < MOST));
        Ok(rows)
    }
}

impl ChangeLog for SqliteLog {
    async fn poll(&mut self) -> Result<Vec<Notice>, Error> {
        let mut notices = Vec::new();
        loop {
            let rows = self.read().await?;
            if rows.is_empty() && self.connection.is_none() {
                return Err(incomplete());
            }
            for row in &rows {
                let (number, smallest): (i64, i64) =
                    row.try_get(0).and_then(|number| Ok((number, row.try_get(3)?))).map_err(failure)?;
                if smallest > self.last {
                    return Err(incomplete());
                }
                if number > self.last {
                    let user = row.try_get(1).map_err(failure)?;
                    let digest = row.try_get(2).map_err(failure)?;
                    notices.push(Notice::Changed(subject(user, digest)));
                    self.last = number;
                }
            }
            if i64::try_from(rows.len()).is_ok_and(|rows| rows < MOST) {
                break;
            }
        }
        if self.pruned.elapsed() >= PRUNE_INTERVAL {
            self.pruned = Instant::now();
            let (readers, writer) = (self.readers.clone(), self.writer.clone());
            // It waits for the lock, and no poll waits for it.
            tokio::spawn(async move { prune(&readers, &writer).await });
        }
        Ok(notices)
    }
}

/// Deletes rows that every node has read.
pub(super) async fn prune(readers: &SqlitePool, writer: &Writer) -> Result<(), Error> {
    let is_old = query_scalar::<_, bool>(IS_OLD).fetch_one(readers);
    if writer.read(is_old).await.map_err(failure)? {
        writer.change(query(PRUNE)).await.map_err(failure)?;
    }
    Ok(())
}

fn incomplete() -> Error {
    Error::with_source(ErrorKind::Unavailable, "rows of the table of changes were deleted before they were read")
}
