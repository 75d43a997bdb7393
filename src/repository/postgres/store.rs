//! Its connections, and how statements are run.

use std::fmt;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgRow, Postgres};
use sqlx::{ConnectOptions, Executor};

use crate::error::Error;
use crate::repository::patience::within_patience;
use crate::repository::postgres::failure::{failure, lost_a_deadlock};
use crate::repository::postgres::schema::{MIGRATIONS, migrate};
use crate::repository::sql::{bounded, retrying};

/// Tokens, users and levels in a PostgreSQL database. Clones share the same connections.
///
/// A validation is one prepared statement, by digest. Our tables have names that begin with `tower_tokens_` and lie in
/// the first schema of the connections' search path; [`migrate`](Self::migrate) makes them. Every call is answered within
/// 5 seconds, if need be with an error.
///
/// # Durability
/// A change is as durable as a commit of the server is: with PostgreSQL's default, `synchronous_commit = on`, it is on
/// disk when its method returns. The connections have to lead to the primary: a replica that lags sees tokens that were
/// ended already.
///
/// # Security
/// The database holds digests, never a token. Statements are not logged. Without one of sqlx's TLS features
/// (`tls-rustls-ring-webpki` and others, named in the application's own `Cargo.toml`) the connections are not encrypted:
/// `sslmode=prefer`, sqlx's default, falls back to plain text, and `sslmode=verify-full` refuses to connect.
///
/// # Example
/// ```no_run
/// use tower_tokens::repository::{PostgresRepository, UserRepository};
///
/// # async fn example() -> Result<(), tower_tokens::error::Error> {
/// let repository = PostgresRepository::connect("postgres://app@db.example/members").await?;
/// repository.migrate().await?;
/// let admin = repository.create_level("admin").await?;
/// assert_eq!(admin.title(), "admin");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresRepository {
    pool: PgPool,
}

impl PostgresRepository {
    /// Connects to the database that this URL names, `postgres://user:password@host:port/database`, with up to ten
    /// connections.
    ///
    /// A statement that waits for a lock of somebody else's gives up after 3 seconds (`lock_timeout`), so that it does
    /// not keep its connection for ever.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) for a URL that is none, and as [`TokenRepository`](super::super::TokenRepository).
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(failure)?;
        let pool = bounded().after_connect(|connection: &mut PgConnection, _| {
            Box::pin(async move { connection.execute("SET lock_timeout = '3s'").await.map(drop) })
        });
        let pool = pool.connect_with(options.disable_statement_logging());
        within_patience(async { pool.await.map_err(failure) }).await.map(Self::with_pool)
    }

    /// Uses a pool of the application's own.
    ///
    /// Set [`test_before_acquire(false)`](sqlx::pool::PoolOptions::test_before_acquire): sqlx's default asks the
    /// database twice where once is enough. A bounded `acquire_timeout` and a `lock_timeout` are advisable too, as
    /// [`connect`](Self::connect) has them.
    #[must_use]
    pub const fn with_pool(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Creates our tables, or brings those of an older release up to date. Call it when the application starts.
    ///
    /// Any number of nodes may do so at once: one does the work, the others wait for it. It all happens in one
    /// transaction, and it is the only method that is not bound to 5 seconds.
    ///
    /// # Errors
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt) when a later release has made the tables newer than this one knows; otherwise as
    /// [`TokenRepository`](super::super::TokenRepository).
    pub async fn migrate(&self) -> Result<(), Error> {
        migrate(&self.pool, MIGRATIONS).await
    }

    /// The connections, for the application's own tables in the same database.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The only row of an answer, if there is one.
    pub(super) async fn one(&self, query: Query<'_>) -> Result<Option<PgRow>, Error> {
        within_patience(async { query.fetch_optional(&self.pool).await.map_err(failure) }).await
    }

    /// All rows of an answer.
    pub(super) async fn all(&self, query: Query<'_>) -> Result<Vec<PgRow>, Error> {
        within_patience(async { query.fetch_all(&self.pool).await.map_err(failure) }).await
    }

    /// Runs one statement that changes something. Says how many rows.
    pub(super) async fn change<'q>(&self, query: impl Fn() -> Query<'q>) -> Result<u64, Error> {
        let done = retrying(lost_a_deadlock, || query().execute(&self.pool));
        within_patience(async { done.await.map(|done| done.rows_affected()).map_err(failure) }).await
    }

    /// Runs one statement that changes at most one row and returns it.
    pub(super) async fn change_returning<'q>(&self, query: impl Fn() -> Query<'q>) -> Result<Option<PgRow>, Error> {
        let done = retrying(lost_a_deadlock, || query().fetch_all(&self.pool));
        within_patience(async { done.await.map(|mut rows| rows.pop()).map_err(failure) }).await
    }
}

/// A statement and its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

impl fmt::Debug for PostgresRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = (self.pool.size(), self.pool.num_idle());
        f.debug_struct("PostgresRepository").field("connections_and_idle", &connections).finish_non_exhaustive()
    }
}
