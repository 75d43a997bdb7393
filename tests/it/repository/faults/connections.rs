//! The connections fail, and the servers behind them are up: no request may fail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use sqlx::{AssertSqlSafe, Connection, Database, Executor, MySqlConnection, MySqlPool, PgConnection, PgPool, Pool};
use tokio::task::JoinSet;
use tower_tokens::conformance::StoreUnderTest;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{MySqlRepository, PostgresRepository, TrongateRepository};
use tower_tokens::token::Token;

use crate::repository::faults::proxy::Proxy;
use crate::repository::faults::server::Server;
use crate::repository::faults::site::Site;
use crate::repository::trongate::Visitor;
use crate::trongate_site::create_tables;

/// As many connections as the pool has.
async fn warm<DB: Database>(pool: &Pool<DB>) {
    let mut held = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        held.push(pool.acquire().await.unwrap());
    }
    drop(held);
    while pool.num_idle() < pool.options().get_max_connections() as usize {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Ten visits at once succeed, and logging in and out.
async fn requests_succeed(site: &Site, token: &Token) {
    let mut visits = JoinSet::new();
    for _ in 0..10 {
        let (site, token) = (site.clone(), token.clone());
        visits.spawn(async move { site.visit(&token).await });
    }
    assert_eq!(visits.join_all().await, [StatusCode::OK; 10]);
    changes_work(site).await;
}

async fn changes_work(site: &Site) {
    let token = site.log_in().await;
    assert_eq!(site.visit(&token).await, StatusCode::OK);
    assert!(site.tokens.destroy(&token).await.unwrap());
    assert_eq!(site.visit(&token).await, StatusCode::UNAUTHORIZED);
}

/// A firewall forgets ten warm connections.
async fn silent_death<DB: Database>(name: &str, proxy: &Proxy, pool: &Pool<DB>, store: impl StoreUnderTest + 'static) {
    let site = Site::new(Arc::new(store)).await;
    let token = site.log_in().await;
    warm(pool).await;
    proxy.swallow_open_connections();
    let started = Instant::now();
    requests_succeed(&site, &token).await;
    println!("{name}: ten silent connections cost {:.2} s", started.elapsed().as_secs_f64());
    let healed = Instant::now();
    requests_succeed(&site, &token).await;
    assert!(healed.elapsed() < Duration::from_secs(1), "{:?} once it is over", healed.elapsed());

    // The other way round: a change is the first to meet them.
    warm(pool).await;
    proxy.swallow_open_connections();
    let started = Instant::now();
    changes_work(&site).await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());

    // The visitors leave before an answer.
    warm(pool).await;
    proxy.swallow_open_connections();
    for _ in 0..10 {
        let (site, token) = (site.clone(), token.clone());
        let visit = tokio::spawn(async move { site.visit(&token).await });
        tokio::time::sleep(Duration::from_millis(10)).await;
        visit.abort();
    }
    let started = Instant::now();
    while site.visit(&token).await != StatusCode::OK {
        assert!(started.elapsed() < Duration::from_secs(5), "service is not back");
    }
    println!("{name}: back {:.2} s after ten visitors left silent connections", started.elapsed().as_secs_f64());
}

/// The server closes what is idle for two seconds.
async fn idle_death<DB: Database>(pool: &Pool<DB>, store: impl StoreUnderTest + 'static) {
    let site = Site::new(Arc::new(store)).await;
    let token = site.log_in().await;
    for change_first in [false, true] {
        warm(pool).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        if change_first {
            changes_work(&site).await;
        }
        requests_succeed(&site, &token).await;
    }
}

async fn postgres(script: &str) -> (Server, Proxy, PostgresRepository) {
    let server = Server::start("postgres").await;
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    for statement in script.split(';').filter(|statement| !statement.trim().is_empty()) {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let proxy = Proxy::start(server.url()).await;
    let repository = PostgresRepository::connect(&proxy.url(server.url())).await.unwrap();
    repository.migrate().await.unwrap();
    (server, proxy, repository)
}

/// As a user who is no administrator, for whom read-only servers make an exception.
async fn mariadb(script: &str) -> (Server, Proxy, String) {
    let server = Server::start("mariadb").await;
    let mut connection = MySqlConnection::connect(server.url()).await.unwrap();
    connection.execute("CREATE USER app@127.0.0.1").await.unwrap();
    connection.execute("GRANT ALL ON tower_tokens.* TO app@127.0.0.1").await.unwrap();
    create_tables(&MySqlPool::connect(server.url()).await.unwrap()).await;
    for statement in script.split(';').filter(|statement| !statement.trim().is_empty()) {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let proxy = Proxy::start(server.url()).await;
    let url = proxy.url(server.url()).replace("root@", "app@");
    (server, proxy, url)
}

async fn mysql(url: &str) -> MySqlRepository {
    let repository = MySqlRepository::connect(url).await.unwrap();
    repository.migrate().await.unwrap();
    repository
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_postgres_that_a_firewall_forgot_fail_no_request() {
    let (_server, proxy, store) = postgres("").await;
    silent_death("PostgreSQL", &proxy, &store.pool().clone(), store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_mariadb_that_a_firewall_forgot_fail_no_request() {
    let (_server, proxy, url) = mariadb("").await;
    let store = mysql(&url).await;
    silent_death("MariaDB", &proxy, &store.pool().clone(), store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_trongates_database_that_a_firewall_forgot_fail_no_request() {
    let (_server, proxy, url) = mariadb("").await;
    let store = TrongateRepository::connect(&url).await.unwrap();
    silent_death("Trongate", &proxy, &store.pool().clone(), Visitor(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_postgres_that_idled_to_death_fail_no_request() {
    let (_server, _proxy, store) =
        postgres("ALTER SYSTEM SET idle_session_timeout = '2s'; SELECT pg_reload_conf()").await;
    idle_death(&store.pool().clone(), store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_mariadb_that_idled_to_death_fail_no_request() {
    let (_server, _proxy, url) = mariadb("SET GLOBAL wait_timeout = 2").await;
    let store = mysql(&url).await;
    idle_death(&store.pool().clone(), store).await;
    let store = TrongateRepository::connect(&url).await.unwrap();
    idle_death(&store.pool().clone(), Visitor(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demoted_postgres_is_left_for_the_server_that_took_over() {
    let (old, proxy, store) = postgres("").await;
    let new = Server::start("postgres").await;
    let pool = PgPool::connect(new.url()).await.unwrap();
    PostgresRepository::with_pool(pool).migrate().await.unwrap();
    // The same users on both.
    Site::new(Arc::new(PostgresRepository::connect(new.url()).await.unwrap())).await;
    let pool = store.pool().clone();
    let site = Site::new(Arc::new(store)).await;
    site.log_in().await;
    warm(&pool).await;
    let mut administrator = PgConnection::connect(old.url()).await.unwrap();
    administrator.execute("ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
    administrator.execute("SELECT pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let error = site.tokens.generate(&site.user).await.expect_err("there is no other server yet");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    warm(&pool).await;
    proxy.lead_to(new.url());
    for _ in 0..20 {
        changes_work(&site).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demoted_mariadb_is_left_for_the_server_that_took_over() {
    let (old, proxy, url) = mariadb("").await;
    let (new, other_proxy, other_url) = mariadb("").await;
    Site::new(Arc::new(mysql(&other_url).await)).await;
    drop(other_proxy);
    let store = mysql(&url).await;
    let pool = store.pool().clone();
    let site = Site::new(Arc::new(store)).await;
    site.log_in().await;
    warm(&pool).await;
    let mut administrator = MySqlConnection::connect(old.url()).await.unwrap();
    administrator.execute("SET GLOBAL read_only = 1").await.unwrap();
    let error = site.tokens.generate(&site.user).await.expect_err("there is no other server yet");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    warm(&pool).await;
    proxy.lead_to(new.url());
    for _ in 0..20 {
        changes_work(&site).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_a_colleague_alters_fails_no_request() {
    let (server, _proxy, store) = postgres("").await;
    let pool = store.pool().clone();
    let site = Site::new(Arc::new(store)).await;
    let token = site.log_in().await;
    warm(&pool).await;
    for _ in 0..3 {
        requests_succeed(&site, &token).await;
    }
    let mut colleague = PgConnection::connect(server.url()).await.unwrap();
    for kind in ["varchar(200)", "text"] {
        let alter = format!("ALTER TABLE tower_tokens_tokens ALTER COLUMN name TYPE {kind}");
        colleague.execute(AssertSqlSafe(alter)).await.unwrap();
        requests_succeed(&site, &token).await;
        colleague.execute("ALTER TABLE tower_tokens_levels ALTER COLUMN title TYPE varchar(99)").await.unwrap();
        requests_succeed(&site, &token).await;
    }

    let (server, _proxy, url) = mariadb("").await;
    let store = mysql(&url).await;
    let pool = store.pool().clone();
    let site = Site::new(Arc::new(store)).await;
    let token = site.log_in().await;
    warm(&pool).await;
    requests_succeed(&site, &token).await;
    let mut colleague = MySqlConnection::connect(server.url()).await.unwrap();
    for kind in ["VARCHAR(200) CHARACTER SET utf8mb4", "TEXT CHARACTER SET utf8mb4"] {
        let alter = format!("ALTER TABLE tower_tokens_tokens MODIFY name {kind}");
        colleague.execute(AssertSqlSafe(alter)).await.unwrap();
        requests_succeed(&site, &token).await;
    }
}

const HOSTILE_MARIADB: &str = "SET GLOBAL autocommit = 0; SET GLOBAL init_connect = 'SET autocommit = 0';
    SET GLOBAL foreign_key_checks = 0; SET GLOBAL completion_type = 'RELEASE'; SET GLOBAL tx_isolation = 'SERIALIZABLE';
    SET GLOBAL sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH,IGNORE_SPACE,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,EMPTY_STRING_IS_NULL';
    SET GLOBAL sql_safe_updates = 1; SET GLOBAL sql_auto_is_null = 1; SET GLOBAL sql_select_limit = 1;
    SET GLOBAL time_zone = '+11:00'; SET GLOBAL character_set_server = latin1;
    SET GLOBAL collation_connection = latin1_swedish_ci; SET GLOBAL character_set_results = latin1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_mariadb_loses_no_change() {
    let (server, _proxy, url) = mariadb(HOSTILE_MARIADB).await;
    let store = mysql(&url).await;
    let site = Site::new(Arc::new(store)).await;
    let token = site.log_in().await;
    let other_node = Site::reopened(Arc::new(mysql(&url).await), site.user.clone());
    for _ in 0..3 {
        requests_succeed(&other_node, &token).await;
    }
    assert!(other_node.tokens.destroy(&token).await.unwrap());
    assert_eq!(site.visit(&token).await, StatusCode::UNAUTHORIZED);

    let trongate = TrongateRepository::connect(&url).await.unwrap();
    let site = Site::new(Arc::new(Visitor(trongate))).await;
    let token = site.log_in().await;
    let mut php = MySqlConnection::connect(server.url()).await.unwrap();
    assert_eq!(site.visit(&token).await, StatusCode::OK);
    php.execute("SET SESSION sql_safe_updates = 0").await.unwrap();
    php.execute("DELETE FROM trongate_tokens").await.unwrap();
    php.execute("COMMIT").await.unwrap();
    assert_eq!(site.visit(&token).await, StatusCode::UNAUTHORIZED);
    changes_work(&site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_whose_session_loses_changes_is_refused() {
    for setting in ["autocommit", "foreign_key_checks", "completion_type"] {
        let value = if setting == "completion_type" { 2 } else { 0 };
        let (_server, _proxy, url) = mariadb(&format!("SET GLOBAL {setting} = {value}")).await;
        let pool = MySqlPool::connect(&url).await.unwrap();
        let error = MySqlRepository::with_pool(pool.clone()).migrate().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(format!("{error:?}").contains(setting), "{error:?}");
        let error = TrongateRepository::with_pool(pool).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_postgres_changes_nothing() {
    let hostile = "ALTER SYSTEM SET default_transaction_isolation = 'serializable';
        ALTER SYSTEM SET default_transaction_deferrable = on; ALTER SYSTEM SET statement_timeout = '20ms';
        ALTER SYSTEM SET lock_timeout = '1ms'; ALTER SYSTEM SET row_security = off;
        ALTER SYSTEM SET transform_null_equals = on; ALTER SYSTEM SET bytea_output = 'escape';
        ALTER SYSTEM SET timezone = 'Asia/Kathmandu'; ALTER SYSTEM SET standard_conforming_strings = off;
        ALTER SYSTEM SET client_encoding = 'LATIN1'; SELECT pg_reload_conf()";
    let (server, _proxy, store) = postgres(hostile).await;
    let site = Site::new(Arc::new(store)).await;
    let token = site.log_in().await;
    for _ in 0..3 {
        requests_succeed(&site, &token).await;
    }
    // A lock that is held for longer than the server's time-outs is waited for.
    let mut colleague = PgConnection::connect(server.url()).await.unwrap();
    colleague.execute("BEGIN; LOCK TABLE tower_tokens_tokens IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waiting = tokio::spawn(async move { site.tokens.generate(&site.user).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    colleague.execute("COMMIT").await.unwrap();
    assert!(waiting.await.unwrap().is_ok());
}
