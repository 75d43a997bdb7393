//! How many rows MySQL and MariaDB read for each statement.

use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tower_tokens::repository::{MySqlRepository, TokenRepository};
use tower_tokens::token::TokenKey;

use super::{NOW, call_everything};
use crate::repository::servers::{shared, unique_name};

/// 4,000 tokens of 4,000 users, in a database of its own, behind one connection.
async fn filled() -> MySqlRepository {
    let (url, database) = (shared("TOWER_TOKENS_MYSQL_URL", "mariadb"), unique_name());
    let server = MySqlPool::connect(&url).await.unwrap();
    server.execute(AssertSqlSafe(format!("CREATE DATABASE {database}"))).await.unwrap();
    let options = url.parse::<MySqlConnectOptions>().unwrap().database(&database);
    let pool = MySqlPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let repository = MySqlRepository::with_pool(pool);
    repository.migrate().await.unwrap();
    let fill = "CREATE TABLE digits (d BIGINT);
        INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
        CREATE VIEW numbers AS SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n
            FROM digits AS a, digits AS b, digits AS c, digits AS d WHERE d.d < 4;
        INSERT INTO tower_tokens_levels (title) VALUES ('member');
        INSERT INTO tower_tokens_users (id, text_bytes, level_id) SELECT CONCAT('u', n), CONCAT('u', n), 1 FROM numbers;
        INSERT INTO tower_tokens_tokens (digest, id, user_id, created_at, authenticated_at, ends_at)
            SELECT UNHEX(SHA2(n, 256)), n, CONCAT('u', n), n, n, n + 1000 FROM numbers;
        ANALYZE TABLE tower_tokens_users, tower_tokens_tokens";
    sqlx::raw_sql(fill).execute(repository.pool()).await.unwrap();
    repository
}

/// How many rows this connection has read.
async fn rows_read(pool: &MySqlPool) -> u64 {
    let status = sqlx::raw_sql("SHOW SESSION STATUS LIKE 'Handler_read%'").fetch_all(pool).await.unwrap();
    status.iter().map(|row| row.get::<String, _>(1).parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn no_statement_reads_more_rows_than_it_asks_for() {
    let repository = filled().await;
    let pool = repository.pool();
    let before = rows_read(pool).await;
    // What it costs to ask.
    let asking = rows_read(pool).await - before;
    let mut last = before + asking;
    let mut methods = 0;
    call_everything(&repository, async |method: &str| {
        let now = rows_read(pool).await;
        let read = (now - last).saturating_sub(asking);
        assert!(read <= 40, "{method} reads {read} rows");
        (last, methods) = (now, methods + 1);
    })
    .await;
    assert!(methods >= 15, "{methods} methods");
    sqlx::query("SELECT COUNT(*) FROM tower_tokens_tokens WHERE name IS NULL").fetch_all(pool).await.unwrap();
    assert!(rows_read(pool).await - last >= 3_900, "a scan would be seen");
}

#[tokio::test]
async fn a_look_up_is_prepared_once_a_connection() {
    let repository = filled().await;
    let prepared = async || repository.pool().acquire().await.unwrap().cached_statements_size();
    repository.find(TokenKey::new("first"), NOW).await.unwrap();
    let after_one = prepared().await;
    for number in 0..20 {
        repository.find(TokenKey::new(&number.to_string()), NOW).await.unwrap();
    }
    assert_eq!(prepared().await, after_one);
}
