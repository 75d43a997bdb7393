//! [`TrongateRepository`]: how the database is opened.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::ConnectOptions;
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnectOptions, MySqlPool, MySqlRow};

use crate::call_timeout::within_call_timeout;
use crate::error::Error;
use crate::log::log_warn;
use crate::repository::sql::{Calls, check_session, mysql_aftermath, mysql_pool};
use crate::repository::trongate::error::failure;

/// The tokens, users and levels of a running PHP Trongate v2 site, in the site's own tables, unchanged. Clones share the
/// same connections.
///
/// A visitor who logged in on the PHP side is known on the Rust side and the other way round; logging out on either side
/// ends it on both. Users and levels belong to the site: this store reads them and never writes them, and does not
/// implement [`UserRepository`](crate::repository::UserRepository).
///
/// # What Trongate's tables can and cannot keep
/// | clause | here |
/// |---|---|
/// | time of birth, time of login | not kept; both read 1970-01-01, so a rule that asks for a recent login denies |
/// | name | not kept; the record that [`insert`](crate::repository::TokenRepository::insert) gives has none |
/// | code | at most 3 characters; `0`, the column's default, is none |
/// | record id | the row's number, which the database gives |
/// | last use | not kept: [`touch`](crate::repository::TokenRepository::touch) does nothing and says `false` |
/// | idle limit, "never expires", an end after 2038-01-19 | refused with [`InvalidInput`](crate::error::ErrorKind::InvalidInput) |
/// | disabled users | Trongate knows none; a user whose `user_level_id` names no level is one |
///
/// Everything but the ids may be null. A token without an `expiry_date` has ended, a token without a user and a user
/// without a level are not valid, a level without a title has the empty title, a token without a code has no code.
///
/// Since last uses are not kept, have [`Tokens`](crate::lifecycle::Tokens) not record them:
/// `Tokens::new(repository).with_touch_interval(None)`. PHP gives each user any number of tokens, and to find those of one
/// user reads the whole table: `with_max_tokens_per_user(None)` spares that at each login.
///
/// Pruning here keeps what ended in the last [48 hours](crate::repository::PRUNING_MARGIN), so that a clock of this side
/// that runs ahead logs no user out. PHP deletes what has expired at each logout by the clock of its own server, without
/// a margin: that clock has to be right.
///
/// # Changes
/// A logout by PHP reaches the caches of this side after [`announce_changes`](Self::announce_changes), which adds triggers to the
/// site's tables: without it the tables are as they were, and the store has no
/// [bus](crate::repository::TokenRepository::change_bus). It is read as that of `MySqlRepository`, every 250 milliseconds.
///
/// # Security
/// Trongate keeps its tokens in clear: whoever can read the table can log in as anybody. Tokens are compared byte for
/// byte, although the column's collation ignores case and trailing spaces. Statements are not logged, and messages of the
/// database that could quote a token are left out of errors.
///
/// For encrypted connections, and for MySQL accounts with a password, one of sqlx's TLS features has to be named in the
/// application's own `Cargo.toml`: see `MySqlRepository`. The suite and the fault drills have been run against MariaDB
/// 10.11 and MySQL 9.7.
///
/// # Source
/// Trongate v2, `modules/trongate_tokens` and the `setup.sql` of `modules/trongate_administrators`.
///
/// # Example
/// ```no_run
/// use tower_tokens::repository::TrongateRepository;
/// use tower_tokens::lifecycle::Tokens;
///
/// # async fn start() -> Result<(), tower_tokens::error::Error> {
/// let repository = TrongateRepository::connect("mysql://site:password@127.0.0.1/site").await?;
/// if let Some(missing) = repository.check().await? {
///     eprintln!("{missing}");
/// }
/// let tokens = Tokens::new(repository).with_touch_interval(None).with_max_tokens_per_user(None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TrongateRepository {
    calls: Calls<MySql>,
    /// Whether triggers announce changes, as far as this process knows.
    is_announced: Arc<AtomicBool>,
}

impl TrongateRepository {
    /// Connects to the site's database, `mysql://user:password@host:port/database`, and [checks](Self::check) it. What
    /// is missing is logged as a warning, with the statement to run.
    ///
    /// There are up to ten connections. Each sets what the statements rely on, whatever the server's defaults are:
    /// `autocommit`, a strict `sql_mode`, `foreign_key_checks`, no safe updates, no limit of rows. A statement that waits for a row lock of the site's gives up after 3 seconds
    /// (`innodb_lock_wait_timeout`), and every statement is answered within 5 seconds, if need be with an error.
    ///
    /// The database user needs `SELECT` on the three tables, and `INSERT`, `UPDATE` and `DELETE` on `trongate_tokens`.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) for a URL that cannot be parsed, a refused login, and a database
    /// that is not Trongate's. [`Unavailable`](crate::error::ErrorKind::Unavailable) or
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when it does not answer.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options: MySqlConnectOptions = url.parse().map_err(failure)?;
        let pool = mysql_pool(&[]).connect_with(options.disable_statement_logging());
        Self::with_pool(within_call_timeout(async { pool.await.map_err(failure) }).await?).await
    }

    /// Uses a pool of the application's own, and [checks](Self::check) the database, as [`connect`](Self::connect) does.
    ///
    /// Set [`test_before_acquire(false)`](sqlx::pool::PoolOptions::test_before_acquire): sqlx's default asks the
    /// database twice where once is enough. A bounded `acquire_timeout` and a short `innodb_lock_wait_timeout` are
    /// advisable too, as [`connect`](Self::connect) has them.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn with_pool(pool: MySqlPool) -> Result<Self, Error> {
        let calls = Calls { pool, aftermath: mysql_aftermath, failure };
        let repository = Self { calls, is_announced: Arc::default() };
        check_session(repository.calls()).await?;
        if let Some(_missing) = repository.check().await? {
            log_warn!("{_missing}");
        }
        repository.note_whether_announced().await?;
        Ok(repository)
    }

    /// The connections, for the application's other queries.
    #[must_use]
    pub const fn pool(&self) -> &MySqlPool {
        &self.calls.pool
    }

    /// All rows of a look-up.
    pub(super) async fn all(&self, query: Query<'static>) -> Result<Vec<MySqlRow>, Error> {
        self.calls.rows(query).await
    }

    /// Runs one statement that changes something. Says how many rows it found to change.
    pub(super) async fn change(&self, query: impl Fn() -> Query<'static>) -> Result<u64, Error> {
        Ok(self.calls.change(query()).await?.rows_affected())
    }

    /// Changes are announced from now on.
    pub(super) fn note_announced(&self) {
        self.is_announced.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_announced(&self) -> bool {
        self.is_announced.load(Ordering::Relaxed)
    }

    pub(super) const fn calls(&self) -> &Calls<MySql> {
        &self.calls
    }
}

/// A statement and its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, MySql, MySqlArguments>;

impl fmt::Debug for TrongateRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = (self.pool().size(), self.pool().num_idle());
        f.debug_struct("TrongateRepository").field("connections_and_idle", &connections).finish_non_exhaustive()
    }
}
