//! [`PostgresRepository`]: its connections, and how statements are run.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgRow};
use sqlx::{ConnectOptions, Executor, raw_sql};

use crate::call_timeout::within_call_timeout;
use crate::error::Error;
use crate::repository::ChangeBus;
use crate::repository::postgres::bus::PostgresBus;
use crate::repository::postgres::error::{aftermath, failure};
use crate::repository::postgres::pooler::refuse_shared_connections;
use crate::repository::postgres::schema::{MIGRATIONS, migrate};
use crate::repository::sql::{AnnouncedTable, Calls, Dialect, SqlRepository, Statement, Texts, Value, bounded};

/// What our statements rely on, whatever the server's, the database's and the role's defaults are.
///
/// `default_transaction_read_only` is not among it: somebody who sets it fences the server off, and an error says so.
const SESSION: &str = "SET lock_timeout = '3s'; SET statement_timeout = '5s';
    SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off";

/// Tokens, users and levels in a PostgreSQL database. Clones share the same connections.
///
/// A validation is one prepared statement, by digest. Our tables have names that begin with `tower_tokens_` and lie in
/// the first schema of the connections' search path; [`migrate`](Self::migrate) makes them. Every call is answered within
/// 5 seconds, if need be with an error.
///
/// # Connections
/// A connection that dies silently, idles to death, leads to a server that was demoted or keeps an error that a new one
/// would not have is closed, together with the idle ones, and its place in the pool is free at once. A look-up is then
/// sent again on a new connection, at the latest after one second. A change is sent again only if it was not done: its
/// connection is pinged before. sqlx 0.9 cannot set TCP keep-alive or `TCP_USER_TIMEOUT`.
///
/// # Changes
/// Triggers announce each end and each change with `NOTIFY`, in the transaction that makes it, whoever makes it: an administrator's
/// SQL, a `TRUNCATE`, another program. Logins, and the uses and rotations of a token, are not announced. [`migrate`](Self::migrate) makes the
/// triggers. In a session with `session_replication_role = replica` they do nothing. An application's own users are announced with
/// [`announce_changes`](super::super::UserTable::announce_changes); without it the store has no bus. Two schemas have two channels.
///
/// A subscription has a connection of its own beside the pool, with the options of the pool, and fails as soon as it is
/// lost. It is an error where triggers are missing. Each heartbeat uses a transaction number, and does not wait for the disk.
///
/// PostgreSQL lets only one transaction that notifies commit at a time, its write to the disk included: ends and changes that come at once
/// wait for each other. If a session listens and stays in one transaction until the queue of notifications is full
/// (8 GB), `NOTIFY` fails, and each end and each change with it, as an outage.
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
pub type PostgresRepository = SqlRepository<Postgres>;

/// PostgreSQL, for [`PostgresRepository`].
#[derive(Debug, Clone)]
pub struct Postgres {
    calls: Calls<sqlx::Postgres>,
}

impl SqlRepository<Postgres> {
    /// Connects to the database that this URL names, `postgres://user:password@host:port/database`, with up to ten
    /// connections.
    ///
    /// Each connection sets what the statements rely on, whatever the defaults of the server, the database and the role
    /// are: `READ COMMITTED`, `lock_timeout` 3 seconds, `statement_timeout` 5 seconds. `default_transaction_read_only` is
    /// left as it is, because it is a way to fence a server off: changes are then errors.
    ///
    /// # Connection poolers
    /// A pooler that shares the server's connections among its clients is refused: `pool_mode = transaction` or
    /// `statement` of PgBouncer, and their like. A prepared statement belongs to a connection of the server, so that behind
    /// such a pooler the statement of one program would run as another program's. Before anything is set, two connections
    /// are compared for this: it takes up to 5 seconds, 16 short questions, and one connection that is open for a moment.
    /// A pooler that keeps prepared statements apart (PgBouncer 1.21 and its `max_prepared_statements`) is refused as well,
    /// because what a connection sets would reach its other clients.
    ///
    /// `pool_mode = session` works with `ignore_startup_parameters = extra_float_digits`, which sqlx sends, and with a
    /// `pool_size` of ten for each node, and of eleven with a cache.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) for a URL that cannot be parsed and for a pooler that
    /// shares connections, and as [`TokenRepository`](super::super::TokenRepository).
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(failure)?;
        let pool = bounded().after_connect(|connection: &mut PgConnection, _| {
            Box::pin(async move { connection.execute(raw_sql(SESSION)).await.map(drop) })
        });
        let options = options.disable_statement_logging();
        refuse_shared_connections(&options).await?;
        let pool = pool.connect_with(options);
        within_call_timeout(async { pool.await.map_err(failure) }).await.map(Self::with_pool)
    }

    /// Uses a pool of the application's own.
    ///
    /// Set [`test_before_acquire(false)`](sqlx::pool::PoolOptions::test_before_acquire): sqlx's default asks the
    /// database twice where once is enough. A bounded `acquire_timeout`, a `lock_timeout` and a `statement_timeout` are
    /// advisable too, as [`connect`](Self::connect) has them. Whether a pooler in front of the server shares its connections
    /// is checked by [`migrate`](Self::migrate), not here: the pool has set then what it sets on its connections.
    #[must_use]
    pub fn with_pool(pool: PgPool) -> Self {
        Self::new(Postgres { calls: Calls { pool, aftermath, failure } })
    }

    /// Creates our tables, or brings those of an older release up to date. Call it when the application starts.
    ///
    /// Any number of nodes may do so at once: one does the work, the others wait for it. It all happens in one
    /// transaction, and it is the only method that is not bound to 5 seconds. A connection pooler that shares the server's
    /// connections is refused first, as [`connect`](Self::connect) does.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) behind such a pooler;
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt) when a later release has made the tables newer than this one knows; otherwise as
    /// [`TokenRepository`](super::super::TokenRepository).
    pub async fn migrate(&self) -> Result<(), Error> {
        migrate(self.pool(), MIGRATIONS).await
    }
}

impl<U> SqlRepository<Postgres, U> {
    /// The connections, for the application's own tables in the same database.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.database.calls.pool
    }
}

impl Postgres {
    pub(super) const fn calls(&self) -> &Calls<sqlx::Postgres> {
        &self.calls
    }
}

impl Dialect for Postgres {
    type Row = PgRow;

    const NAME: &'static str = "PostgresRepository";

    const TEXTS: Texts = Texts {
        // Rows that another call holds are passed over: many may prune at once, and none waits. The array makes sure that
        // the limit is applied once, whatever the planner makes of the rest.
        delete_expired: "DELETE FROM {tokens} WHERE digest = ANY (ARRAY(
                SELECT digest FROM {tokens} WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2
                FOR UPDATE SKIP LOCKED
            ))",
        users: "SELECT u.id, u.disabled, l.id, l.title
            FROM tower_tokens_users AS u JOIN tower_tokens_levels AS l ON l.id = u.level_id
            ORDER BY u.text_bytes NULLS FIRST, u.number LIMIT $1 OFFSET $2",
        ..Texts::STANDARD
    };

    async fn rows(&self, statement: &Statement, values: &[Value<'_>]) -> Result<Vec<PgRow>, Error> {
        self.calls.rows(statement.with(values)).await
    }

    async fn change(&self, statement: &Statement, values: &[Value<'_>]) -> Result<u64, Error> {
        Ok(self.calls.change(statement.with(values)).await?.rows_affected())
    }

    fn failure(error: sqlx::Error) -> Error {
        failure(error)
    }

    fn change_bus(&self, tables: Vec<AnnouncedTable>) -> Option<Arc<dyn ChangeBus>> {
        Some(Arc::new(PostgresBus::new(self.calls.clone(), tables)))
    }

    fn connections(&self) -> (u32, usize) {
        (self.calls.pool.size(), self.calls.pool.num_idle())
    }
}
