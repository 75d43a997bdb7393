//! One call to a database server: a connection of the pool, one statement, and what becomes of both.
//!
//! Every call of the stores on servers goes through here. A look-up is a statement that may be sent twice without harm.
//!
//! | what happened | look-up | change |
//! |---|---|---|
//! | the answer came whole | the connection goes back | the same |
//! | the statement met data or a lock | the connection goes back, the error is the answer | the same |
//! | it lost a deadlock, so nothing was done | sent again | sent again |
//! | the server refused it for the state of the connection | sent again on another connection | the same |
//! | the connection died while it was idle | sent again on another connection | the same: it is pinged before |
//! | the connection died under the statement | sent again on another connection | an error: it may have been done |
//! | no answer | sent again on another connection, after a second | an error, after five seconds |
//!
//! From the fourth line on the connection is closed at once, and so are the idle ones of the pool, which most likely
//! share its fate: the next attempt opens a new one.

use std::time::Duration;

use sqlx::database::{Database, HasStatementCache};
use sqlx::pool::Pool;
use sqlx::query::Query;
use sqlx::{Connection, Execute, Executor, IntoArguments, SqlStr, query_with};
use tokio::time::{Instant, timeout_at};

use crate::call_timeout::CALL_TIMEOUT;
use crate::error::{Error, ErrorKind};
use crate::repository::sql::aftermath::Aftermath;
use crate::repository::sql::borrowed::{Borrowed, BoxFuture, Finish, close_idle};

/// How long the first attempt of a look-up may take, and a ping. Our choice: a thousand times what they take, and short
/// enough that a second attempt fits into the time that people wait.
const FIRST_ATTEMPT: Duration = Duration::from_secs(1);

/// How often a statement that lost a deadlock is sent again. Our choice.
const DEADLOCKS: u32 = 10;

/// How often a call takes another connection. Our choice: once, and once more for a connection that died meanwhile.
const OTHER_CONNECTIONS: u32 = 2;

/// A pool of connections to a server, and what the server's errors mean.
#[derive(Debug)]
pub(in crate::repository) struct Calls<DB: Database> {
    pub(in crate::repository) pool: Pool<DB>,
    pub(in crate::repository) aftermath: fn(&sqlx::Error) -> Aftermath,
    pub(in crate::repository) failure: fn(sqlx::Error) -> Error,
}

/// What is done on one connection.
#[cfg(feature = "trongate")]
type Work<DB, A, T> = for<'c> fn(&'c mut <DB as Database>::Connection, A) -> BoxFuture<'c, Result<T, sqlx::Error>>;

/// Whether the work may be done twice without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    LookUp,
    Change,
}

/// How one attempt ended.
enum Outcome<T> {
    Answered(T),
    Failed(sqlx::Error),
    /// Before anything was sent. There is no error if the connection kept silent.
    DiedIdle(Option<sqlx::Error>),
    NoAnswer,
}

impl<DB> Calls<DB>
where
    DB: Database + HasStatementCache,
    DB::Arguments: Clone + IntoArguments<DB> + 'static,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// All rows that a look-up finds.
    pub(in crate::repository) async fn rows(
        &self,
        query: Query<'static, DB, DB::Arguments>,
    ) -> Result<Vec<DB::Row>, Error> {
        let statement = self.statement(query)?;
        self.call(Kind::LookUp, move |connection| connection.fetch_all(statement.query())).await
    }

    /// Runs a statement that changes something.
    pub(in crate::repository) async fn change(
        &self,
        query: Query<'static, DB, DB::Arguments>,
    ) -> Result<DB::QueryResult, Error> {
        let statement = self.statement(query)?;
        self.call(Kind::Change, move |connection| connection.execute(statement.query())).await
    }

    fn statement(&self, mut query: Query<'static, DB, DB::Arguments>) -> Result<Statement<DB>, Error> {
        let arguments = query.take_arguments().map_err(|error| (self.failure)(sqlx::Error::Encode(error)))?;
        let persistent = Execute::persistent(&query);
        Ok(Statement { arguments: arguments.unwrap_or_default(), persistent, sql: Execute::sql(query) })
    }
}

impl<DB: Database> Calls<DB> {
    /// Does several things on one connection that change something. If one of them fails, none may have been done.
    #[cfg(feature = "trongate")]
    pub(in crate::repository) async fn work<T: Send + 'static, A: Clone + Send + 'static>(
        &self,
        arguments: A,
        work: Work<DB, A, T>,
    ) -> Result<T, Error> {
        self.call(Kind::Change, move |connection| work(connection, arguments.clone())).await
    }

    async fn call<T, W>(&self, kind: Kind, mut work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut DB::Connection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let (mut deadlocks, mut others) = (0, 0);
        loop {
            let connection = timeout_at(deadline, self.pool.acquire()).await.map_err(|_elapsed| timed_out())?;
            let connection = Borrowed::new(connection.map_err(self.failure)?);
            let end = match (kind, others) {
                (Kind::LookUp, 0) => Instant::now() + FIRST_ATTEMPT,
                _ => deadline,
            };
            let outcome;
            (outcome, work) = Finish::new(attempt(connection, kind, end.min(deadline), work, self.aftermath)).await;
            let (error, may_be_sent_again) = match outcome {
                Outcome::Answered(answer) => return Ok(answer),
                Outcome::Failed(error) => match (self.aftermath)(&error) {
                    Aftermath::Deadlock if deadlocks < DEADLOCKS => {
                        deadlocks += 1;
                        tokio::task::yield_now().await;
                        continue;
                    }
                    Aftermath::Deadlock | Aftermath::Usable => return Err((self.failure)(error)),
                    // A connection that was busy meanwhile may come back with the same state.
                    Aftermath::Refused => ((self.failure)(error), true),
                    Aftermath::Broken => ((self.failure)(error), kind == Kind::LookUp),
                },
                Outcome::DiedIdle(error) => (error.map_or_else(timed_out, self.failure), true),
                Outcome::NoAnswer => (timed_out(), kind == Kind::LookUp && others == 0),
            };
            close_idle(&self.pool);
            if !may_be_sent_again || others == OTHER_CONNECTIONS || Instant::now() >= deadline {
                return Err(error);
            }
            others += 1;
        }
    }
}

/// Gives the connection back if it is as good as before, and closes it otherwise.
async fn attempt<DB, T, W>(
    mut connection: Borrowed<DB>,
    kind: Kind,
    end: Instant,
    work: W,
    aftermath: fn(&sqlx::Error) -> Aftermath,
) -> (Outcome<T>, W)
where
    DB: Database,
    W: for<'c> Fn(&'c mut DB::Connection) -> BoxFuture<'c, Result<T, sqlx::Error>>,
{
    let Some(raw) = connection.raw() else { return (Outcome::DiedIdle(None), work) };
    if kind == Kind::Change {
        match timeout_at(end.min(Instant::now() + FIRST_ATTEMPT), raw.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return (Outcome::DiedIdle(Some(error)), work),
            Err(_elapsed) => return (Outcome::DiedIdle(None), work),
        }
    }
    let outcome = match timeout_at(end, work(raw)).await {
        Ok(Ok(answer)) => {
            connection.give_back();
            Outcome::Answered(answer)
        }
        Ok(Err(error)) => {
            if matches!(aftermath(&error), Aftermath::Usable | Aftermath::Deadlock) {
                connection.give_back();
            }
            Outcome::Failed(error)
        }
        Err(_elapsed) => Outcome::NoAnswer,
    };
    (outcome, work)
}

fn timed_out() -> Error {
    Error::with_source(ErrorKind::TimedOut, "the database server did not answer")
}

/// A statement that can be sent again.
struct Statement<DB: Database> {
    sql: SqlStr,
    arguments: DB::Arguments,
    persistent: bool,
}

impl<DB> Statement<DB>
where
    DB: Database + HasStatementCache,
    DB::Arguments: Clone + IntoArguments<DB>,
{
    fn query(&self) -> Query<'static, DB, DB::Arguments> {
        query_with(self.sql.clone(), self.arguments.clone()).persistent(self.persistent)
    }
}

impl<DB: Database> Clone for Calls<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), aftermath: self.aftermath, failure: self.failure }
    }
}
