//! Changes of a database on MariaDB or MySQL.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Executor, MySqlPool, query, query_scalar};
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{MySqlRepository, Notice, TokenRepository, UserRepository};
use tower_tokens::user::UserId;

use crate::repository::announced::{
    Listener, a_heartbeat_comes_after_every_end_before_it, each_end_and_each_change_is_announced,
    logins_touches_and_rotations_are_not_announced, what_is_announced_reaches_all_in_order,
};
use crate::repository::changes::{BusOf, keeps_the_contract, plain_sql_is_announced, user, verbs_are_announced};
use crate::repository::faults::server::Server;
use crate::repository::mysql::{fresh, fresh_pool};
use crate::repository::own_users::Database;
use crate::repository::servers::unique_name;

async fn bus() -> (BusOf, ()) {
    (BusOf::new(&fresh().await.0), ())
}

tower_tokens::change_bus_conformance!(mysql_as_a_bus, super::bus());

#[tokio::test]
async fn the_bus_keeps_the_contract_in_mysql() {
    let bus = fresh().await.0.change_bus().unwrap();
    what_is_announced_reaches_all_in_order(&*bus, Notice::Changed).await;
    keeps_the_contract(bus).await;
}

#[tokio::test]
async fn each_verb_is_announced_in_mysql() {
    verbs_are_announced(&fresh().await.0).await;
    each_end_and_each_change_is_announced(fresh().await.0).await;
    logins_touches_and_rotations_are_not_announced(fresh().await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_comes_after_every_end_in_mysql() {
    let (store, ()) = fresh().await;
    a_heartbeat_comes_after_every_end_before_it(vec![store.clone(), store.clone(), store], 40).await;
}

#[tokio::test]
async fn plain_sql_is_announced_too_in_mysql() {
    let (store, ()) = fresh().await;
    plain_sql_is_announced(&store, &Database::MySql(store.pool().clone())).await;
}

/// Kills every connection to this database but the one that does it.
async fn kill_connections(pool: &MySqlPool) {
    let mut own = pool.acquire().await.unwrap();
    let others = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist
        WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let others: Vec<i64> = query_scalar(others).fetch_all(&mut *own).await.unwrap();
    assert!(!others.is_empty());
    for id in others {
        own.execute(sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}")))).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_is_killed_is_an_error_and_no_heartbeat() {
    let (store, ()) = fresh().await;
    let bus = store.change_bus().unwrap();
    let mut listener = Listener::on(&*bus).await;
    kill_connections(store.pool()).await;
    bus.announce(&user("ann")).await.unwrap();
    assert!(listener.until_heartbeat().await.is_err());
    assert!(listener.until_heartbeat().await.is_err(), "and it stays so");
    let mut again = Listener::on(&*bus).await;
    bus.announce(&user("bob")).await.unwrap();
    assert_eq!(again.changed().await, ["bob"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_gives_no_heartbeat_and_loses_no_change() {
    let server = Server::start("mariadb").await;
    let store = MySqlRepository::connect(server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let bus = store.change_bus().unwrap();
    let mut listener = Listener::on(&*bus).await;
    server.signal_mariadb("STOP");
    let started = Instant::now();
    let answer = listener.until_heartbeat().await;
    server.signal_mariadb("CONT");
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
    assert!(listener.until_heartbeat().await.is_err(), "an answer that comes late is not used");
    let mut again = Listener::on(&*bus).await;
    bus.announce(&user("bob")).await.unwrap();
    assert_eq!(again.changed().await, ["bob"]);
}

#[tokio::test]
async fn rows_that_were_deleted_before_they_were_read_are_an_error_in_mysql() {
    for sql in [
        "TRUNCATE TABLE tower_tokens_changes",
        "DELETE FROM tower_tokens_changes WHERE user_id <> 'c' OR user_id IS NULL",
    ] {
        let (store, ()) = fresh().await;
        let bus = store.change_bus().unwrap();
        let mut listener = Listener::on(&*bus).await;
        for name in ["a", "b", "c"] {
            bus.announce(&user(name)).await.unwrap();
        }
        store.pool().execute(sql).await.unwrap();
        bus.announce(&user("d")).await.unwrap();
        assert_eq!(listener.until_heartbeat().await.unwrap_err().kind(), ErrorKind::Unavailable, "{sql}");
    }
}

#[tokio::test]
async fn old_rows_are_deleted_but_one_in_mysql_and_a_node_that_slept_finds_out() {
    let (store, ()) = fresh().await;
    let bus = store.change_bus().unwrap();
    let mut sleeper = Listener::on(&*bus).await;
    for name in ["a", "b", "c"] {
        bus.announce(&user(name)).await.unwrap();
    }
    store.pool().execute("UPDATE tower_tokens_changes SET at = at - 700").await.unwrap();
    bus.announce(&user("new")).await.unwrap();
    // It keeps the deletion from nothing.
    let mut open = store.pool().begin().await.unwrap();
    open.execute("INSERT INTO tower_tokens_changes (user_id, at) VALUES ('open', 5)").await.unwrap();
    let mut awake = Listener::on(&*bus).await;
    let started = Instant::now();
    store.delete_expired(super::NOW, 10).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let left: Vec<Option<String>> =
        query_scalar("SELECT user_id FROM tower_tokens_changes ORDER BY number").fetch_all(store.pool()).await.unwrap();
    assert_eq!(left, [Some("c".to_owned()), Some("new".to_owned())]);
    open.commit().await.unwrap();
    assert!(awake.until_heartbeat().await.is_ok());
    assert_eq!(sleeper.until_heartbeat().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// Without the privilege there are no triggers, the store works, and whoever subscribes finds out why.
#[tokio::test]
async fn an_account_that_may_create_no_triggers_works_and_the_bus_says_what_is_missing() {
    let pool = fresh_pool().await;
    let name: String = query_scalar("SELECT DATABASE()").fetch_one(&pool).await.unwrap();
    let account = &unique_name()[..20];
    for sql in [
        format!("CREATE USER {account}@127.0.0.1"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX, REFERENCES ON {name}.* TO {account}@127.0.0.1"),
    ] {
        pool.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    let options = (*pool.connect_options()).clone().username(account);
    let limited = MySqlRepository::with_pool(MySqlPool::connect_with(options).await.unwrap());
    limited.migrate().await.unwrap();
    limited.create_level("member").await.unwrap();
    let id = limited.create_user(None, "member").await.unwrap();
    limited.set_disabled(&id, true).await.unwrap();
    let error = limited.change_bus().unwrap().subscribe().await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("TRIGGER"), "{error:?}");
    // Another account makes them, and this one's changes are announced without another privilege.
    let store = MySqlRepository::with_pool(pool.clone());
    store.migrate().await.unwrap();
    let mut listener = Listener::of(&store).await;
    limited.set_disabled(&id, false).await.unwrap();
    assert_eq!(listener.changed().await, [id.to_string()]);
    pool.execute(AssertSqlSafe(format!("DROP USER {account}@127.0.0.1"))).await.unwrap();
}

#[tokio::test]
async fn triggers_are_made_once_and_again_if_they_are_missing() {
    let (store, ()) = fresh().await;
    let triggers = "SELECT CONVERT(trigger_name USING utf8mb4) FROM information_schema.triggers
        WHERE event_object_schema = DATABASE() ORDER BY 1";
    let there: Vec<String> = query_scalar(triggers).fetch_all(store.pool()).await.unwrap();
    assert_eq!(there.len(), 6, "{there:?}");
    store.pool().execute(AssertSqlSafe(format!("DROP TRIGGER {}", there[0]))).await.unwrap();
    assert_eq!(store.change_bus().unwrap().subscribe().await.err().unwrap().kind(), ErrorKind::Configuration);
    store.migrate().await.unwrap();
    let again: Vec<String> = query_scalar(triggers).fetch_all(store.pool()).await.unwrap();
    assert_eq!(again, there);
}

/// A row per user, in one transaction of an application that takes its time.
#[tokio::test]
async fn many_changes_of_one_transaction_are_one_about_everything() {
    let (store, ()) = fresh().await;
    store.create_level("member").await.unwrap();
    let many = "INSERT INTO tower_tokens_users (id, number, level_id)
        SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n, NULL, 1 FROM {n} a, {n} b, {n} c, {n} d,
        (SELECT 0 n UNION SELECT 1) e";
    let ten = "(SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6
        UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
    query(AssertSqlSafe(many.replace("{n}", ten))).execute(store.pool()).await.unwrap();
    let mut listener = Listener::of(&store).await;
    query("UPDATE tower_tokens_users SET disabled = 1").execute(store.pool()).await.unwrap();
    assert_eq!(listener.changed().await, ["*"]);
    store.set_disabled(&UserId::from(7), false).await.unwrap();
    assert_eq!(listener.changed().await, ["7"]);
    // While it is not committed, there are too many to watch.
    let mut transaction = store.pool().begin().await.unwrap();
    query("DELETE FROM tower_tokens_users WHERE id <> '7'").execute(&mut *transaction).await.unwrap();
    assert_eq!(listener.until_heartbeat().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(store.change_bus().unwrap().subscribe().await.is_err());
    transaction.commit().await.unwrap();
    let mut listener = Listener::of(&store).await;
    store.delete_user(&UserId::from(7)).await.unwrap();
    assert_eq!(listener.changed().await, ["7"]);
}
