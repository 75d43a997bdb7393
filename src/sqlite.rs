//! Changes of an SQLite database: one at a time, each within one deadline, and none in a file that was replaced.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Executor, Sqlite, Transaction, raw_sql};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::{Error, ErrorKind};

/// How long a call may take: the wait for other calls, for a connection and for other processes included. Our choice:
/// shorter than people wait for a page.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The pauses between two tries to get SQLite's write lock. Our choice: as SQLite's own busy handler, which waits from
/// 1 to 100 ms, but shorter at the end, since one caller at most asks at a time.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// How often readers look whether the file was replaced. Our choice.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// SQLite's result code for "another connection holds the lock". Source: <https://www.sqlite.org/rescode.html>.
const BUSY: i32 = 5;

/// A statement and its parameters.
pub(crate) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A transaction that holds SQLite's write lock. Without [`commit`](Self::commit) it changes nothing.
///
/// It derefs to the connection, on which the application runs its own statements. SQLite lets one transaction write at
/// a time, so keep it short. It has to be committed within 5 seconds of the call that began it.
///
/// # Cancel safety
/// A transaction that is dropped is rolled back. A [`commit`](Self::commit) that is dropped did its whole work or
/// changed nothing.
pub struct WriteTransaction {
    transaction: Transaction<'static, Sqlite>,
    deadline: Instant,
    /// Dropped after the transaction: the next one begins when this one has ended.
    _turn: OwnedMutexGuard<()>,
}

impl WriteTransaction {
    /// Makes the changes, all of them at once.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] after the deadline, [`ErrorKind::Unavailable`] when the disk does not take the changes.
    pub async fn commit(self) -> Result<(), Error> {
        self.finish().await.map_err(sqlite_error)
    }

    async fn finish(self) -> Result<(), sqlx::Error> {
        let Self { transaction, deadline, _turn } = self;
        if Instant::now() >= deadline {
            return Err(too_late());
        }
        within(deadline, transaction.commit()).await
    }

    /// The result of a statement of this transaction, if it comes before the deadline.
    pub(crate) async fn run<'t, T, F>(
        &'t mut self,
        statement: impl FnOnce(&'t mut SqliteConnection) -> F,
    ) -> Result<T, sqlx::Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let deadline = self.deadline;
        within(deadline, statement(&mut self.transaction)).await
    }
}

impl Deref for WriteTransaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for WriteTransaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

impl fmt::Debug for WriteTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTransaction").finish_non_exhaustive()
    }
}

/// Begins the write transactions of one database.
///
/// SQLite waits for a lock inside of a statement, on the thread of its connection, and goes on waiting when the caller
/// has left. So nothing here waits inside of SQLite: a call waits for its turn, tries, and pauses, all as a future that
/// ends when it is dropped. It does so on a connection of its own, so that readers keep theirs.
#[derive(Clone)]
pub(crate) struct Writer {
    /// The application's pool. When it is closed, the database is.
    pool: SqlitePool,
    /// The connection that writes.
    connection: SqlitePool,
    has_own_connection: bool,
    turn: Arc<Mutex<()>>,
    file: Option<Arc<DatabaseFile>>,
}

impl Writer {
    /// A writer of the database that this pool reads.
    pub(crate) async fn beside(pool: SqlitePool) -> Result<Self, sqlx::Error> {
        let mut asked = pool.acquire().await?;
        let file = sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'");
        let file: Option<String> = file.fetch_one(&mut *asked).await?;
        let locking: String = sqlx::query_scalar("PRAGMA locking_mode").fetch_one(&mut *asked).await?;
        drop(asked);
        let file = file.filter(|path| !path.is_empty());
        // A database in memory is another one on each connection, and an exclusive one lets no second connection in.
        let has_own_connection = file.is_some() && !locking.eq_ignore_ascii_case("exclusive");
        let connection = if has_own_connection {
            pool.options()
                .clone()
                .min_connections(0)
                .max_connections(1)
                .acquire_timeout(CALL_TIMEOUT)
                .before_acquire(|connection, _| {
                    Box::pin(async move { set_busy_timeout(connection, Duration::ZERO).await.map(|()| true) })
                })
                .connect_lazy_with((*pool.connect_options()).clone().busy_timeout(Duration::ZERO))
        } else {
            pool.clone()
        };
        let file = file.and_then(|path| DatabaseFile::at(path.into())).map(Arc::new);
        Ok(Self { pool, connection, has_own_connection, turn: Arc::default(), file })
    }

    /// Begins a transaction that holds the write lock.
    pub(crate) async fn begin(&self) -> Result<WriteTransaction, sqlx::Error> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        within(deadline, async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let mut pause = FIRST_PAUSE;
            loop {
                self.check_file()?;
                match self.connection.begin_with("BEGIN IMMEDIATE").await {
                    Err(error) if is_busy(&error) => {
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    begun => {
                        let mut transaction = begun?;
                        if self.has_own_connection {
                            // Without a write-ahead log, COMMIT waits for readers of other processes.
                            set_busy_timeout(&mut transaction, deadline - Instant::now()).await?;
                        }
                        return Ok(WriteTransaction { transaction, deadline, _turn: turn });
                    }
                }
            }
        })
        .await
    }

    /// Runs one statement that changes something, and says how many rows it changed.
    pub(crate) async fn change(&self, query: Query<'_>) -> Result<u64, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let done = transaction.run(|connection| query.execute(connection)).await?;
        transaction.finish().await?;
        Ok(done.rows_affected())
    }

    /// The result of a statement that reads, within the time for a call.
    pub(crate) async fn read<T>(
        &self,
        statement: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        if self.pool.is_closed() {
            return Err(sqlx::Error::PoolClosed);
        }
        if let Some(file) = &self.file {
            file.check_now_and_then()?;
        }
        within(Instant::now() + CALL_TIMEOUT, statement).await
    }

    /// Whether a connection besides those of the pool sees the same database.
    pub(crate) const fn has_own_connection(&self) -> bool {
        self.has_own_connection
    }

    /// Closes the connection that writes.
    pub(crate) async fn close(&self) {
        self.connection.close().await;
    }

    /// Whether the file is still the one that was opened.
    pub(crate) fn check_file(&self) -> Result<(), sqlx::Error> {
        if self.pool.is_closed() {
            return Err(sqlx::Error::PoolClosed);
        }
        self.file.as_ref().map_or(Ok(()), |file| file.check())
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// The file that was opened. A connection stays with it when it is removed or another one takes its place, and a later
/// connection opens the other one: then two connections of one process would answer differently.
struct DatabaseFile {
    path: PathBuf,
    identity: (u64, u64),
    opened: Instant,
    /// When it was last looked at, in milliseconds since `opened`.
    checked: AtomicU64,
}

impl DatabaseFile {
    /// `None` where files have no identity.
    fn at(path: PathBuf) -> Option<Self> {
        let identity = identity(&path)?;
        Some(Self { path, identity, opened: Instant::now(), checked: AtomicU64::new(0) })
    }

    fn check_now_and_then(&self) -> Result<(), sqlx::Error> {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let interval = u64::try_from(CHECK_INTERVAL.as_millis()).unwrap_or(u64::MAX);
        if now.saturating_sub(self.checked.load(Ordering::Relaxed)) < interval {
            return Ok(());
        }
        self.check()?;
        self.checked.store(now, Ordering::Relaxed);
        Ok(())
    }

    fn check(&self) -> Result<(), sqlx::Error> {
        if identity(&self.path) == Some(self.identity) {
            return Ok(());
        }
        let text = "the database file was removed or replaced while it was open: stop every process that has it open, and start again";
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::NotFound, text)))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Windows does not let an open database be removed or replaced.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

async fn set_busy_timeout(connection: &mut SqliteConnection, timeout: Duration) -> Result<(), sqlx::Error> {
    let pragma = AssertSqlSafe(format!("PRAGMA busy_timeout = {}", timeout.as_millis()));
    connection.execute(raw_sql(pragma)).await.map(drop)
}

async fn within<T>(deadline: Instant, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout_at(deadline, call).await.unwrap_or_else(|_elapsed| Err(too_late()))
}

fn too_late() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "SQLite did not answer within 5 seconds"))
}

/// Whether the call ended because its time was over.
pub(crate) fn is_too_late(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut)
        || matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// Whether another connection holds the lock.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(primary_code) == Some(BUSY)
}

/// The low byte of SQLite's extended result code.
pub(crate) fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// The error of a change or a look-up that did not work. SQLite's errors name tables and columns, never values, so the
/// source may be kept.
pub(crate) fn sqlite_error(error: sqlx::Error) -> Error {
    let kind = if is_too_late(&error) { ErrorKind::TimedOut } else { ErrorKind::Unavailable };
    Error::with_source(kind, error)
}
