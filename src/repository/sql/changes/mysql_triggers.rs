//! The table of changes and the triggers that write it, on MySQL and MariaDB.

use sqlx::mysql::{MySqlConnection, MySqlPool};
use sqlx::{AssertSqlSafe, Row, query, query_scalar, raw_sql};

use crate::error::{Error, ErrorKind};
use crate::repository::sql::announced::AnnouncedTable;
use crate::repository::sql::error::refused;
use crate::repository::sql::mysql::{UNLOCK, locked, mysql_number};

/// A user's id, the digest of a token, or neither: then everything has changed. `at` is when, in Unix seconds.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS tower_tokens_changes (
    number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    digest BINARY(32),
    at BIGINT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC";

/// The table is never empty, and its first number is one that an emptied table does not reach soon.
const FIRST_ROW: &str = "INSERT INTO tower_tokens_changes (number, at)
    SELECT UNIX_TIMESTAMP() * 1000, UNIX_TIMESTAMP() FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM tower_tokens_changes)";

/// A trigger is in the database of its table. MariaDB finds one by its table's database, and reads the folder of each database
/// of the server if it is asked by the trigger's own.
const TRIGGERS: &str = "SELECT CONVERT(trigger_name USING utf8mb4) FROM information_schema.triggers
    WHERE event_object_schema = COALESCE(?, DATABASE()) AND event_object_table = ?";

/// What an account may not do. Source: MySQL 9.7 Error Reference; MariaDB uses the same numbers for those it has.
const DATABASE_ACCESS_DENIED: u16 = 1044;
const TABLE_ACCESS_DENIED: u16 = 1142;
const SPECIFIC_ACCESS_DENIED: u16 = 1227;
const BINLOG_CREATE_ROUTINE_NEED_SUPER: u16 = 1419;

const NO_PRIVILEGE: &str =
    "the account may not create what announces changes: it needs the privileges CREATE and TRIGGER";

const BINLOG: &str = "the server writes a binary log and lets this account create no triggers: \
    SET GLOBAL log_bin_trust_function_creators = 1, or have an account with SUPER create them";

/// A trigger, and the table whose changes it announces.
struct Trigger<'t> {
    table: &'t AnnouncedTable,
    event: &'static str,
    /// Everything after its name.
    text: String,
}

impl<'t> Trigger<'t> {
    /// The triggers of a table. Their text says in which database the table of changes is: a trigger runs in that of its own table.
    fn of(table: &'t AnnouncedTable, database: &str) -> [Self; 2] {
        let insert = |row: &str| {
            let user = table.user_of(row).unwrap_or_else(|| "NULL".to_owned());
            format!("INSERT INTO `{database}`.tower_tokens_changes (user_id, at) VALUES ({user}, UNIX_TIMESTAMP())")
        };
        let mut conditions: Vec<_> =
            table.columns.iter().map(|column| differ(&format!("OLD.{column}"), &format!("NEW.{column}"))).collect();
        conditions.extend(table.end.as_ref().map(|end| format!("NEW.{end} < COALESCE(OLD.{end}, {})", i64::MAX)));
        let also_new = match (table.user_of("OLD"), table.user_of("NEW")) {
            (Some(old), Some(new)) => format!(" IF {} THEN {}; END IF;", differ(&old, &new), insert("NEW")),
            _ => String::new(),
        };
        let (name, old) = (&table.table, insert("OLD"));
        let condition = conditions.join(" OR ");
        [
            Self { table, event: "delete", text: format!("AFTER DELETE ON {name} FOR EACH ROW {old}") },
            Self {
                table,
                event: "update",
                text: format!("AFTER UPDATE ON {name} FOR EACH ROW IF {condition} THEN {old};{also_new} END IF"),
            },
        ]
    }

    fn name(&self) -> String {
        self.table.trigger(self.event, &self.text)
    }

    fn quoted(&self, name: &str) -> String {
        self.table
            .schema
            .iter()
            .map(String::as_str)
            .chain([name])
            .map(|part| format!("`{part}`"))
            .collect::<Vec<_>>()
            .join(".")
    }
}

/// Whether two values differ: also in what a collation ignores, and in what a text of a number leaves out.
fn differ(old: &str, new: &str) -> String {
    format!("NOT ({old} <=> {new} AND CAST({old} AS BINARY) <=> CAST({new} AS BINARY))")
}

/// Whether all triggers of these tables are there and have the text that they have now.
pub(crate) async fn are_there(
    connection: &mut MySqlConnection,
    tables: &[AnnouncedTable],
) -> Result<bool, sqlx::Error> {
    let database = database(connection).await?;
    for table in tables {
        let there = names(connection, table).await?;
        if Trigger::of(table, &database).iter().any(|trigger| !there.contains(&trigger.name())) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Creates the table and the triggers, as far as they are not there, and then drops those that were made for other settings.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if the account may not, or the table can have no triggers: the source says what to do.
pub(crate) async fn announce(
    pool: &MySqlPool,
    tables: &[AnnouncedTable],
    failure: fn(sqlx::Error) -> Error,
) -> Result<(), Error> {
    let mut connection = pool.acquire().await.map_err(failure)?;
    if are_there(&mut connection, tables).await.map_err(failure)? {
        return Ok(());
    }
    let mut connection = locked(connection, failure).await?;
    let explained = |error| explained(error, failure);
    for statement in [TABLE, FIRST_ROW] {
        raw_sql(statement).execute(&mut connection).await.map_err(explained)?;
    }
    let database = database(&mut connection).await.map_err(failure)?;
    for table in tables {
        for trigger in Trigger::of(table, &database) {
            let (there, name) = (names(&mut connection, table).await.map_err(failure)?, trigger.name());
            if !there.contains(&name) {
                let create = format!("CREATE TRIGGER {} {}", trigger.quoted(&name), trigger.text);
                raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.map_err(explained)?;
            }
            let prefix = table.trigger_prefix(trigger.event);
            for other in there.iter().filter(|other| other.starts_with(&prefix) && **other != name) {
                let drop_it = AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {}", trigger.quoted(other)));
                raw_sql(drop_it).execute(&mut connection).await.map_err(explained)?;
            }
        }
    }
    query(UNLOCK).execute(&mut connection).await.map(drop).map_err(failure)
}

async fn database(connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    query_scalar("SELECT CONVERT(DATABASE() USING utf8mb4)").fetch_one(connection).await
}

/// The names of the triggers that a table has, as far as the account may see them.
async fn names(connection: &mut MySqlConnection, table: &AnnouncedTable) -> Result<Vec<String>, sqlx::Error> {
    let rows = query(TRIGGERS).bind(table.schema.clone()).bind(table.name.clone()).fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

fn explained(error: sqlx::Error, failure: fn(sqlx::Error) -> Error) -> Error {
    match error.as_database_error().and_then(mysql_number) {
        Some(DATABASE_ACCESS_DENIED | TABLE_ACCESS_DENIED | SPECIFIC_ACCESS_DENIED) => {
            Error::with_source(ErrorKind::Configuration, NO_PRIVILEGE)
        }
        Some(BINLOG_CREATE_ROUTINE_NEED_SUPER) => Error::with_source(ErrorKind::Configuration, BINLOG),
        // A table or view that can have no triggers.
        Some(WRONG_OBJECT) => refused(error, failure),
        _ => failure(error),
    }
}

/// A view, where a table is wanted. Source: as above.
const WRONG_OBJECT: u16 = 1347;
