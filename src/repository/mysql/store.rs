//! [`MySqlRepository`]: its connections, and how statements are run.

use std::sync::Arc;

use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlRow};

use crate::call_timeout::within_call_timeout;
use crate::error::Error;
use crate::repository::ChangeBus;
use crate::repository::mysql::error::failure;
use crate::repository::mysql::schema::{MIGRATIONS, announce_if_allowed, migrate};
use crate::repository::sql::{
    AnnouncedTable, Calls, Dialect, MySqlBus, Placeholders, SqlRepository, Statement, Texts, Value, check_session,
    mysql_aftermath, mysql_pool, prune,
};

/// What every connection of ours begins with besides the settings of all stores on MySQL. It takes no locks on what is
/// not there, so that pruning never keeps a login waiting.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Tokens, users and levels in a MySQL (8 and later) or MariaDB (10.6 and later) database. Clones share the same
/// connections. The conformance suite and the fault drills have been run against MariaDB 10.11 and MySQL 9.7.
///
/// A validation is one prepared statement, by digest. Our tables have names that begin with `tower_tokens_` and lie in
/// the connections' database; [`migrate`](Self::migrate) makes them. Every call is answered within 5 seconds, if need be
/// with an error.
///
/// # Connections
/// A connection that dies silently, idles to death (`wait_timeout`), leads to a server that was demoted or keeps an error
/// that a new one would not have is closed, together with the idle ones, and its place in the pool is free at once. A
/// look-up is then sent again on a new connection, at the latest after one second. A change is sent again only if it was
/// not done: its connection is pinged before. sqlx 0.9 cannot set TCP keep-alive or `TCP_USER_TIMEOUT`.
///
/// # Speed
/// On the server's own machine prefer its Unix socket (`?socket=/run/mysqld/mysqld.sock`): sqlx leaves Nagle's algorithm
/// on for TCP connections. Every statement of ours is prepared, which keeps clear of the 40 ms that this can cost, but
/// the socket is the faster way all the same.
///
/// # Durability
/// A change is as durable as a commit of the server is: with the default, `innodb_flush_log_at_trx_commit = 1`, it is on
/// disk when its method returns. The connections have to lead to the primary: a replica that lags sees tokens that were
/// ended already.
///
/// # Changes
/// Triggers write down in the table `tower_tokens_changes` whose tokens, level or state have changed, in the transaction of the
/// change, whoever makes it. [`migrate`](Self::migrate) makes them, which needs the privilege `TRIGGER`, and on a server with a binary log
/// `log_bin_trust_function_creators = 1` or the privilege `SUPER`: without it the store works, a warning is logged, and its
/// [bus](crate::repository::TokenRepository::change_bus) refuses to subscribe. They run with the rights of the account that made them,
/// which has to stay. `TRUNCATE TABLE` and the `ON DELETE CASCADE` of an application's own tables fire no triggers.
///
/// The bus reads the table every 250 milliseconds, on one connection for each node besides those of the pool. It also reads what is
/// not committed yet: a change in a transaction that stays open is known before, and none is missed that is committed after a later one.
/// Rows older than ten minutes are deleted. A Galera cluster and servers that write at once are refused: there use a bus
/// beside the store.
///
/// # Security
/// The database holds digests, never a token. Statements are not logged. Without one of sqlx's TLS features
/// (`tls-rustls-ring-webpki` and others, named in the application's own `Cargo.toml`) the connections are not encrypted:
/// `ssl-mode=PREFERRED`, sqlx's default, falls back to plain text, and `ssl-mode=VERIFY_IDENTITY` refuses to connect.
///
/// A MySQL account with a password (`caching_sha2_password`, the default since 8.0) needs TLS, over the Unix socket too,
/// or, over TCP, sqlx's feature `mysql-rsa`. Without them the server accepts the account only while it remembers its password
/// from a client that had them, and no longer once it is restarted: over TCP the error is
/// [`Configuration`](crate::error::ErrorKind::Configuration) and says so, over the Unix socket sqlx 0.9 cannot tell it
/// from a wrong password ("Access denied").
///
/// # Example
/// ```no_run
/// use tower_tokens::repository::{MySqlRepository, UserRepository};
///
/// # async fn example() -> Result<(), tower_tokens::error::Error> {
/// let repository = MySqlRepository::connect("mysql://app@db.example/members").await?;
/// repository.migrate().await?;
/// let admin = repository.create_level("admin").await?;
/// assert_eq!(admin.title(), "admin");
/// # Ok(())
/// # }
/// ```
pub type MySqlRepository = SqlRepository<MySql>;

/// MySQL and MariaDB, for [`MySqlRepository`].
#[derive(Debug, Clone)]
pub struct MySql {
    calls: Calls<sqlx::MySql>,
}

impl SqlRepository<MySql> {
    /// Connects to the database that this URL names, `mysql://user:password@host:port/database`, with up to ten
    /// connections.
    ///
    /// Each connection sets what the statements rely on, whatever the server's defaults and its `init_connect` are:
    /// `autocommit`, `READ COMMITTED`, a strict `sql_mode`, `foreign_key_checks`, no safe updates and no limit of rows, and
    /// 3 seconds for row locks and metadata locks (`innodb_lock_wait_timeout`, `lock_wait_timeout`).
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) for a URL that cannot be parsed, and as
    /// [`TokenRepository`](super::super::TokenRepository).
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options: MySqlConnectOptions = url.parse().map_err(failure)?;
        let pool = mysql_pool(&[ISOLATION]).connect_with(options.disable_statement_logging());
        within_call_timeout(async { pool.await.map_err(failure) }).await.map(Self::with_pool)
    }

    /// Uses a pool of the application's own.
    ///
    /// Set [`test_before_acquire(false)`](sqlx::pool::PoolOptions::test_before_acquire): sqlx's default asks the
    /// database twice where once is enough. A bounded `acquire_timeout`, `READ COMMITTED` and a short
    /// `innodb_lock_wait_timeout` are advisable too, as [`connect`](Self::connect) has them. Keep sqlx's default of
    /// counting the rows that a statement found and not those that it changed. [`migrate`](Self::migrate) refuses a pool
    /// whose sessions would lose changes, for instance with `autocommit = 0`: set such things in `after_connect`.
    #[must_use]
    pub fn with_pool(pool: MySqlPool) -> Self {
        Self::new(MySql { calls: Calls { pool, aftermath: mysql_aftermath, failure } })
    }

    /// Creates our tables, or brings those of an older release up to date. Call it when the application starts.
    ///
    /// Any number of nodes may do so at once: one does the work, the others wait for it (`GET_LOCK`, which is one
    /// server's; nodes of a Galera cluster should migrate through the same one). It is the only method that is not bound
    /// to 5 seconds; with [`connect`](Self::connect) it gives up after 3 seconds on a table that somebody else has locked, and can
    /// be called again.
    ///
    /// # Errors
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt) when a later release has made the tables newer than this one knows,
    /// [`Configuration`](crate::error::ErrorKind::Configuration) when the sessions of the pool would lose changes;
    /// otherwise as [`TokenRepository`](super::super::TokenRepository).
    pub async fn migrate(&self) -> Result<(), Error> {
        check_session(&self.database.calls).await?;
        migrate(self.pool(), MIGRATIONS).await?;
        announce_if_allowed(self.pool(), &AnnouncedTable::ours()).await
    }
}

impl<U> SqlRepository<MySql, U> {
    /// The connections, for the application's own tables in the same database.
    #[must_use]
    pub fn pool(&self) -> &MySqlPool {
        &self.database.calls.pool
    }
}

impl MySql {
    pub(super) const fn calls(&self) -> &Calls<sqlx::MySql> {
        &self.calls
    }
}

impl Dialect for MySql {
    type Row = MySqlRow;

    const NAME: &'static str = "MySqlRepository";

    const TEXTS: Texts = Texts {
        placeholders: Placeholders::Positional,
        title: "CONVERT(l.title USING utf8mb4)",
        // Locks the rows that it deletes, and no others: calls that prune at once wait for each other's batch, and no
        // other call does.
        delete_expired: "DELETE FROM {tokens} WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2",
        create_level: "INSERT INTO tower_tokens_levels (title) VALUES ($1) ON DUPLICATE KEY UPDATE title = title",
        // Reads the users in the order of an index, as far as the page goes. With a plain join MySQL begins with the
        // levels, and reads and sorts all users.
        users: "SELECT u.id, u.disabled, l.id, {title}
            FROM tower_tokens_users AS u FORCE INDEX (tower_tokens_users_in_order)
            STRAIGHT_JOIN tower_tokens_levels AS l ON l.id = u.level_id
            ORDER BY u.text_bytes, u.number LIMIT $1 OFFSET $2",
        ..Texts::STANDARD
    };

    async fn rows(&self, statement: &Statement, values: &[Value<'_>]) -> Result<Vec<MySqlRow>, Error> {
        self.calls.rows(statement.with(values)).await
    }

    async fn change(&self, statement: &Statement, values: &[Value<'_>]) -> Result<u64, Error> {
        Ok(self.calls.change(statement.with(values)).await?.rows_affected())
    }

    fn change_bus(&self, tables: Vec<AnnouncedTable>) -> Option<Arc<dyn ChangeBus>> {
        Some(Arc::new(MySqlBus::new(self.calls.clone(), tables)))
    }

    async fn prune_changes(&self) -> Result<(), Error> {
        prune(&self.calls, i64::MAX).await
    }

    fn failure(error: sqlx::Error) -> Error {
        failure(error)
    }

    fn connections(&self) -> (u32, usize) {
        (self.calls.pool.size(), self.calls.pool.num_idle())
    }
}
