//! Changes of an SQLite file, by this process and by others.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, query};
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{Notice, SqliteRepository, TokenRepository, UserRepository};
use tower_tokens::user::UserId;

use crate::repository::announced::{
    Listener, a_heartbeat_comes_after_every_end_before_it, each_end_and_each_change_is_announced,
    logins_touches_and_rotations_are_not_announced, what_is_announced_reaches_all_in_order,
};
use crate::repository::changes::{BusOf, keeps_the_contract, plain_sql_is_announced, user, verbs_are_announced};
use crate::repository::own_users::Database;

async fn file() -> (SqliteRepository, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteRepository::open(directory.path().join("app.db")).await.unwrap(), directory)
}

/// In memory, with exclusive locking, and without a write-ahead log.
async fn others() -> (Vec<SqliteRepository>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let options =
        |name: &str| SqliteConnectOptions::new().filename(directory.path().join(name)).create_if_missing(true);
    let one = async |options| SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let many = async |options| SqlitePool::connect_with(options).await.unwrap();
    let pools = [
        one("sqlite::memory:".parse().unwrap()).await,
        one(options("exclusive.db").locking_mode(SqliteLockingMode::Exclusive)).await,
        many(options("delete.db").journal_mode(SqliteJournalMode::Delete)).await,
    ];
    let mut stores = Vec::new();
    for pool in pools {
        stores.push(SqliteRepository::with_pool(pool).await.unwrap());
    }
    (stores, directory)
}

async fn file_bus() -> (BusOf, tempfile::TempDir) {
    let (store, directory) = file().await;
    (BusOf::new(&store), directory)
}

async fn memory_bus() -> (BusOf, ()) {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    (BusOf::new(&SqliteRepository::with_pool(pool).await.unwrap()), ())
}

tower_tokens::change_bus_conformance!(sqlite_as_a_bus, super::file_bus());
tower_tokens::change_bus_conformance!(sqlite_in_memory_as_a_bus, super::memory_bus());

#[tokio::test]
async fn the_bus_keeps_the_contract() {
    let (store, _directory) = file().await;
    what_is_announced_reaches_all_in_order(&*store.change_bus().unwrap(), Notice::Changed).await;
    keeps_the_contract(store.change_bus().unwrap()).await;
    let (stores, _directory) = others().await;
    for store in stores {
        keeps_the_contract(store.change_bus().unwrap()).await;
    }
}

#[tokio::test]
async fn each_verb_is_announced() {
    let (store, _directory) = file().await;
    verbs_are_announced(&store).await;
    let (store, _directory) = file().await;
    each_end_and_each_change_is_announced(store).await;
    let (store, _directory) = file().await;
    logins_touches_and_rotations_are_not_announced(store).await;
    let (stores, _directory) = others().await;
    for store in stores {
        verbs_are_announced(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_comes_after_every_end_in_sqlite() {
    let (store, _directory) = file().await;
    a_heartbeat_comes_after_every_end_before_it(vec![store.clone(), store.clone(), store], 40).await;
}

#[tokio::test]
async fn plain_sql_is_announced_too() {
    let (store, _directory) = file().await;
    plain_sql_is_announced(&store, &Database::Sqlite(store.pool().clone())).await;
}

#[tokio::test]
async fn a_row_that_is_put_in_the_place_of_another_is_announced() {
    let (store, _directory) = file().await;
    store.create_level("member").await.unwrap();
    store.create_user(Some(UserId::from(7)), "member").await.unwrap();
    let mut listener = Listener::of(&store).await;
    let database = Database::Sqlite(store.pool().clone());
    for (sql, changed) in [
        ("INSERT INTO tower_tokens_users (id, level_id) VALUES (8, 1)", &[][..]),
        ("INSERT OR REPLACE INTO tower_tokens_users (id, level_id, disabled) VALUES (7, 1, 1)", &["7"]),
        ("INSERT OR REPLACE INTO tower_tokens_levels (id, title) VALUES (1, 'guest')", &["*"]),
    ] {
        database.run(sql).await.unwrap();
        assert_eq!(listener.changed().await, changed, "{sql}");
    }
}

#[tokio::test]
async fn a_transaction_of_the_application_is_announced_when_it_is_committed() {
    let (store, _directory) = file().await;
    store.create_level("member").await.unwrap();
    store.create_user(Some(UserId::from("ann")), "member").await.unwrap();
    let mut listener = Listener::of(&store).await;
    for (is_committed, changed) in [(false, &[][..]), (true, &["ann"])] {
        let mut transaction = store.begin().await.unwrap();
        query("UPDATE tower_tokens_users SET disabled = 1").execute(&mut *transaction).await.unwrap();
        assert_eq!(listener.changed().await, [""; 0], "not yet");
        if is_committed {
            transaction.commit().await.unwrap();
        }
        assert_eq!(listener.changed().await, changed);
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_or_closed_is_an_error_and_no_heartbeat() {
    let (store, directory) = file().await;
    let bus = store.change_bus().unwrap();
    let mut listener = Listener::on(&*bus).await;
    let path = directory.path().join("app.db");
    std::fs::rename(&path, directory.path().join("moved.db")).unwrap();
    SqliteRepository::open(&path).await.unwrap();
    assert_eq!(bus.subscribe().await.err().unwrap().kind(), ErrorKind::Unavailable);
    let started = Instant::now();
    while listener.until_heartbeat().await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(listener.until_heartbeat().await.is_err(), "and it stays so");

    let (store, _directory) = file().await;
    let bus = store.change_bus().unwrap();
    let mut listener = Listener::on(&*bus).await;
    store.close().await;
    assert!(listener.until_heartbeat().await.is_err());
    assert!(bus.subscribe().await.is_err());
}

#[tokio::test]
async fn rows_that_were_deleted_before_they_were_read_are_an_error() {
    for sql in [
        "DELETE FROM tower_tokens_changes",
        "DELETE FROM tower_tokens_changes WHERE number < (SELECT MAX(number) FROM tower_tokens_changes)",
    ] {
        let (store, _directory) = file().await;
        let bus = store.change_bus().unwrap();
        let mut listener = Listener::on(&*bus).await;
        for name in ["a", "b", "c"] {
            bus.announce(&user(name)).await.unwrap();
        }
        Database::Sqlite(store.pool().clone()).run(sql).await.unwrap();
        assert_eq!(listener.until_heartbeat().await.unwrap_err().kind(), ErrorKind::Unavailable, "{sql}");
    }
}

#[tokio::test]
async fn old_rows_are_deleted_but_one_and_a_node_that_slept_finds_out() {
    let (store, _directory) = file().await;
    let (bus, database) = (store.change_bus().unwrap(), Database::Sqlite(store.pool().clone()));
    let mut sleeper = Listener::on(&*bus).await;
    for name in ["a", "b", "c"] {
        bus.announce(&user(name)).await.unwrap();
    }
    database.run("UPDATE tower_tokens_changes SET at = at - 700").await.unwrap();
    bus.announce(&user("new")).await.unwrap();
    let mut awake = Listener::on(&*bus).await;
    store.delete_expired(super::NOW, 10).await.unwrap();
    let left: Vec<Option<String>> = sqlx::query_scalar("SELECT user_id FROM tower_tokens_changes ORDER BY number")
        .fetch_all(store.pool())
        .await
        .unwrap();
    assert_eq!(left, [Some("c".to_owned()), Some("new".to_owned())]);
    assert_eq!(awake.changed().await, [""; 0]);
    assert_eq!(sleeper.until_heartbeat().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn more_changes_than_a_read_gives_are_one_about_everything() {
    let (store, _directory) = file().await;
    let mut listener = Listener::of(&store).await;
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
        INSERT INTO tower_tokens_changes (user_id, at) SELECT i, 4000000000 FROM n";
    query(many).execute(store.pool()).await.unwrap();
    assert_eq!(listener.changed().await, ["*"]);
    store.change_bus().unwrap().announce(&user("later")).await.unwrap();
    assert_eq!(listener.changed().await, ["later"]);
}

#[tokio::test]
async fn triggers_that_were_dropped_are_made_again_at_the_next_start() {
    let (store, directory) = file().await;
    let triggers: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")
            .fetch_all(store.pool())
            .await
            .unwrap();
    assert_eq!(triggers.len(), 8, "{triggers:?}");
    query(AssertSqlSafe(format!("DROP TRIGGER {}", triggers[0]))).execute(store.pool()).await.unwrap();
    assert_eq!(store.change_bus().unwrap().subscribe().await.err().unwrap().kind(), ErrorKind::Configuration);
    let again = SqliteRepository::open(directory.path().join("app.db")).await.unwrap();
    assert!(again.change_bus().unwrap().subscribe().await.is_ok());
}

/// This binary again, which changes the database until it is killed.
struct OtherProcess(Child);

impl OtherProcess {
    fn start(path: &Path) -> Self {
        let helper = "repository::changes::sqlite::change_users_until_killed";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", helper]).env("TOKENS_DB", path).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
#[ignore = "a helper: the process that another test starts and kills"]
async fn change_users_until_killed() {
    let path = std::env::var_os("TOKENS_DB").expect("run by another test");
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap();
    for id in 1.. {
        let change = query("UPDATE tower_tokens_users SET disabled = 1 WHERE id = ?").bind(id);
        change.execute(&mut connection).await.unwrap();
    }
}

/// Without a farewell, in the middle of its work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_committed_before_it_was_killed_is_announced() {
    let (store, directory) = file().await;
    store.create_level("member").await.unwrap();
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO tower_tokens_users (id, level_id) SELECT i, 1 FROM n";
    query(many).execute(store.pool()).await.unwrap();
    let mut listener = Listener::of(&store).await;
    let other = OtherProcess::start(&directory.path().join("app.db"));
    let (started, mut changed) = (Instant::now(), Vec::new());
    while changed.len() < 200 {
        assert!(started.elapsed() < Duration::from_secs(30), "the other process changes nothing");
        tokio::time::sleep(Duration::from_millis(25)).await;
        changed.extend(listener.changed().await);
    }
    drop(other);
    changed.extend(listener.changed().await);
    let committed: i64 = sqlx::query_scalar("SELECT count(*) FROM tower_tokens_users WHERE disabled = 1")
        .fetch_one(store.pool())
        .await
        .unwrap();
    changed.sort_by_key(|id| id.parse::<i64>().unwrap());
    assert!((1..=committed).map(|id| id.to_string()).eq(changed), "{committed} were committed");
}
