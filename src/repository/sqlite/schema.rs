//! The tables, and how older ones are brought up to date.

use sqlx::sqlite::{SqliteConnection, SqlitePool};

use crate::error::Error;
use crate::repository::sql::missing_steps;
use crate::repository::sqlite::error::failure;

/// What leads from each version of the schema to the next one; the first leads from an empty database to version 1.
/// A released step is never changed: a later release adds one.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

/// Not `PRAGMA user_version`: an application that keeps its own tables in the same file may use that one itself.
const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS tower_tokens_schema (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL
) STRICT";

/// Brings the schema up to the version that `migrations` leads to. Many processes may do so at once.
pub(super) async fn migrate(pool: &SqlitePool, migrations: &[&'static str]) -> Result<(), Error> {
    let mut connection = pool.acquire().await.map_err(failure)?;
    if missing(&mut connection, migrations).await?.is_empty() {
        return Ok(());
    }
    drop(connection);
    // Who gets the lock first does the work; the others look again once they have it, and find nothing to do.
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    for step in missing(&mut transaction, migrations).await? {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(failure)?;
    }
    sqlx::query(VERSION_TABLE).execute(&mut *transaction).await.map_err(failure)?;
    sqlx::query("INSERT OR REPLACE INTO tower_tokens_schema (only, version) VALUES (1, ?1)")
        .bind(i64::try_from(migrations.len()).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await
        .map_err(failure)?;
    transaction.commit().await.map_err(failure)
}

async fn missing<'m>(
    connection: &mut SqliteConnection,
    migrations: &'m [&'static str],
) -> Result<&'m [&'static str], Error> {
    let version = version(connection).await.map_err(failure)?;
    missing_steps(version, migrations)
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let table = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'tower_tokens_schema'";
    if sqlx::query_scalar::<_, i64>(table).fetch_one(&mut *connection).await? == 0 {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT version FROM tower_tokens_schema").fetch_one(&mut *connection).await
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;
    use crate::error::ErrorKind;

    async fn memory() -> SqlitePool {
        SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap()
    }

    #[tokio::test]
    async fn each_missing_step_is_taken_once_and_in_order() {
        let steps =
            ["CREATE TABLE a (x) STRICT".replace("(x)", "(x INTEGER)"), "ALTER TABLE a ADD COLUMN y INTEGER".into()];
        let steps: Vec<&'static str> = steps.into_iter().map(|step| &*step.leak()).collect();
        let pool = memory().await;
        migrate(&pool, &steps[..1]).await.unwrap();
        sqlx::query("INSERT INTO a (x) VALUES (7)").execute(&pool).await.unwrap();
        migrate(&pool, &steps).await.unwrap();
        migrate(&pool, &steps).await.unwrap();
        let row: (i64, Option<i64>) = sqlx::query_as("SELECT x, y FROM a").fetch_one(&pool).await.unwrap();
        assert_eq!(row, (7, None), "the row that was there stays");
        assert_eq!(version(&mut pool.acquire().await.unwrap()).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_step_that_fails_leaves_the_database_as_it_was() {
        let pool = memory().await;
        assert!(migrate(&pool, &["CREATE TABLE a (x INTEGER) STRICT", "no SQL"]).await.is_err());
        assert_eq!(version(&mut pool.acquire().await.unwrap()).await.unwrap(), 0);
        migrate(&pool, &["CREATE TABLE a (x INTEGER) STRICT"]).await.unwrap();
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused_and_says_why() {
        let pool = memory().await;
        migrate(&pool, MIGRATIONS).await.unwrap();
        sqlx::query("UPDATE tower_tokens_schema SET version = 99").execute(&pool).await.unwrap();
        let error = migrate(&pool, MIGRATIONS).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("schema version 99"), "{source}");
    }
}
