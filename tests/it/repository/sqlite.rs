//! What is SQLite's own: files, processes, pools and the schema.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{NewToken, Replacement, SqliteRepository, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);

async fn add_token(store: &SqliteRepository, number: i64, user: &UserId) {
    let record = TokenRecord::new(TokenId::new(number), NOW, Lifetime::default());
    let text = format!("token-{number}");
    store.insert(NewToken { key: TokenKey::new(&text), user, record }).await.unwrap();
}

async fn names_somebody(store: &SqliteRepository, number: i64) -> bool {
    store.find(TokenKey::new(&format!("token-{number}")), NOW).await.unwrap().is_some()
}

#[tokio::test]
async fn data_is_there_after_the_database_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let store = SqliteRepository::open(&path).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(&store, 1, &user).await;
    add_token(&store, 2, &user).await;
    assert!(store.delete(TokenKey::new("token-2")).await.unwrap().is_some());
    store.pool().close().await;

    let store = SqliteRepository::open(&path).await.unwrap();
    assert!(names_somebody(&store, 1).await);
    assert!(!names_somebody(&store, 2).await);
    assert_ne!(store.create_user(None, "member").await.unwrap(), user);
}

#[tokio::test]
async fn migrating_what_is_open_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(&store, 1, &user).await;
    store.migrate().await.unwrap();
    assert!(names_somebody(&store, 1).await);
    let newer = "UPDATE tower_tokens_schema SET version = 1000";
    sqlx::query(newer).execute(store.pool()).await.unwrap();
    assert_eq!(store.migrate().await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    store.create_level("member").await.unwrap();
    let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 2, "the write-ahead log is there too: {files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn the_database_holds_no_token() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(&store, 4711, &user).await;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(10).any(|window| window == b"token-4711"));
    }
}

#[tokio::test]
async fn ten_tasks_may_create_one_database_at_once() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.db");
        let openings = (0..10).map(|_| tokio::spawn(SqliteRepository::open(path.clone())));
        let openings: Vec<_> = openings.collect();
        for opening in openings {
            let store = opening.await.unwrap().unwrap();
            store.create_level("member").await.unwrap();
        }
    }
}

#[test]
fn ten_processes_may_create_one_database_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let processes: Vec<_> = (0..10).map(|number| child("add_one_user", &path, number).spawn().unwrap()).collect();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteRepository::open(&path).await.unwrap();
        for number in 0..10 {
            assert!(names_somebody(&store, number).await, "what process {number} wrote");
        }
    });
}

#[test]
fn a_killed_process_loses_nothing_that_it_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let reports = directory.path().join("reports");
    let mut process = child("add_tokens_until_killed", &path, 0).spawn().unwrap();
    let count = || std::fs::read_to_string(&reports).unwrap_or_default().lines().count();
    let started = Instant::now();
    while count() < 50 && started.elapsed() < Duration::from_secs(60) {
        std::thread::yield_now();
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let reported = std::fs::read_to_string(&reports).unwrap();
    assert!(reported.lines().count() >= 50);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteRepository::open(&path).await.unwrap();
        for number in reported.lines().filter_map(|line| line.strip_suffix('.')) {
            assert!(names_somebody(&store, number.parse().unwrap()).await, "token {number} was reported");
        }
        let user = store.create_user(None, "member").await.unwrap();
        add_token(&store, -1, &user).await;
    });
}

/// This binary again, running one of the helpers below.
fn child(helper: &str, path: &Path, number: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", &format!("repository::sqlite::{helper}")]);
    command.env("TOKENS_DB", path).env("TOKENS_NUMBER", number.to_string());
    command.stdout(Stdio::piped());
    command
}

fn database_of_the_child() -> std::path::PathBuf {
    std::env::var_os("TOKENS_DB").expect("run by another test").into()
}

#[tokio::test]
#[ignore = "a helper: the process that another test starts ten times"]
async fn add_one_user() {
    let number = std::env::var("TOKENS_NUMBER").unwrap().parse().unwrap();
    let store = SqliteRepository::open(database_of_the_child()).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(&store, number, &user).await;
}

#[tokio::test]
#[ignore = "a helper: the process that another test kills"]
async fn add_tokens_until_killed() {
    let path = database_of_the_child();
    let mut reports = std::fs::File::create(path.with_file_name("reports")).unwrap();
    let store = SqliteRepository::open(path).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    for number in 0..100_000 {
        add_token(&store, number, &user).await;
        std::io::Write::write_all(&mut reports, format!("{number}.\n").as_bytes()).unwrap();
    }
}

async fn pool(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new().test_before_acquire(false).connect_with(options.create_if_missing(true)).await.unwrap()
}

#[tokio::test]
async fn an_application_keeps_its_own_tables_in_the_same_database() {
    let directory = tempfile::tempdir().unwrap();
    let pool = pool(SqliteConnectOptions::new().filename(directory.path().join("app.db"))).await;
    sqlx::raw_sql("PRAGMA user_version = 17; CREATE TABLE users (name TEXT)").execute(&pool).await.unwrap();
    let store = SqliteRepository::with_pool(pool).await.unwrap();
    let profiles = "CREATE TABLE profiles (
        user INTEGER NOT NULL REFERENCES tower_tokens_users (id) ON DELETE CASCADE, bio TEXT) STRICT";
    sqlx::query(profiles).execute(store.pool()).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let insert = sqlx::query("INSERT INTO profiles VALUES (?1, 'hello')").bind(user.as_integer().unwrap());
    insert.execute(store.pool()).await.unwrap();
    assert!(store.delete_user(&user).await.unwrap());
    let count = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(store.pool());
    assert_eq!(count("SELECT count(*) FROM profiles").await.unwrap(), 0);
    assert_eq!(count("PRAGMA user_version").await.unwrap(), 17, "the application's own");
}

#[tokio::test]
async fn a_user_row_deleted_past_this_crate_takes_its_tokens() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(&store, 1, &user).await;
    sqlx::query("DELETE FROM tower_tokens_users").execute(store.pool()).await.unwrap();
    store.create_user(Some(user), "member").await.unwrap();
    assert!(!names_somebody(&store, 1).await);
}

#[tokio::test]
async fn a_pool_without_foreign_keys_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(directory.path().join("app.db")).foreign_keys(false);
    let error = SqliteRepository::with_pool(pool(options).await).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_database_of_a_later_release_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let store = SqliteRepository::open(&path).await.unwrap();
    sqlx::query("UPDATE tower_tokens_schema SET version = 1000").execute(store.pool()).await.unwrap();
    let error = SqliteRepository::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("schema version 1000"), "{source}");
}

#[tokio::test]
async fn what_is_no_database_is_an_error_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letter.txt");
    std::fs::write(&path, "Dear Sir or Madam, ".repeat(100)).unwrap();
    assert_eq!(SqliteRepository::open(&path).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("Dear Sir"), "and it is left as it was");
    let missing = directory.path().join("no").join("such").join("directory.db");
    assert_eq!(SqliteRepository::open(missing).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn memory_and_uri_names_are_names_of_files() {
    let directory = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:tokens.db?mode=memory", "ünï cödé.db"] {
        let path = directory.path().join(name);
        SqliteRepository::open(&path).await.unwrap();
        assert!(path.is_file(), "{name}");
    }
}

#[tokio::test]
async fn writers_that_wait_do_not_keep_readers_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let store = SqliteRepository::open(&path).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(&store, 1, &user).await;
    let other_process = SqliteRepository::open(&path).await.unwrap();
    let lock = other_process.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    let writers: Vec<_> = (2..30)
        .map(|number| {
            let (store, user) = (store.clone(), user.clone());
            tokio::spawn(async move { add_token(&store, number, &user).await })
        })
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
        assert!(names_somebody(&store, 1).await, "readers go on");
    }
    assert!(!writers.iter().any(tokio::task::JoinHandle::is_finished), "writers wait");
    lock.rollback().await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// A database with one user and token 1, and another process's write lock on it.
async fn locked() -> (SqliteRepository, UserId, sqlx::Transaction<'static, sqlx::Sqlite>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let store = SqliteRepository::open(&path).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(&store, 1, &user).await;
    let other_process = SqliteRepository::open(&path).await.unwrap();
    let lock = other_process.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    (store, user, lock, directory)
}

/// The time for a call, and what a busy machine may take on top.
const AT_MOST: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_changes_end_at_one_deadline_while_another_process_writes() {
    let (store, user, _lock, _directory) = locked().await;
    let started = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, user) = (store.clone(), user.clone());
        calls.spawn(async move {
            let key = TokenKey::new("token-1");
            let (a, b, c, d) = tokio::join!(
                store.delete(key),
                store.delete_by_user(&user, TokenKinds::ALL, None),
                store.create_user(None, "member"),
                store.begin(),
            );
            [a.unwrap_err(), b.unwrap_err(), c.unwrap_err(), d.unwrap_err()].map(|error| error.kind())
        });
    }
    while let Some(kinds) = calls.join_next().await {
        assert_eq!(kinds.unwrap(), [ErrorKind::TimedOut; 4]);
    }
    assert!(started.elapsed() < AT_MOST, "{:?}", started.elapsed());
    assert!(names_somebody(&store, 1).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_left_keep_neither_readers_nor_writers_waiting() {
    let (store, user, lock, _directory) = locked().await;
    // The whole pool of the application, too: its own changes wait inside of SQLite.
    let own: Vec<_> = (0..8)
        .map(|_| {
            let pool = store.pool().clone();
            tokio::spawn(async move { sqlx::query("CREATE TABLE own (x)").execute(&pool).await.map(drop) })
        })
        .collect();
    for number in 2..40 {
        let call = tokio::time::timeout(Duration::from_millis(5), add_token(&store, number, &user));
        assert!(call.await.is_err(), "the lock is not free");
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        let started = Instant::now();
        assert!(names_somebody(&store, 1).await);
        slowest = slowest.max(started.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    own.iter().for_each(tokio::task::JoinHandle::abort);
    lock.rollback().await.unwrap();
    add_token(&store, 40, &user).await;
    for number in 2..40 {
        assert!(!names_somebody(&store, number).await, "the call of a caller that left is over: {number}");
    }
}

#[tokio::test]
async fn an_abandoned_change_frees_the_only_connection_of_a_pool() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let one = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let store = SqliteRepository::with_pool(one).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let other_process = SqliteRepository::open(&path).await.unwrap();
    let lock = other_process.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    let call = tokio::time::timeout(Duration::from_millis(50), add_token(&store, 1, &user));
    assert!(call.await.is_err());
    let started = Instant::now();
    assert!(!names_somebody(&store, 1).await);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    lock.rollback().await.unwrap();
    add_token(&store, 1, &user).await;
}

#[tokio::test]
async fn a_transaction_that_is_not_committed_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    store.create_level("member").await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let user = store.create_user_in(&mut transaction, None, "member").await.unwrap();
    let unknown = store.create_user_in(&mut transaction, None, "no such level").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::LevelNotFound);
    drop(transaction);
    assert!(store.user(&user).await.unwrap().is_none());
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(store.create_user_in(&mut transaction, None, "member").await.unwrap(), user);
    transaction.commit().await.unwrap();
    assert!(store.user(&user).await.unwrap().is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_removed_or_replaced_is_an_outage_until_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let store = SqliteRepository::open(&path).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    add_token(&store, 1, &user).await;
    let backup = directory.path().join("backup.db");
    sqlx::query("VACUUM INTO ?1").bind(backup.to_str().unwrap()).execute(store.pool()).await.unwrap();
    let aside = directory.path().join("aside.db");
    std::fs::rename(&path, &aside).unwrap();
    for put_backup in [false, true] {
        if put_backup {
            std::fs::copy(&backup, &path).unwrap();
        }
        let error = store.delete(TokenKey::new("token-1")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("removed or replaced"), "{source}");
        let started = Instant::now();
        while store.find(TokenKey::new("token-1"), NOW).await.is_ok() {
            assert!(started.elapsed() < Duration::from_secs(3), "look-ups find out within a second");
            tokio::task::yield_now().await;
        }
    }
    std::fs::rename(&aside, &path).unwrap();
    assert!(names_somebody(&store, 1).await);
    let restored = SqliteRepository::open(&backup).await.unwrap();
    assert!(names_somebody(&restored, 1).await, "a backup by VACUUM INTO has everything");
}

#[tokio::test]
async fn debug_output_names_no_file_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    let shown = format!("{store:?}");
    assert!(shown.starts_with("SqliteRepository") && !shown.contains("tokens.db"), "{shown}");
}

#[tokio::test]
async fn the_database_is_opened_as_the_documentation_says() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    let number = async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(store.pool()).await.unwrap();
    assert_eq!(number("PRAGMA synchronous").await, 2, "FULL");
    assert_eq!(number("PRAGMA foreign_keys").await, 1);
    assert_eq!(number("PRAGMA busy_timeout").await, 5_000);
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(store.pool()).await.unwrap();
    assert_eq!(mode, "wal");
    assert!(!store.pool().options().get_test_before_acquire());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_replacements_that_race_through_two_openings_exactly_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let stores = [SqliteRepository::open(&path).await.unwrap(), SqliteRepository::open(&path).await.unwrap()];
    stores[0].create_level("member").await.unwrap();
    let user = stores[0].create_user(None, "member").await.unwrap();
    add_token(&stores[0], 0, &user).await;
    let racers: Vec<_> = (1..=20)
        .map(|number| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move {
                let new = format!("token-{number}");
                let (old, new) = (TokenKey::new("token-0"), TokenKey::new(&new));
                let replacement = Replacement {
                    old,
                    new,
                    limits: NewLimits::FreshStart(Lifetime::default()),
                    authenticated_at: None,
                    now: NOW,
                };
                store.replace(replacement).await.unwrap().is_some()
            })
        })
        .collect();
    let mut wins = 0;
    for racer in racers {
        wins += u32::from(racer.await.unwrap());
    }
    assert_eq!(wins, 1);
}

#[tokio::test]
async fn a_dropped_call_did_its_whole_work_or_none_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    store.create_level("member").await.unwrap();
    for number in 0..200 {
        // Long enough for some calls and too short for others, wherever this runs.
        let limit = Duration::from_micros(number as u64 * 20);
        let id = UserId::from(number);
        let created = store.create_user(Some(id.clone()), "member");
        let is_known_to_be_done = tokio::time::timeout(limit, created).await.is_ok();
        let user = store.user(&id).await.unwrap();
        assert!(user.is_some() || !is_known_to_be_done, "what was reported is there");
        if user.is_some() {
            add_token(&store, number, &id).await;
            _ = tokio::time::timeout(limit, store.delete_user(&id)).await;
            // In one statement, for a call that was dropped may still be at work.
            let users_without_their_token = "SELECT
                (SELECT count(*) FROM tower_tokens_users WHERE id = ?1)
                - (SELECT count(*) FROM tower_tokens_tokens WHERE user_id = ?1)";
            let count = sqlx::query_scalar::<_, i64>(users_without_their_token).bind(number);
            assert_eq!(count.fetch_one(store.pool()).await.unwrap(), 0, "user and token go together");
        }
    }
    let next = store.create_user(None, "member").await.unwrap();
    assert!(next.as_integer().unwrap() <= 200, "{next}: and no lock is left behind");
}
