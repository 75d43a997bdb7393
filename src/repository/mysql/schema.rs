//! The tables, and how older ones are brought up to date.

use sqlx::AssertSqlSafe;
use sqlx::mysql::{MySql, MySqlConnection, MySqlPool};
use sqlx::pool::PoolConnection;

use crate::error::{Error, ErrorKind};
use crate::repository::mysql::error::failure;
use crate::repository::sql::{missing_steps, refused};

/// What leads from each version of the schema to the next one; the first leads from an empty database to version 1.
/// A released step is never changed: a later release adds one. MySQL undoes no `CREATE TABLE`, so each step has to do no
/// harm when it is taken again after half of it.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

/// The node that holds this lock migrates; the others wait, up to 300 seconds. A lock is the whole server's, so its name says for which
/// database it is; half of a hash, because a lock's name has at most 64 characters. MySQL 9 has no `MD5`.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('tower_tokens.', LEFT(SHA2(DATABASE(), 256), 32)), 300)";

const UNLOCK: &str = "SELECT RELEASE_LOCK(CONCAT('tower_tokens.', LEFT(SHA2(DATABASE(), 256), 32)))";

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
    let mut connection = locked(connection).await?;
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
    let mut connection = locked(pool.acquire().await.map_err(failure)?).await?;
    for statement in statements {
        let create = sqlx::raw_sql(AssertSqlSafe(statement.as_str()));
        create.execute(&mut connection).await.map_err(|error| refused(error, failure))?;
    }
    sqlx::query(UNLOCK).execute(&mut connection).await.map(drop).map_err(failure)
}

/// A connection on which one node at a time changes tables. It is not the pool's any more: if the future that uses it is
/// dropped half-way, the connection closes and the lock with it.
async fn locked(connection: PoolConnection<MySql>) -> Result<MySqlConnection, Error> {
    let mut connection = connection.detach();
    let locked: Option<i64> = sqlx::query_scalar(LOCK).fetch_one(&mut connection).await.map_err(failure)?;
    if locked != Some(1) {
        return Err(Error::with_source(ErrorKind::TimedOut, "another node's migration does not end"));
    }
    Ok(connection)
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
