//! What PostgreSQL says about the application's table of users, and the table of tokens beside it.

use sqlx::postgres::{PgRow, PgTypeInfo};
use sqlx::{Executor, Row, SqlSafeStr, Type, query};

use crate::error::Error;
use crate::repository::postgres::error::failure;
use crate::repository::postgres::schema::{announce, create};
use crate::repository::postgres::store::Postgres;
use crate::repository::sql::{AnnouncedTable, Catalogue, Column, Kind, Statement, Value, refused};

const COLUMNS: &str = r#"SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attcollation IN (0, t.typcollation) THEN '' ELSE
            ' COLLATE ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.collname) END,
        COALESCE(b.typname, t.typname)::text,
        EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisunique
            AND i.indisvalid AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND i.indpred IS NULL)
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype
    LEFT JOIN pg_catalog.pg_collation AS o ON o.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = o.collnamespace
    WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped"#;

impl Catalogue for Postgres {
    const SAME: &'static str = "IS NOT DISTINCT FROM";

    const INTEGER: &'static str = "BIGINT";

    const TEXT: &'static str = "TEXT";

    const TOKEN_TABLE: &'static [&'static str] = &[
        "CREATE TABLE IF NOT EXISTS {tokens} (
            digest BYTEA PRIMARY KEY CHECK (octet_length(digest) = 32),
            id BIGINT NOT NULL UNIQUE,
            user_id {user_id} NOT NULL,
            {columns},
            ends_at BIGINT,
            fingerprint BYTEA{foreign_key}
        )",
        "CREATE INDEX IF NOT EXISTS {by_user} ON {tokens} (user_id, created_at, id)",
        "CREATE INDEX IF NOT EXISTS {by_end} ON {tokens} (ends_at) WHERE ends_at IS NOT NULL",
    ];

    fn quoted(name: &str) -> String {
        format!("\"{name}\"")
    }

    async fn columns(&self, schema: Option<&str>, table: &str) -> Result<Vec<Column>, Error> {
        let name = schema.into_iter().chain([table]).map(Self::quoted).collect::<Vec<_>>().join(".");
        let rows = self.calls().rows(query(COLUMNS).bind(name)).await?;
        rows.iter().map(column).collect::<Result<_, _>>().map_err(failure)
    }

    fn selected(kind: Kind, expression: &str) -> String {
        match kind {
            Kind::Integer => format!("CAST({expression} AS bigint)"),
            Kind::Boolean => format!("CAST(CAST({expression} AS int) AS bigint)"),
            Kind::Float => format!("CAST({expression} AS double precision)"),
            Kind::Bytes => expression.to_owned(),
            Kind::Text | Kind::Uuid | Kind::Other => format!("CAST({expression} AS text)"),
        }
    }

    fn parameter(column: &Column, place: &str) -> String {
        match column.kind {
            Kind::Uuid => format!("CAST({place} AS uuid)"),
            _ if column.definition.starts_with("character(") => format!("CAST({place} AS bpchar)"),
            _ => place.to_owned(),
        }
    }

    async fn create(&self, statements: &[String]) -> Result<(), Error> {
        create(&self.calls().pool, statements).await
    }

    async fn announce(&self, tables: &[AnnouncedTable]) -> Result<(), Error> {
        announce(&self.calls().pool, tables).await
    }

    async fn prepare(&self, statement: &Statement, values: &[Value<'_>]) -> Result<(), Error> {
        let types: Vec<PgTypeInfo> = statement
            .bound(values)
            .map(|value| match value {
                Value::Integer(_) => <i64 as Type<sqlx::Postgres>>::type_info(),
                Value::Boolean(_) => <bool as Type<sqlx::Postgres>>::type_info(),
                Value::Text(_) => <str as Type<sqlx::Postgres>>::type_info(),
                Value::Bytes(_) => <[u8] as Type<sqlx::Postgres>>::type_info(),
            })
            .collect();
        let mut connection = self.calls().pool.acquire().await.map_err(failure)?;
        connection
            .prepare_with(statement.sql().into_sql_str(), &types)
            .await
            .map(drop)
            .map_err(|error| refused(error, failure))
    }
}

fn column(row: &PgRow) -> Result<Column, sqlx::Error> {
    let kind = match row.try_get::<&str, _>(2)? {
        "int2" | "int4" | "int8" => Kind::Integer,
        "float4" | "float8" => Kind::Float,
        "bool" => Kind::Boolean,
        "text" | "varchar" | "bpchar" => Kind::Text,
        "uuid" => Kind::Uuid,
        "bytea" => Kind::Bytes,
        _ => Kind::Other,
    };
    Ok(Column {
        name: row.try_get(0)?,
        definition: row.try_get(1)?,
        kind,
        is_unique: row.try_get(3)?,
        is_reused: false,
    })
}
