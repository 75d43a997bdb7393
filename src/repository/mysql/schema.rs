//! The tables, and how older ones are brought up to date.

use sqlx::AssertSqlSafe;
use sqlx::mysql::{MySqlConnection, MySqlPool};

use crate::error::{Error, ErrorKind};
use crate::log::log_warn;
use crate::repository::mysql::error::failure;
use crate::repository::sql::{AnnouncedTable, UNLOCK, announce, locked, missing_steps, refused};

/// What leads from each version of the schema to the next one; the first leads from an empty database to version 1.
/// A released step is never changed: a later release adds one. MySQL undoes no `CREATE TABLE`, so each step has to do no
/// harm when it is taken again after half of it.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS tower_tokens_schema (
    single TINYINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
) ENGINE = InnoDB";

/// Brings the schema up to the version that `migrations` leads to. Many processes may do so at once.
pub(super) async fn migrate(pool: &MySqlPool, migrations: &[&'static str]) -> Result<(), Error> {
    let mut connection = pool.acquire().await.map_err(failure)?;
    if missing(&mut connection, migrations).await?.is_empty() {
        return Ok(());
    }
    let mut connection = locked(connection, failure).await?;
    for step in missing(&mut connection, migrations).await? {
        sqlx::raw_sql(*step).execute(&mut connection).await.map_err(failure)?;
    }
    sqlx::raw_sql(VERSION_TABLE).execute(&mut connection).await.map_err(failure)?;
    sqlx::query("REPLACE INTO tower_tokens_schema (single, version) VALUES (1, ?)")
        .bind(i64::try_from(migrations.len()).unwrap_or(i64::MAX))
        .execute(&mut connection)
        .await
        .map_err(failure)?;
    sqlx::query(UNLOCK).execute(&mut connection).await.map(drop).map_err(failure)
}

/// Runs statements that create what is missing, while no other node does.
pub(super) async fn create(pool: &MySqlPool, statements: &[String]) -> Result<(), Error> {
    let mut connection = locked(pool.acquire().await.map_err(failure)?, failure).await?;
    for statement in statements {
        let create = sqlx::raw_sql(AssertSqlSafe(statement.as_str()));
        create.execute(&mut connection).await.map_err(|error| refused(error, failure))?;
    }
    sqlx::query(UNLOCK).execute(&mut connection).await.map(drop).map_err(failure)
}

/// Makes what announces the changes of these tables. If the account may not, nothing announces them: that is no
/// error until somebody subscribes.
pub(super) async fn announce_if_allowed(pool: &MySqlPool, tables: &[AnnouncedTable]) -> Result<(), Error> {
    match announce(pool, tables, failure).await {
        Err(error) if error.kind() == ErrorKind::Configuration => {
            log_warn!(
                error = &error as &dyn std::error::Error,
                "changes are not announced to the caches of other nodes"
            );
            Ok(())
        }
        announced => announced,
    }
}

async fn missing<'m>(
    connection: &mut MySqlConnection,
    migrations: &'m [&'static str],
) -> Result<&'m [&'static str], Error> {
    missing_steps(version(connection).await.map_err(failure)?, migrations)
}

async fn version(connection: &mut MySqlConnection) -> Result<i64, sqlx::Error> {
    let table = "SELECT COUNT(*) FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name = 'tower_tokens_schema'";
    if sqlx::query_scalar::<_, i64>(table).fetch_one(&mut *connection).await? == 0 {
        return Ok(0);
    }
    let version = sqlx::query_scalar("SELECT version FROM tower_tokens_schema").fetch_optional(connection).await?;
    Ok(version.unwrap_or(0))
}
