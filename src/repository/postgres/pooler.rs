//! Refuses a connection pooler that shares the server's connections among its clients.
//!
//! A prepared statement lives in a connection of the server. Behind a pooler that changes the server connection between
//! two transactions, a statement of one client runs as the statement of the same name that another client has prepared.

use std::pin::pin;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, Row};
use tokio::time::timeout;

use crate::call_timeout::within_call_timeout;
use crate::error::{Error, ErrorKind};
use crate::repository::postgres::error::failure;

/// A server process and the start of its server. Two connections of the server that are open at once never agree in
/// both, and a connection keeps both.
const SESSION: &str = "SELECT pg_catalog.pg_backend_pid() || ' ' || pg_catalog.pg_postmaster_start_time()";

/// Who asks for their session, one after the other. The first three show a pooler that gives out the connection that it
/// got back last, or its connections in turn, if it has no other clients. The others are for one that has, and gives out
/// whichever connection is free: if there are two, it is overlooked once in 16,384 times, if there are five, once in
/// 10 to the power of 10.
const ORDER: [Connection; 16] = {
    use Connection::{First, Second};
    [
        First, Second, Second, First, First, Second, First, Second, Second, First, Second, First, First, Second,
        Second, First,
    ]
};

/// How long the second connection may take until the first is asked whether it is still answered. Our choice.
const HEAD_START: Duration = Duration::from_millis(500);

/// How often, and how soon after one another, the first connection is then asked. Our choice.
const ANSWERS_WHILE_WAITING: usize = 8;
const BETWEEN_ANSWERS: Duration = Duration::from_millis(25);

const REFUSAL: &str = "a connection pooler in front of PostgreSQL shares the server's connections among its clients \
    (pool_mode = transaction or statement), so that a prepared statement of one program runs as another program's: set \
    pool_mode = session, or connect to the server directly";

#[derive(Debug, Clone, Copy)]
enum Connection {
    First,
    Second,
}

/// Refuses a shared connection before anything is set on it.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) behind such a pooler.
pub(super) async fn refuse_shared_connections(options: &PgConnectOptions) -> Result<(), Error> {
    within_call_timeout(async {
        let mut first = PgConnection::connect_with(options).await.map_err(failure)?;
        refuse_shared_connection(&mut first, options).await?;
        first.close().await.map_err(failure)
    })
    .await
}

/// The same for a connection that is there already, with one more for a moment.
///
/// # Errors
/// As [`refuse_shared_connections`].
pub(super) async fn refuse_shared_connection(
    first: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<(), Error> {
    within_call_timeout(async {
        let mut second = PgConnection::connect_with(options).await.map_err(failure)?;
        compare(first, &mut second).await?;
        second.close().await.map_err(failure)
    })
    .await
}

async fn compare(first: &mut PgConnection, second: &mut PgConnection) -> Result<(), Error> {
    let mut seen = Sessions::default();
    for connection in ORDER {
        let session = match connection {
            Connection::First => session_of(first).await?,
            Connection::Second => match session_of_second(second, first, &mut seen).await? {
                Some(session) => session,
                None => return Ok(()),
            },
        };
        seen.add(connection, session)?;
    }
    Ok(())
}

/// `None` if it has none, and waits until the first gives up its own: so does the client of a pooler in session mode that
/// has no server connection left. A pooler that shares them lets the two take turns.
async fn session_of_second(
    second: &mut PgConnection,
    first: &mut PgConnection,
    seen: &mut Sessions,
) -> Result<Option<String>, Error> {
    let mut answer = pin!(session_of(second));
    if let Ok(session) = timeout(HEAD_START, &mut answer).await {
        return session.map(Some);
    }
    for _ in 0..ANSWERS_WHILE_WAITING {
        seen.add(Connection::First, session_of(first).await?)?;
        if let Ok(session) = timeout(BETWEEN_ANSWERS, &mut answer).await {
            return session.map(Some);
        }
    }
    Ok(None)
}

/// By the simple protocol, which prepares nothing.
async fn session_of(connection: &mut PgConnection) -> Result<String, Error> {
    let row = sqlx::raw_sql(SESSION).fetch_one(connection).await.map_err(failure)?;
    row.try_get(0).map_err(failure)
}

/// The sessions in which two connections were seen.
#[derive(Debug, Default)]
struct Sessions {
    first: Option<String>,
    second: Option<String>,
}

impl Sessions {
    /// Refuses a connection that changes its session, and two that have one.
    fn add(&mut self, connection: Connection, session: String) -> Result<(), Error> {
        let (own, other) = match connection {
            Connection::First => (&mut self.first, &self.second),
            Connection::Second => (&mut self.second, &self.first),
        };
        let changed = own.as_ref().is_some_and(|own| *own != session);
        if changed || other.as_ref() == Some(&session) {
            return Err(Error::with_source(ErrorKind::Configuration, REFUSAL));
        }
        *own = Some(session);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn refused(mut session: impl FnMut(Connection) -> usize) -> bool {
        let mut seen = Sessions::default();
        ORDER.into_iter().any(|connection| seen.add(connection, session(connection).to_string()).is_err())
    }

    #[test]
    fn connections_of_their_own_are_accepted() {
        assert!(!refused(|connection| match connection {
            Connection::First => 1,
            Connection::Second => 2,
        }));
    }

    #[test]
    fn a_pool_that_gives_out_the_last_connection_is_refused() {
        assert!(refused(|_| 1));
    }

    #[test]
    fn a_pool_that_gives_out_its_connections_in_turn_is_refused() {
        for size in 1..100 {
            let mut idle: VecDeque<usize> = (0..size).collect();
            assert!(
                refused(|_| {
                    idle.rotate_left(1);
                    idle[0]
                }),
                "{size} connections"
            );
        }
    }

    #[test]
    fn of_two_connections_that_are_given_out_at_random_few_orders_pass() {
        let passed = (0_u32..1 << ORDER.len()).filter(|random| {
            let mut random = *random;
            !refused(|_| {
                random = random.rotate_right(1);
                (random >> 31) as usize
            })
        });
        assert_eq!(passed.count(), 2, "of 65,536");
    }
}
