//! PostgreSQL keeps the contract, on a real server.

use std::error::Error as _;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::task::JoinSet;
use tower_tokens::clock::Timestamp;
use tower_tokens::conformance::an_outage_is_an_error_and_never_none;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{NewToken, PostgresRepository, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenRecord};

use crate::repository::servers::{shared, unique_name};

pub(super) fn url() -> String {
    shared("TOWER_TOKENS_POSTGRES_URL", "postgres")
}

/// Connections to a schema of their own.
pub(super) async fn fresh_pool() -> PgPool {
    let schema = unique_name();
    let options: PgConnectOptions = url().parse().unwrap();
    let options = options.options([("search_path", &schema)]);
    let pool = PgPoolOptions::new().max_connections(10).test_before_acquire(false).connect_with(options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&pool).await.unwrap();
    pool
}

/// The URL of a schema of its own.
pub(crate) async fn fresh_url() -> String {
    let schema = unique_name();
    let pool = PgPoolOptions::new().max_connections(1).connect(&url()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&pool).await.unwrap();
    let mut url: url::Url = url().parse().unwrap();
    url.query_pairs_mut().append_pair("options[search_path]", &schema);
    url.into()
}

pub(crate) async fn fresh() -> (PostgresRepository, ()) {
    let repository = PostgresRepository::with_pool(fresh_pool().await);
    repository.migrate().await.unwrap();
    (repository, ())
}

tower_tokens::repository_conformance!(postgres_tokens, super::fresh());
tower_tokens::family_conformance!(postgres_families, super::fresh());
tower_tokens::user_repository_conformance!(postgres_users, super::fresh());

#[tokio::test]
async fn an_outage_of_postgres_is_an_error_and_never_none() {
    let (store, ()) = fresh().await;
    an_outage_is_an_error_and_never_none(store, async |store| store.pool().close().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nodes_migrate_postgres_at_once() {
    for _ in 0..3 {
        let pool = fresh_pool().await;
        let mut nodes = JoinSet::new();
        for _ in 0..10 {
            let node = PostgresRepository::with_pool(pool.clone());
            nodes.spawn(async move { node.migrate().await });
        }
        for migrated in nodes.join_all().await {
            migrated.unwrap();
        }
        let node = PostgresRepository::with_pool(pool);
        assert_eq!(node.create_level("member").await.unwrap().title(), "member");
    }
}

#[tokio::test]
async fn a_newer_postgres_schema_is_refused_and_says_why() {
    let (store, ()) = fresh().await;
    sqlx::query("UPDATE tower_tokens_schema SET version = 99").execute(store.pool()).await.unwrap();
    let error = store.migrate().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.source().unwrap().to_string().contains("schema version 99"));
}

#[tokio::test]
async fn an_error_of_postgres_shows_no_digest() {
    let (store, ()) = fresh().await;
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let key = TokenKey::new("token");
    let record = TokenRecord::new(TokenId::new(1), Timestamp::from_unix_seconds(0), Lifetime::default());
    store.insert(NewToken { key, user: &user, record: record.clone() }).await.unwrap();
    let error = store.insert(NewToken { key, user: &user, record }).await.unwrap_err();
    let shown = format!("{error:?}");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let digest: String = key.digest().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!shown.to_lowercase().contains(&digest[..8]), "{shown}");
    assert!(shown.contains("the database says 23505"), "{shown}");
}
