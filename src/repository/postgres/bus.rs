//! The notifications of PostgreSQL as a bus.

use std::fmt;

use async_trait::async_trait;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Acquire, Executor, Row, query, raw_sql};

use crate::call_timeout::within_call_timeout;
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::repository::postgres::announced::{self, MAX_ID_BYTES};
use crate::repository::postgres::error::failure;
use crate::repository::sql::{AnnouncedTable, Calls, id_of_text, text_of_id};
use crate::repository::{ChangeBus, ChangeSubscription, Notice, Subject};
use crate::user::UserId;

/// A session that listens is idle by nature. (PostgreSQL 14 and later.)
const SESSION: &str = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
    WHERE name = 'idle_session_timeout'";

/// Says as well whether the server takes changes: what is notified on one that does not proves nothing.
const NOTIFY: &str = "SELECT pg_catalog.current_setting('transaction_read_only') = 'off',
    pg_catalog.pg_notify($1, $2)::pg_catalog.text";

/// As [`NOTIFY`], without a wait for the disk: transactions that notify commit one after the other, and a heartbeat that a crash loses
/// shows that the bus has failed.
const HEARTBEAT: &str = "SELECT pg_catalog.current_setting('transaction_read_only') = 'off',
    pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.pg_notify($1, $2)::pg_catalog.text";

/// The notifications of the triggers on these tables.
pub(super) struct PostgresBus {
    calls: Calls<sqlx::Postgres>,
    tables: Vec<AnnouncedTable>,
}

/// What one node receives, on a connection of its own.
struct Subscription {
    calls: Calls<sqlx::Postgres>,
    /// `None`: it is over.
    listener: Option<PgListener>,
    heartbeats: String,
    ids: Ids,
}

/// How the text of a message spells a user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// As our own tables do, with quotes around a text that could be taken for something else.
    OfOurTables,
    /// As it is.
    Plain,
}

impl PostgresBus {
    pub(super) fn new(calls: Calls<sqlx::Postgres>, tables: Vec<AnnouncedTable>) -> Self {
        Self { calls, tables }
    }

    fn ids(&self) -> Ids {
        let are_ours = self.tables.first().is_some_and(|tokens| tokens.owner.is_empty());
        if are_ours { Ids::OfOurTables } else { Ids::Plain }
    }

    async fn listener(&self, heartbeats: &str) -> Result<PgListener, Error> {
        let options = (*self.calls.pool.connect_options()).clone();
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let pool = pool.connect_with(options).await.map_err(failure)?;
        let mut listener = PgListener::connect_with(&pool).await.map_err(failure)?;
        // A lost connection is the end of the subscription.
        listener.eager_reconnect(false);
        listener.ignore_pool_close_event(true);
        let connection = (&mut listener).acquire().await.map_err(failure)?;
        connection.execute(raw_sql(SESSION)).await.map_err(failure)?;
        let channel = announced::channel(&mut *connection, &self.tables).await?;
        if !announced::missing(&mut *connection, &self.tables).await?.is_empty() {
            let source = "triggers that announce changes are missing: call `migrate`";
            return Err(Error::with_source(ErrorKind::Configuration, source));
        }
        listener.listen_all([channel.as_str(), heartbeats]).await.map_err(failure)?;
        Ok(listener)
    }
}

#[async_trait]
impl ChangeBus for PostgresBus {
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> {
        let mut name = [0; 16];
        random::fill(&mut name)?;
        let heartbeats = format!("tower_tokens_heartbeats_{:032x}", u128::from_ne_bytes(name));
        let listener = within_call_timeout(self.listener(&heartbeats)).await?;
        let (calls, ids) = (self.calls.clone(), self.ids());
        Ok(Box::new(Subscription { calls, listener: Some(listener), heartbeats, ids }))
    }

    async fn announce(&self, subject: &Subject) -> Result<(), Error> {
        let channel = within_call_timeout(async {
            let mut connection = self.calls.pool.acquire().await.map_err(failure)?;
            announced::channel(&mut connection, &self.tables).await
        });
        notify(&self.calls, NOTIFY, channel.await?, self.ids().message(subject)).await
    }
}

/// Notifies through the store's connections. It is a look-up: what is notified twice does no harm.
async fn notify(
    calls: &Calls<sqlx::Postgres>,
    statement: &'static str,
    channel: String,
    message: String,
) -> Result<(), Error> {
    let rows = calls.rows(query(statement).bind(channel).bind(message)).await?;
    let takes_changes = rows.first().map(|row| row.try_get::<bool, _>(0)).transpose().map_err(failure)?;
    if takes_changes != Some(true) {
        return Err(Error::with_source(ErrorKind::Unavailable, "the server takes no changes"));
    }
    Ok(())
}

#[async_trait]
impl ChangeSubscription for Subscription {
    async fn next(&mut self) -> Result<Notice, Error> {
        // Cancel safe: sqlx takes a message out of its buffer only when it is whole.
        let received = match &mut self.listener {
            Some(listener) => listener.try_recv().await,
            None => Ok(None),
        };
        let error = match received {
            Ok(Some(notification)) if notification.channel() == self.heartbeats => {
                let number = notification.payload().parse();
                return number.map(Notice::Heartbeat).map_err(|_| ErrorKind::Corrupt.into());
            }
            Ok(Some(notification)) => return Ok(Notice::Changed(self.ids.subject(notification.payload()))),
            Ok(None) => Error::with_source(ErrorKind::Unavailable, "the subscription's connection to PostgreSQL ended"),
            Err(error) => Error::with_source(ErrorKind::Unavailable, failure(error)),
        };
        close(self.listener.take());
        Err(error)
    }

    async fn heartbeat(&mut self, number: u64) -> Result<(), Error> {
        notify(&self.calls, HEARTBEAT, self.heartbeats.clone(), number.to_string()).await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        close(self.listener.take());
    }
}

/// Closes the connection at once.
///
/// A listener that is dropped has a task ask the server to stop the notifications, and the task waits for the answer. On a
/// connection that is silently dead it would wait until the operating system gives up, which may take a quarter of an hour. So it
/// becomes a task of a runtime that ends before it runs, and the connection ends with it.
fn close(listener: Option<PgListener>) {
    let Some(listener) = listener else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let context = runtime.enter();
    drop(listener);
    drop(context);
    runtime.shutdown_background();
}

impl Ids {
    fn message(self, subject: &Subject) -> String {
        let text = match (self, subject) {
            (Self::OfOurTables, Subject::User(id)) => format!("u{}", text_of_id(&UserId::from(&**id))),
            _ => subject.to_text(),
        };
        // What a message cannot hold.
        if text.len() > MAX_ID_BYTES || text.contains('\0') { Subject::Everything.to_text() } else { text }
    }

    fn subject(self, message: &str) -> Subject {
        let is_quoted = self == Self::OfOurTables && message.starts_with("u\"");
        match is_quoted.then(|| id_of_text(&message[1..])) {
            Some(id) => id.map_or(Subject::Everything, |id| Subject::from(&id)),
            None => Subject::from_text(message),
        }
    }
}

impl fmt::Debug for PostgresBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<_> = self.tables.iter().map(|table| &table.name).collect();
        f.debug_struct("PostgresBus").field("tables", &tables).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_subject_survives_its_message(id in "[\"]?[\\x01-\\x40é \"\\\\]{0,20}") {
            let subject = Subject::User(id);
            for ids in [Ids::OfOurTables, Ids::Plain] {
                prop_assert_eq!(ids.subject(&ids.message(&subject)), subject.clone());
            }
        }

        #[test]
        fn no_message_makes_it_panic(message in ".*") {
            let _ = (Ids::OfOurTables.subject(&message), Ids::Plain.subject(&message));
        }
    }

    #[test]
    fn the_column_of_a_user_is_read_as_their_id() {
        for id in [UserId::from(42), UserId::from("42"), UserId::from(""), UserId::from("ann "), UserId::from("a\0")] {
            let message = format!("u{}", text_of_id(&id));
            assert_eq!(Ids::OfOurTables.subject(&message), Subject::from(&id));
        }
        assert_eq!(Ids::Plain.subject("u\"42\""), Subject::User("\"42\"".to_owned()), "the application's own text");
        assert_eq!(Ids::OfOurTables.subject("u\"42"), Subject::Everything);
        assert_eq!(Ids::Plain.message(&Subject::User("x".repeat(MAX_ID_BYTES))), "*");
        assert_eq!(Ids::Plain.message(&Subject::User("a\0".to_owned())), "*");
    }
}
