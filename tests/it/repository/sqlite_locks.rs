//! Another process locks the database file, with and without a write-ahead log.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteLockingMode, SqlitePool, SqlitePoolOptions,
};
use tower_tokens::clock::Timestamp;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{NewToken, SqliteRepository, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenRecord};
use tower_tokens::user::UserId;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);

/// The time for a call, and what a busy machine may take on top.
const AT_MOST: Duration = Duration::from_secs(7);

/// This binary again, which holds the exclusive lock of the database until it is killed.
struct OtherProcess(Child);

impl OtherProcess {
    fn locks(path: &Path) -> Self {
        let helper = "repository::sqlite_locks::hold_the_exclusive_lock";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", helper]).env("TOKENS_DB", path).stdout(Stdio::null());
        let process = Self(command.spawn().unwrap());
        let started = Instant::now();
        while !path.with_extension("locked").exists() {
            assert!(started.elapsed() < Duration::from_secs(30), "the other process does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        process
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
#[ignore = "a helper: the process that another test starts and kills"]
async fn hold_the_exclusive_lock() {
    let path = std::path::PathBuf::from(std::env::var_os("TOKENS_DB").expect("run by another test"));
    let options = SqliteConnectOptions::new().filename(&path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let _lock = connection.begin_with("BEGIN EXCLUSIVE").await.unwrap();
    std::fs::write(path.with_extension("locked"), "").unwrap();
    std::future::pending::<()>().await;
}

async fn pool(path: &Path, options: impl Fn(SqliteConnectOptions) -> SqliteConnectOptions) -> SqlitePool {
    let options = options(SqliteConnectOptions::new().filename(path).create_if_missing(true));
    SqlitePoolOptions::new().test_before_acquire(false).connect_with(options).await.unwrap()
}

async fn add_token(store: &SqliteRepository, number: i64, user: &UserId) -> Result<(), Error> {
    let record = TokenRecord::new(TokenId::new(number), NOW, Lifetime::default());
    let text = format!("token-{number}");
    store.insert(NewToken { key: TokenKey::new(&text), user, record }).await.map(drop)
}

async fn is_valid(store: &SqliteRepository, number: i64) -> Result<bool, Error> {
    Ok(store.find(TokenKey::new(&format!("token-{number}")), NOW).await?.is_some())
}

async fn with_one_token(store: &SqliteRepository) -> UserId {
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(store, 1, &user).await.unwrap();
    user
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_wal_a_lock_of_another_process_is_an_outage_that_ends_with_it() {
    for mode in [SqliteJournalMode::Delete, SqliteJournalMode::Truncate] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.db");
        let store = SqliteRepository::with_pool(pool(&path, |options| options.journal_mode(mode)).await).await.unwrap();
        let user = with_one_token(&store).await;
        let other_process = OtherProcess::locks(&path);
        let started = Instant::now();
        let (read, change) = tokio::join!(is_valid(&store, 1), add_token(&store, 2, &user));
        assert_eq!((read.unwrap_err().kind(), change.unwrap_err().kind()), (ErrorKind::TimedOut, ErrorKind::TimedOut));
        assert!(started.elapsed() < AT_MOST, "{:?}", started.elapsed());
        drop(other_process);
        assert!(is_valid(&store, 1).await.unwrap());
        assert!(!is_valid(&store, 2).await.unwrap(), "what failed was not done");
        add_token(&store, 2, &user).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_wal_a_lock_of_another_process_stops_changes_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.db");
    let wal = |options: SqliteConnectOptions| options.journal_mode(SqliteJournalMode::Wal);
    for store in [
        SqliteRepository::with_pool(pool(&path, wal).await).await.unwrap(),
        SqliteRepository::open(directory.path().join("own.db")).await.unwrap(),
    ] {
        let user = with_one_token(&store).await;
        let path = store.pool().connect_options().get_filename().to_owned();
        let other_process = OtherProcess::locks(&path);
        let started = Instant::now();
        for _ in 0..100 {
            assert!(is_valid(&store, 1).await.unwrap());
        }
        assert!(started.elapsed() < Duration::from_secs(2), "{:?} for 100 reads", started.elapsed());
        assert_eq!(add_token(&store, 2, &user).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(started.elapsed() < AT_MOST, "{:?}", started.elapsed());
        drop(other_process);
        add_token(&store, 2, &user).await.unwrap();
        assert!(is_valid(&store, 2).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_keeps_the_lock_for_itself_works() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let options = options.locking_mode(SqliteLockingMode::Exclusive).journal_mode(SqliteJournalMode::Delete);
    let one = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let store = SqliteRepository::with_pool(one).await.unwrap();
    let user = with_one_token(&store).await;
    let (read, change) = tokio::join!(is_valid(&store, 1), add_token(&store, 2, &user));
    assert!(read.unwrap());
    change.unwrap();
    assert!(is_valid(&store, 2).await.unwrap());
}
