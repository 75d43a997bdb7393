//! What PostgreSQL plans for each statement.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};
use tower_tokens::repository::{PostgresRepository, TokenRepository};
use tower_tokens::token::TokenKey;

use super::{NOW, call_everything};
use crate::repository::servers::{shared, unique_name};

/// 4,000 tokens of 4,000 users, in a schema of its own, behind one connection.
async fn filled() -> PostgresRepository {
    let schema = unique_name();
    let options: PgConnectOptions = shared("TOWER_TOKENS_POSTGRES_URL", "postgres").parse().unwrap();
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options.options([("search_path", &schema)])).await.unwrap();
    pool.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
    let repository = PostgresRepository::with_pool(pool);
    repository.migrate().await.unwrap();
    let fill = "INSERT INTO tower_tokens_levels (title) VALUES ('member');
        INSERT INTO tower_tokens_users (id, text_bytes, level_id)
            SELECT 'u' || n, convert_to('u' || n, 'UTF8'), 1 FROM generate_series(1, 4000) AS n;
        INSERT INTO tower_tokens_tokens (digest, id, user_id, created_at, authenticated_at, ends_at)
            SELECT sha256(convert_to(n::text, 'UTF8')), n, 'u' || n, n, n, n + 1000
            FROM generate_series(1, 4000) AS n;
        ANALYZE";
    repository.pool().execute(fill).await.unwrap();
    repository
}

#[tokio::test]
async fn no_statement_scans_a_table() {
    let repository = filled().await;
    call_everything(&repository, async |_method: &str| {}).await;
    // The plan for any parameters, which is the one that a statement has after it was run a few times.
    repository.pool().execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let prepared = "SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements
        WHERE statement LIKE '%tower_tokens_%' AND statement NOT LIKE '%pg_prepared_statements%'";
    let prepared: Vec<(String, String, i32)> = sqlx::query_as(prepared).fetch_all(repository.pool()).await.unwrap();
    assert!(prepared.len() >= 15, "{prepared:?}");
    let mut looked_up = 0;
    for (name, statement, parameters) in prepared {
        let parameters = match parameters {
            0 => String::new(),
            count => format!("({})", vec!["NULL"; usize::try_from(count).unwrap()].join(", ")),
        };
        let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE {name} {parameters}"));
        let plan = sqlx::query_scalar::<_, String>(explain).fetch_all(repository.pool()).await.unwrap().join("\n");
        for table in ["tower_tokens_tokens", "tower_tokens_users"] {
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{statement}: {plan}");
        }
        looked_up += usize::from(plan.contains("Index Scan") || plan.contains("Index Only Scan"));
    }
    assert!(looked_up >= 12, "{looked_up} statements use an index");
}

#[tokio::test]
async fn a_look_up_is_prepared_once_a_connection() {
    let repository = filled().await;
    for number in 0..20 {
        repository.find(TokenKey::new(&number.to_string()), NOW).await.unwrap();
    }
    let prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%u.disabled%'";
    let prepared: i64 = sqlx::query_scalar(prepared).fetch_one(repository.pool()).await.unwrap();
    assert_eq!(prepared, 2, "the look-up, and this question itself");
}
