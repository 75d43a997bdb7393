//! What SQLite says about the application's table of users, and the table of tokens beside it.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Executor, Row, query, raw_sql};

use crate::error::{Error, ErrorKind};
use crate::repository::sql::{AnnouncedTable, Catalogue, Column, Kind, Statement, Value, refused};
use crate::repository::sqlite::error::failure;
use crate::repository::sqlite::store::Sqlite;
use crate::repository::sqlite::triggers::announce;

/// A key that is the row's number is given again after its row was deleted, unless it is AUTOINCREMENT.
const COLUMNS: &str = r#"SELECT c.name, c.type,
        (c.pk > 0 AND (SELECT count(*) FROM pragma_table_info(?1) WHERE pk > 0) = 1)
        OR EXISTS (SELECT 1 FROM pragma_index_list(?1) AS i WHERE i."unique" = 1 AND i.partial = 0
            AND (SELECT count(*) FROM pragma_index_info(i.name)) = 1
            AND (SELECT name FROM pragma_index_info(i.name)) = c.name),
        c.pk > 0 AND upper(c.type) = 'INTEGER' AND (SELECT count(*) FROM pragma_table_info(?1) WHERE pk > 0) = 1
        AND EXISTS (SELECT 1 FROM sqlite_schema AS s WHERE s.type = 'table' AND s.name = ?1 COLLATE NOCASE
            AND upper(s.sql) NOT LIKE '%AUTOINCREMENT%' AND upper(s.sql) NOT LIKE '%WITHOUT ROWID%')
    FROM pragma_table_xinfo(?1) AS c"#;

impl Catalogue for Sqlite {
    const SAME: &'static str = "IS";

    const INTEGER: &'static str = "INTEGER";

    const TEXT: &'static str = "TEXT";

    const TOKEN_TABLE: &'static [&'static str] = &[
        "CREATE TABLE IF NOT EXISTS {tokens} (
            digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
            id INTEGER NOT NULL UNIQUE,
            user_id {user_id} NOT NULL,
            {columns},
            ends_at INTEGER,
            fingerprint BLOB{foreign_key}
        ) WITHOUT ROWID",
        "CREATE INDEX IF NOT EXISTS {by_user} ON {tokens} (user_id, created_at, id)",
        "CREATE INDEX IF NOT EXISTS {by_end} ON {tokens} (ends_at) WHERE ends_at IS NOT NULL",
    ];

    fn quoted(name: &str) -> String {
        format!("\"{name}\"")
    }

    async fn columns(&self, schema: Option<&str>, table: &str) -> Result<Vec<Column>, Error> {
        if schema.is_some() {
            return Err(Error::with_source(ErrorKind::Configuration, "a table of SQLite is in no schema"));
        }
        let query = query(COLUMNS).bind(table).fetch_all(self.pool());
        let rows = self.writer().read(query).await.map_err(failure)?;
        rows.iter().map(column).collect::<Result<_, _>>().map_err(failure)
    }

    fn selected(kind: Kind, expression: &str) -> String {
        match kind {
            Kind::Integer | Kind::Boolean => format!("CAST({expression} AS INTEGER)"),
            Kind::Float => format!("CAST({expression} AS REAL)"),
            Kind::Bytes => format!("CAST({expression} AS BLOB)"),
            Kind::Text | Kind::Uuid | Kind::Other => format!("CAST({expression} AS TEXT)"),
        }
    }

    async fn create(&self, statements: &[String]) -> Result<(), Error> {
        let mut transaction = self.writer().begin().await.map_err(failure)?;
        for statement in statements {
            let create = raw_sql(AssertSqlSafe(statement.as_str()));
            let created = transaction.run(|connection| create.execute(connection)).await;
            created.map_err(|error| refused(error, failure))?;
        }
        transaction.commit().await
    }

    async fn announce(&self, tables: &[AnnouncedTable]) -> Result<(), Error> {
        announce(self.pool(), tables).await
    }

    async fn prepare(&self, statement: &Statement, _values: &[Value<'_>]) -> Result<(), Error> {
        let mut connection = self.pool().acquire().await.map_err(failure)?;
        connection.prepare(statement.sql()).await.map(drop).map_err(|error| refused(error, failure))
    }
}

/// SQLite decides by the declared type how it keeps a value. Source: <https://www.sqlite.org/datatype3.html> §3.1.
fn column(row: &SqliteRow) -> Result<Column, sqlx::Error> {
    let definition: String = row.try_get(1)?;
    let upper = definition.to_ascii_uppercase();
    let has = |names: &[&str]| names.iter().any(|name| upper.contains(name));
    let kind = match () {
        () if has(&["INT"]) => Kind::Integer,
        () if has(&["CHAR", "CLOB", "TEXT"]) => Kind::Text,
        () if has(&["UUID", "GUID"]) => Kind::Uuid,
        () if has(&["BLOB"]) => Kind::Bytes,
        () if has(&["REAL", "FLOA", "DOUB"]) => Kind::Float,
        () if has(&["BOOL"]) => Kind::Boolean,
        () => Kind::Other,
    };
    let is_plain = |character: char| character.is_ascii_alphanumeric() || " _(),".contains(character);
    if !definition.chars().all(is_plain) {
        return Err(sqlx::Error::Configuration(format!("{definition:?} is not the name of a type").into()));
    }
    Ok(Column {
        name: row.try_get(0)?,
        kind,
        definition,
        is_unique: row.try_get::<i64, _>(2)? != 0,
        is_reused: row.try_get::<i64, _>(3)? != 0,
    })
}
