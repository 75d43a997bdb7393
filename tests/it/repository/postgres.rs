//! PostgreSQL keeps the contract, on a real server.

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tower_tokens::conformance::an_outage_is_an_error_and_never_none;
use tower_tokens::repository::PostgresRepository;

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

pub(super) async fn fresh() -> (PostgresRepository, ()) {
    let repository = PostgresRepository::with_pool(fresh_pool().await);
    repository.migrate().await.unwrap();
    (repository, ())
}

tower_tokens::repository_conformance!(postgres_tokens, super::fresh());
tower_tokens::user_repository_conformance!(postgres_users, super::fresh());

#[tokio::test]
async fn an_outage_of_postgres_is_an_error_and_never_none() {
    let (store, ()) = fresh().await;
    an_outage_is_an_error_and_never_none(store, async |store| store.pool().close().await).await;
}
