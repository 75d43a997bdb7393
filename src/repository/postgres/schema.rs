//! The tables, and how older ones are brought up to date.

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use crate::error::Error;
use crate::repository::postgres::announced;
use crate::repository::postgres::error::failure;
use crate::repository::postgres::pooler::refuse_shared_connection;
use crate::repository::sql::{AnnouncedTable, missing_steps, refused};

/// What leads from each version of the schema to the next one; the first leads from an empty database to version 1.
/// A released step is never changed: a later release adds one.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

/// The node that holds this lock migrates; the others wait. The number is ours alone: `tower-to` in ASCII.
const LOCK: i64 = 0x746f_7765_722d_746f;

const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS tower_tokens_schema (
    single SMALLINT PRIMARY KEY CHECK (single = 1),
    version BIGINT NOT NULL
)";

const SET_VERSION: &str = "INSERT INTO tower_tokens_schema (single, version) VALUES (1, $1)
    ON CONFLICT (single) DO UPDATE SET version = excluded.version";

/// Brings the schema up to the version that `migrations` leads to. Many processes may do so at once.
pub(super) async fn migrate(pool: &PgPool, migrations: &[&'static str]) -> Result<(), Error> {
    let tables = AnnouncedTable::ours();
    let mut connection = pool.acquire().await.map_err(failure)?;
    refuse_shared_connection(&mut connection, &pool.connect_options()).await?;
    if missing(&mut connection, migrations).await?.is_empty()
        && announced::missing(&mut connection, &tables).await?.is_empty()
    {
        return Ok(());
    }
    drop(connection);
    let mut transaction = begin(pool).await?;
    for step in missing(&mut transaction, migrations).await? {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(failure)?;
    }
    for statement in announced::missing(&mut transaction, &tables).await? {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await.map_err(failure)?;
    }
    sqlx::raw_sql(VERSION_TABLE).execute(&mut *transaction).await.map_err(failure)?;
    let version = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    sqlx::query(SET_VERSION).bind(version).execute(&mut *transaction).await.map_err(failure)?;
    transaction.commit().await.map_err(failure)
}

/// Runs statements that create what is missing, while no other node does.
pub(super) async fn create(pool: &PgPool, statements: &[String]) -> Result<(), Error> {
    let mut connection = pool.acquire().await.map_err(failure)?;
    refuse_shared_connection(&mut connection, &pool.connect_options()).await?;
    drop(connection);
    let mut transaction = begin(pool).await?;
    for statement in statements {
        let create = sqlx::raw_sql(AssertSqlSafe(statement.as_str()));
        create.execute(&mut *transaction).await.map_err(|error| refused(error, failure))?;
    }
    transaction.commit().await.map_err(failure)
}

/// Makes what announces the changes of these tables, where it is not there.
pub(super) async fn announce(pool: &PgPool, tables: &[AnnouncedTable]) -> Result<(), Error> {
    let mut connection = pool.acquire().await.map_err(failure)?;
    if announced::missing(&mut connection, tables).await?.is_empty() {
        return Ok(());
    }
    drop(connection);
    let mut transaction = begin(pool).await?;
    for statement in announced::missing(&mut transaction, tables).await? {
        let create = sqlx::raw_sql(AssertSqlSafe(statement));
        create.execute(&mut *transaction).await.map_err(|error| refused(error, failure))?;
    }
    transaction.commit().await.map_err(failure)
}

/// A transaction in which one node at a time changes tables.
async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Error> {
    let mut transaction = pool.begin().await.map_err(failure)?;
    // However long another node's migration takes, it is waited for.
    sqlx::raw_sql("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        .execute(&mut *transaction)
        .await
        .map_err(failure)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await.map_err(failure)?;
    Ok(transaction)
}

async fn missing<'m>(
    connection: &mut PgConnection,
    migrations: &'m [&'static str],
) -> Result<&'m [&'static str], Error> {
    missing_steps(version(connection).await.map_err(failure)?, migrations)
}

async fn version(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    // Not `to_regclass`: it asks a cache, which in the transaction that waited for the lock is as old as the wait.
    let table = "SELECT EXISTS (
        SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relname = 'tower_tokens_schema' AND n.nspname = current_schema()
    )";
    if !sqlx::query_scalar::<_, bool>(table).fetch_one(&mut *connection).await? {
        return Ok(0);
    }
    let version = sqlx::query_scalar("SELECT version FROM tower_tokens_schema").fetch_optional(connection).await?;
    Ok(version.unwrap_or(0))
}
