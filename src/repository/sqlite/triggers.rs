//! The table of changes and the triggers that write it.
//!
//! They use what every SQLite knows that can read our tables: the application that changes them may be an older one.

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, query_scalar, raw_sql};

use crate::error::Error;
use crate::repository::sql::{AnnouncedTable, refused};
use crate::repository::sqlite::error::failure;

/// A user's id, the digest of a token, or neither: then everything has changed. `at` is when, in Unix seconds. The table
/// is never empty, and its first number is one that an emptied table does not reach soon.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS tower_tokens_changes (
    number INTEGER PRIMARY KEY,
    user_id TEXT,
    digest BLOB,
    at INTEGER NOT NULL
) STRICT;
INSERT INTO tower_tokens_changes (number, at)
    SELECT strftime('%s', 'now') * 1000, CAST(strftime('%s', 'now') AS INTEGER) WHERE NOT EXISTS (SELECT 1 FROM tower_tokens_changes)";

const NAMES: &str = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'tower!_tokens!_%' ESCAPE '!'";

/// A trigger, and what the names of its predecessors begin with.
struct Trigger {
    name: String,
    prefix: String,
    /// Everything after its name.
    text: String,
}

impl Trigger {
    /// The triggers of a table.
    fn of(table: &AnnouncedTable) -> Vec<Self> {
        let insert = |row: &str| {
            let user = table.user_of(row).map_or_else(|| "NULL".to_owned(), |user| between_quotes(&user));
            format!(
                "INSERT INTO tower_tokens_changes (user_id, at) SELECT {user}, CAST(strftime('%s', 'now') AS INTEGER)"
            )
        };
        // As bytes, whatever the column's collation is.
        let mut conditions: Vec<_> =
            table.columns.iter().map(|column| format!("OLD.{column} COLLATE BINARY IS NOT NEW.{column}")).collect();
        conditions.extend(table.end.as_ref().map(|end| format!("NEW.{end} < coalesce(OLD.{end}, {})", i64::MAX)));
        let also_new = match (table.user_of("OLD"), table.user_of("NEW")) {
            (Some(old), Some(new)) => format!(" {} WHERE {old} COLLATE BINARY IS NOT {new};", insert("NEW")),
            _ => String::new(),
        };
        let (name, old, condition) = (&table.table, insert("OLD"), conditions.join(" OR "));
        let mut triggers = vec![
            Self::new(table, "delete", format!("AFTER DELETE ON {name} BEGIN {old}; END")),
            Self::new(table, "update", format!("AFTER UPDATE ON {name} WHEN {condition} BEGIN {old};{also_new} END")),
        ];
        // INSERT OR REPLACE deletes a row, and fires no trigger for that.
        triggers.extend(table.key.as_ref().map(|key| {
            let is_there = format!("EXISTS (SELECT 1 FROM {name} AS there WHERE there.{key} = NEW.{key})");
            let text = format!("BEFORE INSERT ON {name} WHEN {is_there} BEGIN {}; END", insert("NEW"));
            Self::new(table, "insert", text)
        }));
        triggers
    }

    fn new(table: &AnnouncedTable, event: &str, text: String) -> Self {
        Self { name: table.trigger(event, &text), prefix: table.trigger_prefix(event), text }
    }
}

/// A text that begins with a quote stands between quotes, as an id does in our own tables on servers.
fn between_quotes(user: &str) -> String {
    format!("CASE WHEN substr({user}, 1, 1) = '\"' THEN '\"' || replace({user}, '\\', '\\\\') || '\"' ELSE {user} END")
}

/// Whether all triggers of these tables are there and have the text that they have now.
pub(super) async fn are_there(
    connection: &mut SqliteConnection,
    tables: &[AnnouncedTable],
) -> Result<bool, sqlx::Error> {
    let there: Vec<String> = query_scalar(NAMES).fetch_all(connection).await?;
    Ok(tables.iter().flat_map(Trigger::of).all(|trigger| there.contains(&trigger.name)))
}

/// Creates the table and the triggers, and drops those that were made for other settings, in one transaction.
pub(super) async fn announce(pool: &SqlitePool, tables: &[AnnouncedTable]) -> Result<(), Error> {
    let mut connection = pool.acquire().await.map_err(failure)?;
    if are_there(&mut connection, tables).await.map_err(failure)? {
        return Ok(());
    }
    drop(connection);
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    raw_sql(TABLE).execute(&mut *transaction).await.map_err(failure)?;
    let there: Vec<String> = query_scalar(NAMES).fetch_all(&mut *transaction).await.map_err(failure)?;
    for Trigger { name, prefix, text } in tables.iter().flat_map(Trigger::of) {
        for other in there.iter().filter(|other| other.starts_with(&prefix) && **other != name) {
            let drop_it = AssertSqlSafe(format!("DROP TRIGGER \"{other}\""));
            raw_sql(drop_it).execute(&mut *transaction).await.map_err(failure)?;
        }
        let create = AssertSqlSafe(format!("CREATE TRIGGER IF NOT EXISTS \"{name}\" {text}"));
        raw_sql(create).execute(&mut *transaction).await.map_err(|error| refused(error, failure))?;
    }
    transaction.commit().await.map_err(failure)
}
