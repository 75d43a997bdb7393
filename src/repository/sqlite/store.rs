//! How the database is opened.

use std::fmt;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteQueryResult, SqliteRow,
    SqliteSynchronous,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::error::{Error, ErrorKind};
use crate::repository::sqlite::failure::{failure, is_busy};
use crate::repository::sqlite::schema::{MIGRATIONS, migrate};

/// How long a writer waits for one in another process, and a caller for a free connection. Our choice: sqlx's default,
/// and shorter than people wait for a page.
const PATIENCE: Duration = Duration::from_secs(5);

/// Our choice: each connection reads on a thread of its own, and an embedded database gains nothing from more of them
/// than a machine has cores for.
const CONNECTIONS: u32 = 8;

/// Tokens, users and levels in an SQLite database: one file, no server. Clones share the same connections.
///
/// A validation is one prepared statement, by digest. Readers do not wait for writers (WAL); writers of this process
/// queue for each other, and wait up to 5 seconds for those of other processes. Our tables have names that begin with
/// `tower_tokens_`, so that an application can keep its own beside them: through [`pool`](Self::pool), or by
/// [handing its own pool over](Self::with_pool).
///
/// # Durability
/// Every change is on disk (`PRAGMA synchronous = FULL`) before its method returns: neither a killed process nor a power
/// cut loses a token that was handed out, and, which matters more, neither brings a token back that was ended. That
/// costs one `fsync` a change; validations change nothing. With a pool of your own the choice is yours: `NORMAL`
/// survives a killed process all the same, but after a power cut the last log-outs may be undone.
///
/// # Security
/// The database holds digests, never a token. The file is created readable and writable for its owner alone (on Unix);
/// the permissions of a file that is there are left alone. SQL statements are not logged.
///
/// # Example
/// ```
/// use tower_tokens::repository::{SqliteRepository, UserRepository};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("members.db");
/// let repository = SqliteRepository::open(&path).await?;
/// repository.create_level("member").await?;
/// let id = repository.create_user(None, "member").await?;
/// drop(repository);
///
/// let reopened = SqliteRepository::open(&path).await?;
/// assert_eq!(reopened.user(&id).await?.unwrap().level.title(), "member");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct SqliteRepository {
    pool: SqlitePool,
    /// SQLite lets one connection write at a time, and a connection that waits for its turn is lost to the readers. So
    /// the writers of this process wait here instead, where waiting holds nothing.
    turn: Arc<Mutex<()>>,
}

impl SqliteRepository {
    /// Opens the database file at `path`, creates it if it is missing, and brings its tables up to date.
    ///
    /// Any number of processes may open the same file, also a new one, and also at once. It has to be on a local disk.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the file cannot be opened, [`ErrorKind::Corrupt`] when it is no database or was
    /// written by a later release with a newer schema.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        // Absolute, so that `:memory:` and `file:…` are names of files and nothing else.
        let path = std::path::absolute(path).map_err(unavailable)?;
        create_if_missing(&path)?;
        Self::with_pool(connect(path).await?).await
    }

    /// Uses a pool of the application's own, and creates or updates our tables in its database.
    ///
    /// Set [`test_before_acquire(false)`](SqlitePoolOptions::test_before_acquire): sqlx's default asks the database
    /// twice where once is enough. WAL and a busy time-out are advisable too, as [`open`](Self::open) has them.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`ErrorKind::Configuration`] when the pool's connections do not enforce foreign keys
    /// (`SqliteConnectOptions::foreign_keys(false)`): users that are deleted past this crate would leave their tokens
    /// behind.
    pub async fn with_pool(pool: SqlitePool) -> Result<Self, Error> {
        let enforced: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&pool).await.map_err(failure)?;
        if enforced == 0 {
            let source = "the pool's connections do not enforce foreign keys: PRAGMA foreign_keys is off";
            return Err(Error::with_source(ErrorKind::Configuration, source));
        }
        migrate(&pool, MIGRATIONS).await?;
        Ok(Self { pool, turn: Arc::default() })
    }

    /// The connections, for the application's own tables in the same database. They enforce foreign keys, so the
    /// application's tables may refer to `tower_tokens_users (id)`.
    #[must_use]
    pub const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// This process's turn to write, until the guard is dropped.
    pub(super) async fn turn_to_write(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Runs one statement that changes something.
    pub(super) async fn change(&self, query: Query<'_>) -> Result<u64, Error> {
        let _turn = self.turn_to_write().await;
        query.execute(&self.pool).await.map(|done: SqliteQueryResult| done.rows_affected()).map_err(failure)
    }

    /// Runs one statement that changes at most one row and returns it.
    pub(super) async fn change_returning(&self, query: Query<'_>) -> Result<Option<SqliteRow>, Error> {
        let _turn = self.turn_to_write().await;
        // Not `fetch_optional`: it stops at the first row, and the statement commits only when it is run to its end.
        query.fetch_all(&self.pool).await.map(|mut rows| rows.pop()).map_err(failure)
    }
}

/// A statement and its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

impl fmt::Debug for SqliteRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = (self.pool.size(), self.pool.num_idle());
        f.debug_struct("SqliteRepository").field("connections_and_idle", &connections).finish_non_exhaustive()
    }
}

fn unavailable(error: std::io::Error) -> Error {
    Error::with_source(ErrorKind::Unavailable, error)
}

/// SQLite gives its companion files the permissions of the database file, so it is enough to be right about this one.
fn create_if_missing(path: &Path) -> Result<(), Error> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != IoErrorKind::AlreadyExists => Err(unavailable(error)),
        _ => Ok(()),
    }
}

async fn connect(path: PathBuf) -> Result<SqlitePool, Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging();
    // Connections are never replaced while they work: each keeps its prepared statements.
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let started = Instant::now();
    loop {
        match pool.clone().connect_with(options.clone()).await {
            // Two that turn one new file to WAL are in each other's way, and SQLite does not let them wait for it.
            Err(error) if is_busy(&error) && started.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            connected => return connected.map_err(failure),
        }
    }
}
