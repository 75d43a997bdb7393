//! A look-up of a token whose user is in the application's own table: one index look-up a table. For SQLite, where the
//! driver does not show the statement, the test is beside the store.

use std::error::Error;

use sqlx::{AssertSqlSafe, Executor, Row};
use tower_tokens::repository::{NewToken, TokenRepository, UserTable};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenRecord};
use tower_tokens::user::UserId;

use super::NOW;
use crate::repository::{mysql, postgres};

#[derive(serde::Deserialize)]
struct Profile {
    #[expect(dead_code, reason = "it is selected, and not looked at")]
    email: String,
}

fn users() -> UserTable {
    UserTable::new("users")
        .level("role")
        .disabled("banned_at IS NOT NULL")
        .ends_with("password_hash")
        .data::<Profile>(["email"])
        .foreign_key()
}

const TABLE: &str = "CREATE TABLE users (id INT NOT NULL PRIMARY KEY, email VARCHAR(100), password_hash VARCHAR(200),
    role VARCHAR(30), banned_at TIMESTAMP NULL)";

async fn insert(store: &impl TokenRepository) {
    let record = TokenRecord::new(TokenId::new(1), NOW, Lifetime::hours(1));
    store.insert(NewToken { key: TokenKey::new("token"), user: &UserId::from(7), record }).await.unwrap();
}

#[tokio::test]
async fn a_look_up_on_postgres_uses_one_index_a_table() -> Result<(), Box<dyn Error>> {
    let (repository, ()) = postgres::fresh().await;
    repository.pool().execute(TABLE).await?;
    let fill = "INSERT INTO users SELECT n, 'e' || n, 'h' || n, 'member', NULL FROM generate_series(1, 4000) AS n";
    repository.pool().execute(fill).await?;
    let store = repository.with_users(users());
    store.migrate().await?;
    insert(&store).await;
    let fill = "INSERT INTO tower_tokens_for_users (digest, id, user_id, created_at, authenticated_at, ends_at)
        SELECT sha256(convert_to(n::text, 'UTF8')), n + 10, n, n, n, n + 1000 FROM generate_series(1, 4000) AS n";
    store.pool().execute(fill).await?;
    store.pool().execute("ANALYZE").await?;
    for number in 0..20 {
        store.find(TokenKey::new(&number.to_string()), NOW).await?;
    }
    let mut checked = 0;
    for _ in 0..10 {
        let mut connection = store.pool().acquire().await?;
        connection.execute("SET plan_cache_mode = force_generic_plan").await?;
        let prepared = "SELECT name FROM pg_prepared_statements
            WHERE statement LIKE 'SELECT%u.data_0%' AND statement NOT LIKE '%pg_prepared%'";
        let prepared: Vec<String> = sqlx::query_scalar(prepared).fetch_all(&mut *connection).await?;
        for name in prepared {
            let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE {name} (NULL, NULL)"));
            let plan = sqlx::query_scalar::<_, String>(explain).fetch_all(&mut *connection).await?.join("\n");
            assert!(!plan.contains("Seq Scan") && plan.matches("Index Scan").count() == 2, "{plan}");
            checked += 1;
        }
    }
    assert!(checked > 0, "the look-up is prepared on a connection");
    Ok(())
}

#[tokio::test]
async fn a_look_up_on_mysql_reads_one_row_a_table() -> Result<(), Box<dyn Error>> {
    let pool = sqlx::mysql::MySqlPoolOptions::new().max_connections(1);
    let pool = pool.connect_with(mysql::fresh_database().await).await?;
    sqlx::raw_sql(TABLE).execute(&pool).await?;
    let fill =
        "CREATE TABLE digits (d INT); INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
        INSERT INTO users SELECT a.d + 10 * b.d + 100 * c.d, 'e', 'h', 'member', NULL
            FROM digits AS a, digits AS b, digits AS c";
    sqlx::raw_sql(fill).execute(&pool).await?;
    let store = tower_tokens::repository::MySqlRepository::with_pool(pool).with_users(users());
    store.migrate().await?;
    insert(&store).await;
    let fill = "INSERT INTO tower_tokens_for_users (digest, id, user_id, created_at, authenticated_at, ends_at)
            SELECT UNHEX(SHA2(id, 256)), id + 10, id, 1, 1, 1000 FROM users;
        ANALYZE TABLE users, tower_tokens_for_users";
    sqlx::raw_sql(fill).execute(store.pool()).await?;
    let read = async || -> Result<u64, Box<dyn Error>> {
        let status = sqlx::raw_sql("SHOW SESSION STATUS LIKE 'Handler_read%'").fetch_all(store.pool()).await?;
        Ok(status.iter().map(|row| row.get::<String, _>(1).parse::<u64>().unwrap()).sum())
    };
    assert!(store.find(TokenKey::new("token"), NOW).await?.is_some());
    let before = read().await?;
    let asking = read().await? - before;
    store.find(TokenKey::new("token"), NOW).await?;
    store.touch(&UserId::from(7), TokenId::new(1), NOW).await?;
    let rows = read().await? - before - 2 * asking;
    assert!(rows <= 10, "a look-up and a touch read {rows} rows");
    Ok(())
}
