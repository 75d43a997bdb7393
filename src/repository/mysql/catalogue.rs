//! What MySQL and MariaDB say about the application's table of users, and the table of tokens beside it.

use sqlx::mysql::MySqlRow;
use sqlx::{Executor, Row, query};

use crate::error::Error;
use crate::repository::mysql::error::failure;
use crate::repository::mysql::schema::{announce_if_allowed, create};
use crate::repository::mysql::store::MySql;
use crate::repository::sql::{
    AnnouncedTable, Catalogue, Column, Kind, Statement, Value, announce, check_session, refused,
};

/// Its parameters are the database and the table, twice: MariaDB looks at a table of the catalogue in one database only if a
/// value says which, and reads the folder of each database of the server if a column of another table does.
const COLUMNS: &str = "SELECT CONVERT(c.column_name USING utf8mb4), CONVERT(c.column_type USING utf8mb4),
        CONVERT(c.character_set_name USING utf8mb4), CONVERT(c.collation_name USING utf8mb4),
        CONVERT(c.data_type USING utf8mb4),
        EXISTS (SELECT 1 FROM information_schema.statistics AS s
            WHERE s.table_schema = COALESCE(?, DATABASE()) AND s.table_name = ? AND s.non_unique = 0
            GROUP BY s.index_name
            HAVING COUNT(*) = 1 AND MAX(s.column_name) = c.column_name AND MAX(s.sub_part) IS NULL)
    FROM information_schema.columns AS c
    WHERE c.table_schema = COALESCE(?, DATABASE()) AND c.table_name = ?
    ORDER BY c.ordinal_position";

impl Catalogue for MySql {
    const SAME: &'static str = "<=>";

    const INTEGER: &'static str = "BIGINT";

    const TEXT: &'static str = "TEXT CHARACTER SET utf8mb4";

    const ASCII: &'static str = "TEXT CHARACTER SET ascii COLLATE ascii_bin";

    const TOKEN_TABLE: &'static [&'static str] = &["CREATE TABLE IF NOT EXISTS {tokens} (
            id BIGINT NOT NULL PRIMARY KEY,
            digest BINARY(32) NOT NULL,
            user_id {user_id} NOT NULL,
            {columns},
            ends_at BIGINT,
            fingerprint BINARY(32),
            UNIQUE KEY {by_digest} (digest),
            KEY {by_user} (user_id, id),
            KEY {by_end} (ends_at){foreign_key}
        ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC"];

    fn quoted(name: &str) -> String {
        format!("`{name}`")
    }

    async fn columns(&self, schema: Option<&str>, table: &str) -> Result<Vec<Column>, Error> {
        let columns = query(COLUMNS).bind(schema).bind(table).bind(schema).bind(table);
        let rows = self.calls().rows(columns).await?;
        rows.iter().map(column).collect::<Result<_, _>>().map_err(failure)
    }

    fn selected(kind: Kind, expression: &str) -> String {
        match kind {
            Kind::Integer | Kind::Boolean => format!("CAST({expression} AS SIGNED)"),
            Kind::Float => format!("{expression} + 0e0"),
            Kind::Bytes => expression.to_owned(),
            Kind::Uuid => format!("CAST({expression} AS CHAR)"),
            Kind::Text | Kind::Other => format!("CONVERT({expression} USING utf8mb4)"),
        }
    }

    async fn create(&self, statements: &[String]) -> Result<(), Error> {
        check_session(self.calls()).await?;
        create(&self.calls().pool, statements).await
    }

    /// A text that begins with a quote stands between quotes, as our own tables keep it.
    fn announced_id(kind: Kind, expression: &str) -> String {
        let text = Self::selected(kind, expression);
        match kind {
            Kind::Text => format!(
                "IF(LEFT({text}, 1) = '\"', CONCAT('\"', REPLACE({text}, CHAR(92), CONCAT(CHAR(92), CHAR(92))), '\"'), {text})"
            ),
            _ => text,
        }
    }

    async fn announce(&self, tables: &[AnnouncedTable]) -> Result<(), Error> {
        match tables {
            // The application has not asked for it.
            [_tokens] => announce_if_allowed(&self.calls().pool, tables).await,
            _ => announce(&self.calls().pool, tables, failure).await,
        }
    }

    async fn prepare(&self, statement: &Statement, _values: &[Value<'_>]) -> Result<(), Error> {
        let mut connection = self.calls().pool.acquire().await.map_err(failure)?;
        connection.prepare(statement.sql()).await.map(drop).map_err(|error| refused(error, failure))
    }
}

fn column(row: &MySqlRow) -> Result<Column, sqlx::Error> {
    let mut definition: String = row.try_get(1)?;
    let (set, collation): (Option<&str>, Option<&str>) = (row.try_get(2)?, row.try_get(3)?);
    if let (Some(set), Some(collation)) = (set, collation) {
        definition.push_str(&format!(" CHARACTER SET {set} COLLATE {collation}"));
    }
    let kind = match row.try_get::<&str, _>(4)? {
        "tinyint" if definition.starts_with("tinyint(1)") => Kind::Boolean,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Kind::Integer,
        "float" | "double" => Kind::Float,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Kind::Text,
        "uuid" => Kind::Uuid,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        _ => Kind::Other,
    };
    let is_unique = row.try_get::<i64, _>(5)? != 0;
    Ok(Column { name: row.try_get(0)?, definition, kind, is_unique, is_reused: false })
}
