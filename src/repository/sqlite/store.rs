//! [`SqliteRepository`]: how the database is opened, and how statements are run.

use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row, TypeInfo, ValueRef};

use crate::error::{Error, ErrorKind};
use crate::repository::ChangeBus;
use crate::repository::sql::{AnnouncedTable, Dialect, SqlRepository, Statement, Texts, Value};
use crate::repository::sqlite::changes::{SqliteBus, prune};
use crate::repository::sqlite::error::failure;
use crate::repository::sqlite::schema::{MIGRATIONS, migrate};
use crate::repository::sqlite::triggers::announce;
use crate::sqlite::{CALL_TIMEOUT, WriteTransaction, Writer, is_busy};
use crate::user::UserId;

/// Our choice: each connection reads on a thread of its own, and an embedded database gains nothing from more of them
/// than a machine has cores for.
const CONNECTIONS: u32 = 8;

/// Tokens, users and levels in an SQLite database: one file, no server. Clones share the same connections.
///
/// A validation is one prepared statement, by digest. Readers do not wait for writers (WAL). Changes are made one after
/// the other, on a connection of their own; one that waits holds nothing that a reader needs. Each call has 5 seconds,
/// the wait for its turn and for the lock of another process included, and fails as
/// [`TimedOut`](ErrorKind::TimedOut) after that; a call whose caller has left waits no longer. Our tables have names that
/// begin with `tower_tokens_`, so that an application can keep its own beside them: read them through
/// [`pool`](Self::pool), change them in a transaction of [`begin`](Self::begin), or
/// [hand over a pool](Self::with_pool).
///
/// # Durability
/// Every change is on disk (`PRAGMA synchronous = FULL`) before its method returns: neither a killed process nor a power
/// cut loses a token that was handed out, and, which matters more, neither brings a token back that was ended. That
/// costs one `fsync` a change; validations change nothing. With a pool of your own the choice is yours: `NORMAL`
/// survives a killed process all the same, but after a power cut the last logouts may be undone.
///
/// # The file
/// While a process has the file open, nothing else may take its place. If it is removed or replaced (a restored backup,
/// `mv`), changes fail as [`Unavailable`](ErrorKind::Unavailable) at once, and look-ups within a second (on Unix): the
/// open connections would go on with the old file, in which a token may be valid that was ended in the new one. Stop
/// every process, put the file in its place without a `-wal` or `-shm` file of the old one, and start again. Make a
/// backup with `VACUUM INTO` or `.backup`: a copy of the file alone lacks what is in the `-wal` file beside it.
///
/// # Changes
/// Triggers write down in the table `tower_tokens_changes` whose tokens, level or state have changed, in the transaction of the
/// change, whoever makes it: this process, another one, or a person with `sqlite3`. The store's
/// [bus](crate::repository::TokenRepository::change_bus) asks every 25 milliseconds, on a connection of its own, whether another connection
/// has committed anything (`PRAGMA data_version`), and reads the table if so. Rows older than ten minutes are deleted. A row of a token that
/// `INSERT OR REPLACE` overwrites is the one change that is not announced.
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
pub type SqliteRepository = SqlRepository<Sqlite>;

/// SQLite, for [`SqliteRepository`].
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// The application's.
    pool: SqlitePool,
    /// The connections of our own statements that read.
    readers: SqlitePool,
    writer: Writer,
}

impl SqlRepository<Sqlite> {
    /// Opens the database file at `path`, creates it if it is missing, and calls [`migrate`](Self::migrate).
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
        let pool = connect(path).await?;
        // Connections of our own: what the application does with its pool must not keep a validation waiting.
        let readers = pool.options().clone().connect_lazy_with((*pool.connect_options()).clone());
        Self::with_pools(pool, readers).await
    }

    /// Uses a pool of the application's own, and calls [`migrate`](Self::migrate).
    ///
    /// Set [`test_before_acquire(false)`](SqlitePoolOptions::test_before_acquire): sqlx's default asks the database
    /// twice where once is enough. WAL is advisable too, as [`open`](Self::open) has it. Look-ups use the connections of
    /// this pool; changes use one more connection with the same options, except in a database in memory and with
    /// `locking_mode(Exclusive)`: there they share the pool.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`ErrorKind::Configuration`] when the pool's connections do not enforce foreign keys
    /// (`SqliteConnectOptions::foreign_keys(false)`): users that are deleted past this crate would leave their tokens
    /// behind.
    pub async fn with_pool(pool: SqlitePool) -> Result<Self, Error> {
        Self::with_pools(pool.clone(), pool).await
    }

    async fn with_pools(pool: SqlitePool, readers: SqlitePool) -> Result<Self, Error> {
        let enforced: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&pool).await.map_err(failure)?;
        if enforced == 0 {
            let source = "the pool's connections do not enforce foreign keys: PRAGMA foreign_keys is off";
            return Err(Error::with_source(ErrorKind::Configuration, source));
        }
        migrate(&pool, MIGRATIONS).await?;
        announce(&pool, &AnnouncedTable::ours()).await?;
        let writer = Writer::beside(pool.clone()).await.map_err(failure)?;
        Ok(Self::new(Sqlite { pool, readers, writer }))
    }

    /// Creates our tables, or brings those of an older release up to date.
    ///
    /// [`open`](Self::open) and [`with_pool`](Self::with_pool) have done it. Only code that serves several databases has to
    /// call it: the stores on servers need the call, and here it finds nothing to do.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when a later release has made the tables newer than this one knows; otherwise as
    /// [`TokenRepository`](crate::repository::TokenRepository).
    pub async fn migrate(&self) -> Result<(), Error> {
        migrate(self.pool(), MIGRATIONS).await?;
        announce(self.pool(), &AnnouncedTable::ours()).await
    }
}

impl<U> SqlRepository<Sqlite, U> {
    /// The connections, for the application's own tables in the same database. They enforce foreign keys, so the
    /// application's tables may refer to `tower_tokens_users (id)`.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.database.pool
    }

    /// Begins a transaction for changes of the application's own tables, with the write lock of the database. It waits
    /// for the changes of this process and of others, for 5 seconds at most, and no reader waits for it.
    ///
    /// A change through [`pool`](Self::pool) waits inside of SQLite instead: it keeps its connection for up to 5
    /// seconds, also when its caller has left. So change through this, and read through the pool.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when the lock was not free within 5 seconds, [`ErrorKind::Unavailable`] when the file
    /// cannot be written, or was removed or replaced.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use tower_tokens::repository::SqliteRepository;
    /// # let directory = tempfile::tempdir()?;
    /// # let repository = SqliteRepository::open(directory.path().join("members.db")).await?;
    /// let mut transaction = repository.begin().await?;
    /// sqlx::query("CREATE TABLE profiles (user_id INTEGER PRIMARY KEY, bio TEXT)").execute(&mut *transaction).await?;
    /// transaction.commit().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn begin(&self) -> Result<WriteTransaction, Error> {
        self.database.writer.begin().await.map_err(failure)
    }

    /// Closes all connections, those of [`pool`](Self::pool) too. Calls that come later find the store unavailable.
    pub async fn close(&self) {
        self.database.pool.close().await;
        self.database.readers.close().await;
        self.database.writer.close().await;
    }
}

impl Sqlite {
    pub(super) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    pub(super) const fn writer(&self) -> &Writer {
        &self.writer
    }
}

impl Dialect for Sqlite {
    type Row = SqliteRow;

    const NAME: &'static str = "SqliteRepository";

    const TEXTS: Texts = Texts {
        least: "min",
        create_user: "INSERT INTO tower_tokens_users (id, level_id) VALUES ($1, $2)",
        ..Texts::STANDARD
    };

    async fn rows(&self, statement: &Statement, values: &[Value<'_>]) -> Result<Vec<SqliteRow>, Error> {
        let query = statement.with::<sqlx::Sqlite>(values);
        self.writer.read(query.fetch_all(&self.readers)).await.map_err(failure)
    }

    async fn change(&self, statement: &Statement, values: &[Value<'_>]) -> Result<u64, Error> {
        self.writer.change(statement.with(values)).await.map_err(failure)
    }

    fn change_bus(&self, tables: Vec<AnnouncedTable>) -> Option<Arc<dyn ChangeBus>> {
        Some(Arc::new(SqliteBus { readers: self.readers.clone(), writer: self.writer.clone(), tables }))
    }

    async fn prune_changes(&self) -> Result<(), Error> {
        prune(&self.readers, &self.writer).await
    }

    fn failure(error: sqlx::Error) -> Error {
        failure(error)
    }

    fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// An integer stays one, a text stays one.
    fn id(user: &UserId) -> Value<'_> {
        match user.as_integer() {
            Some(number) => number.into(),
            None => user.as_text().unwrap_or_default().into(),
        }
    }

    fn new_id(user: &UserId) -> Result<Value<'_>, Error> {
        Ok(Self::id(user))
    }

    fn read_id(row: &SqliteRow, column: usize) -> Result<UserId, sqlx::Error> {
        if row.try_get_raw(column)?.type_info().name() == "TEXT" {
            row.try_get::<&str, _>(column).map(UserId::from)
        } else {
            row.try_get::<i64, _>(column).map(UserId::from)
        }
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
        .busy_timeout(CALL_TIMEOUT)
        .disable_statement_logging();
    // Connections are never replaced while they work: each keeps its prepared statements.
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CALL_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let started = Instant::now();
    loop {
        match pool.clone().connect_with(options.clone()).await {
            // Two that turn one new file to WAL are in each other's way, and SQLite does not let them wait for it.
            Err(error) if is_busy(&error) && started.elapsed() < CALL_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            connected => return connected.map_err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use sqlx::{AssertSqlSafe, Connection};

    use super::*;
    use crate::clock::Timestamp;
    use crate::repository::sql::Users;
    use crate::repository::{TokenRepository, UserTable};
    use crate::token::TokenKey;

    async fn plan(pool: &SqlitePool, statement: &Statement) -> Vec<String> {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement.sql().as_str()));
        sqlx::query(explain).fetch_all(pool).await.unwrap().iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        let directory = tempfile::tempdir().unwrap();
        let repository = SqliteRepository::open(directory.path().join("plans.db")).await.unwrap();
        let of_tokens = [
            "insert",
            "find",
            "owner",
            "delete",
            "delete_by_id",
            "replace",
            "touch",
            "delete_by_user",
            "delete_others",
            "list_by_user",
            "delete_expired",
        ];
        for name in of_tokens {
            let (_, statement) =
                repository.users.of_tokens().all().into_iter().find(|(other, _)| *other == name).unwrap();
            let plan = plan(repository.pool(), statement).await;
            assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{name}: {plan:?}");
            if name == "find" {
                assert!(plan.len() == 3 && plan[0].contains("SEARCH t USING PRIMARY KEY (digest=?)"), "{plan:?}");
            }
            for step in &plan {
                assert!(!step.starts_with("SCAN") && !step.contains("TEMP B-TREE"), "{name}: {plan:?}");
            }
        }
    }

    #[tokio::test]
    async fn no_statement_scans_a_table_of_the_applications_users() {
        let directory = tempfile::tempdir().unwrap();
        let repository = SqliteRepository::open(directory.path().join("plans.db")).await.unwrap();
        let table =
            "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT, role TEXT, banned_at TEXT)";
        sqlx::query(table).execute(repository.pool()).await.unwrap();
        let users = UserTable::new("users").level("role").disabled("banned_at IS NOT NULL").ends_with("password_hash");
        let users = users.data::<HashMap<String, String>>(["email"]).foreign_key();
        let repository = repository.with_users(users);
        repository.migrate().await.unwrap();
        for (name, statement) in Users::<Sqlite>::statements(&repository.users).unwrap().all() {
            let plan = plan(repository.pool(), statement).await;
            assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{name}: {plan:?}");
            assert!(
                !plan.iter().any(|step| step.starts_with("SCAN") || step.contains("TEMP B-TREE")),
                "{name}: {plan:?}"
            );
            if name == "find" {
                assert!(plan.len() == 2 && plan.iter().all(|step| step.starts_with("SEARCH")), "{plan:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_statement_is_prepared_once_a_connection() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        let repository = SqliteRepository::with_pool(pool).await.unwrap();
        let prepared = async || repository.pool().acquire().await.unwrap().cached_statements_size();
        let now = Timestamp::from_unix_seconds(1_000);
        repository.find(TokenKey::new("first"), now).await.unwrap();
        let after_one = prepared().await;
        for number in 0..50 {
            repository.find(TokenKey::new(&format!("token-{number}")), now).await.unwrap();
        }
        assert_eq!(prepared().await, after_one);
    }
}
