//! What the bus of PostgreSQL does when PostgreSQL fails.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio::time::{Instant, sleep, timeout};
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{Notice, PostgresRepository, Subject, UserRepository};
use tower_tokens::user::UserId;

use crate::repository::announced::{self, Listener, changed};
use crate::repository::faults::proxy::Proxy;
use crate::repository::faults::server::Server;

async fn private() -> (Server, PostgresRepository, UserId) {
    let server = Server::start("postgres").await;
    let store = PostgresRepository::connect(server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let user = member(&store).await;
    (server, store, user)
}

async fn member(store: &PostgresRepository) -> UserId {
    store.create_level("member").await.unwrap();
    store.create_user(None, "member").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_killed_ends_the_subscription_and_a_new_one_works() {
    let (server, store, user) = private().await;
    let bus = announced::bus(&store);
    let mut listener = Listener::on(&*bus).await;
    assert_eq!(listener.so_far().await, []);
    server.kill().await;
    let (count, error) = listener.until_failure().await;
    assert_eq!((count, error.kind()), (0, ErrorKind::Unavailable));
    assert!(bus.subscribe().await.is_err_and(|error| error.is_outage()));
    server.restart().await;
    // Not even if there is a server again.
    listener.subscription.next().await.expect_err("it gives nothing more");
    let mut listener = Listener::again(&*bus).await;
    store.set_disabled(&user, true).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
}

/// The process of the server that serves the only subscription.
async fn listening_process(pool: &PgPool) -> i32 {
    let sql = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN \"tower_tokens_changes_%'";
    let pids: Vec<i32> = sqlx::query_scalar(sql).fetch_all(pool).await.unwrap();
    assert_eq!(pids.len(), 1, "there is one subscription");
    pids[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_an_administrator_ends_ends_the_subscription() {
    let (_server, store, user) = private().await;
    let bus = announced::bus(&store);
    let mut listener = Listener::on(&*bus).await;
    let process = listening_process(store.pool()).await;
    sqlx::query("SELECT pg_terminate_backend($1)").bind(process).execute(store.pool()).await.unwrap();
    let (_, error) = listener.until_failure().await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    listener.subscription.next().await.expect_err("it is not connected again behind our back");
    let mut listener = Listener::again(&*bus).await;
    store.set_disabled(&user, true).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_hangs_answers_no_heartbeat_and_loses_no_notice() {
    let (_server, store, user) = private().await;
    let mut listener = Listener::of(&store).await;
    let process = listening_process(store.pool()).await;
    let signal = |name: &str| {
        let status = std::process::Command::new("kill").args(["-s", name, &process.to_string()]).status();
        assert!(status.unwrap().success());
    };
    signal("STOP");
    store.set_disabled(&user, true).await.unwrap();
    listener.subscription.heartbeat(77).await.unwrap();
    let next = timeout(Duration::from_millis(1_500), listener.subscription.next()).await;
    assert!(next.is_err(), "{next:?}");
    signal("CONT");
    assert_eq!(listener.so_far().await, [changed(&user), Notice::Heartbeat(77)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firewall_that_swallows_the_subscription_leaves_heartbeats_without_an_answer() {
    let (server, other_node, user) = private().await;
    let proxy = Proxy::start(server.url()).await;
    let store = PostgresRepository::connect(&proxy.url(server.url())).await.unwrap();
    let bus = announced::bus(&store);
    let mut listener = Listener::on(&*bus).await;
    assert_eq!(listener.so_far().await, []);
    proxy.swallow_open_connections();
    other_node.set_disabled(&user, true).await.unwrap();
    // The store's connections are replaced, and notify; the subscription's is dead without a sign.
    let answer = timeout(Duration::from_secs(4), listener.until_heartbeat()).await;
    assert!(answer.is_err() || answer.unwrap().is_err(), "nothing can come");
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let started = Instant::now();
    drop(listener);
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    assert!(alive() <= before, "no task waits for an answer that cannot come");
    let started = Instant::now();
    let mut listener = Listener::again(&*bus).await;
    println!("subscribed again in {:?}", started.elapsed());
    other_node.set_disabled(&user, false).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_of_a_demoted_postgres_is_an_error() {
    let (server, store, _) = private().await;
    let mut listener = Listener::of(&store).await;
    assert_eq!(listener.so_far().await, []);
    let mut administrator = PgConnection::connect(server.url()).await.unwrap();
    for setting in ["on", "off"] {
        let sql = format!("ALTER SYSTEM SET default_transaction_read_only = {setting}");
        administrator.execute("SET default_transaction_read_only = off").await.unwrap();
        administrator.execute(AssertSqlSafe(sql)).await.unwrap();
        administrator.execute("SELECT pg_reload_conf()").await.unwrap();
        sleep(Duration::from_millis(500)).await;
        let answer = listener.until_heartbeat().await;
        assert_eq!(answer.is_err(), setting == "on", "{answer:?}");
        let announced = announced::bus(&store).announce(&Subject::Everything).await;
        assert_eq!(announced.is_err(), setting == "on", "{announced:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_notices_is_whole() {
    const FLOOD: usize = 100_000;
    let (server, store, user) = private().await;
    let mut listener = Listener::of(&store).await;
    let flood = format!(
        "INSERT INTO tower_tokens_users (id, number, level_id)
            SELECT n::text, n, (SELECT min(id) FROM tower_tokens_levels) FROM generate_series(1000, 999 + {FLOOD}) AS n;
        UPDATE tower_tokens_users SET disabled = TRUE WHERE number >= 1000"
    );
    let started = Instant::now();
    let mut administrator = PgConnection::connect(server.url()).await.unwrap();
    administrator.execute(AssertSqlSafe(flood)).await.unwrap();
    println!("{FLOOD} changes committed in {:?}", started.elapsed());
    store.set_disabled(&user, true).await.unwrap();
    let started = Instant::now();
    let notices = listener.so_far().await;
    println!("{FLOOD} notices read in {:?}", started.elapsed());
    assert_eq!(notices.len(), FLOOD + 1);
    assert_eq!(notices.last(), Some(&changed(&user)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_many_tokens_is_announced_in_one_notice() {
    const MANY: i64 = 50_000;
    let (server, store, user) = private().await;
    let fill = format!(
        "INSERT INTO tower_tokens_tokens (digest, id, user_id, created_at, authenticated_at)
        SELECT sha256(n::text::bytea), n, '{user}', 0, 0 FROM generate_series(1, {MANY}) AS n"
    );
    let mut administrator = PgConnection::connect(server.url()).await.unwrap();
    administrator.execute(AssertSqlSafe(fill)).await.unwrap();
    let mut listener = Listener::of(&store).await;
    let started = Instant::now();
    assert!(store.delete_user(&user).await.unwrap());
    println!("a user of {MANY} tokens was deleted in {:?}", started.elapsed());
    assert_eq!(listener.so_far().await, [changed(&user)]);
}
