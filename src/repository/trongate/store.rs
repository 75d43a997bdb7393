//! How the database is reached.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};

use crate::error::Error;
use crate::log::log_warn;
use crate::repository::trongate::failure::{failure, is_deadlock};

/// How long a caller waits for a free connection. Our choice: shorter than people wait for a page.
const PATIENCE: Duration = Duration::from_secs(5);

/// Our choice: a look-up takes less than a millisecond, and a small site's database allows 151 connections to everybody
/// together (`max_connections`).
const CONNECTIONS: u32 = 8;

/// How often a statement is tried that the database undid because another one was in its way.
const ATTEMPTS: u32 = 20;

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
/// without a level are nobody, a level without a title has the empty title, a token without a code has no code.
///
/// Since last uses are not kept, tell [`Tokens`](crate::tokens::Tokens) not to note them:
/// `Tokens::new(repository).with_touch_interval(None)`.
///
/// # Security
/// Trongate keeps its tokens in clear: whoever can read the table can log in as anybody. Tokens are compared byte for
/// byte, although the column's collation ignores case and trailing spaces. Statements are not logged, and messages of the
/// database that could quote a token are left out of errors.
///
/// # Source
/// Trongate v2, `modules/trongate_tokens` and the `setup.sql` of `modules/trongate_administrators`.
///
/// # Example
/// ```no_run
/// use tower_tokens::repository::TrongateRepository;
/// use tower_tokens::tokens::Tokens;
///
/// # async fn start() -> Result<(), tower_tokens::error::Error> {
/// let repository = TrongateRepository::connect("mysql://site:password@127.0.0.1/site").await?;
/// if let Some(missing) = repository.check().await? {
///     eprintln!("{missing}");
/// }
/// let tokens = Tokens::new(repository).with_touch_interval(None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TrongateRepository {
    pool: MySqlPool,
}

impl TrongateRepository {
    /// Connects to the site's database, `mysql://user:password@host:port/database`, and [checks](Self::check) it. What
    /// is missing is logged as a warning, with the statement to run.
    ///
    /// The database user needs `SELECT` on the three tables, and `INSERT`, `UPDATE` and `DELETE` on `trongate_tokens`.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) for a URL that is none, a refused login, and a database
    /// that is not Trongate's. [`Unavailable`](crate::error::ErrorKind::Unavailable) or
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when it does not answer.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options = MySqlConnectOptions::from_str(url).map_err(failure)?.disable_statement_logging();
        let pool = MySqlPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(failure)?;
        Self::with_pool(pool).await
    }

    /// Uses a pool of the application's own, and [checks](Self::check) the database, as [`connect`](Self::connect) does.
    ///
    /// Set [`test_before_acquire(false)`](MySqlPoolOptions::test_before_acquire): sqlx's default asks the database twice
    /// where once is enough.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn with_pool(pool: MySqlPool) -> Result<Self, Error> {
        let repository = Self { pool };
        if let Some(_missing) = repository.check().await? {
            log_warn!("{_missing}");
        }
        Ok(repository)
    }

    /// The connections, for the application's other queries.
    #[must_use]
    pub const fn pool(&self) -> &MySqlPool {
        &self.pool
    }

    /// Runs one statement that changes something, again if the database undid it to resolve a deadlock. Gives how many
    /// rows it changed.
    pub(super) async fn change<'q>(&self, statement: impl Fn() -> Query<'q> + Send) -> Result<u64, Error> {
        let mut attempt = 1;
        loop {
            let query = statement();
            match query.execute(&self.pool).await {
                Ok(done) => return Ok(done.rows_affected()),
                Err(error) if is_deadlock(&error) && attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt))).await;
                    attempt += 1;
                }
                Err(error) => return Err(failure(error)),
            }
        }
    }
}

/// A statement and its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::MySql, sqlx::mysql::MySqlArguments>;

impl fmt::Debug for TrongateRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = (self.pool.size(), self.pool.num_idle());
        f.debug_struct("TrongateRepository").field("connections_and_idle", &connections).finish_non_exhaustive()
    }
}
