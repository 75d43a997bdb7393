//! What the stores on MySQL and MariaDB have in common.

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySql, MySqlConnection, MySqlDatabaseError, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, Row, raw_sql};

use crate::error::{Error, ErrorKind};
use crate::repository::sql::aftermath::Aftermath;
use crate::repository::sql::call::Calls;
use crate::repository::sql::pool::bounded;

/// Source: MySQL 9.7 Error Reference, "Server Error Message Reference"; MariaDB uses the same numbers for those it has.
const RECORD_CHANGED: u16 = 1020;
const NOT_READY: u16 = 1047;
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const LOCK_DEADLOCK: u16 = 1213;
const UNKNOWN_STATEMENT: u16 = 1243;
const READ_ONLY_OPTION: u16 = 1290;
const INVALID_CHARACTER_STRING: u16 = 1300;
const QUERY_INTERRUPTED: u16 = 1317;
const TRUNCATED_WRONG_VALUE: u16 = 1366;
const TABLE_CHANGED: u16 = 1412;
const NEEDS_REPREPARE: u16 = 1615;
const READ_ONLY_MODE: u16 = 1836;
const STATEMENT_TIMEOUT: u16 = 1969;
const QUERY_TIMEOUT: u16 = 3024;
const CANNOT_CONVERT_STRING: u16 = 3854;

/// The SQLSTATEs of values that do not fit. Source: ISO/IEC 9075-2, "SQLSTATE class and subclass codes".
const DATA_EXCEPTION_CLASS: &str = "22";
const CONSTRAINT_VIOLATION_CLASS: &str = "23";

/// The SQLSTATEs of what another connection may not say: a read-only transaction (1792), a table or a privilege that is
/// not there, no database.
const TRANSACTION_STATE_CLASS: &str = "25";
const ACCESS_OR_SYNTAX_CLASS: &str = "42";
const NO_DATABASE_CLASS: &str = "3D";

/// What the database's own error number means, where sqlx does not know.
pub(in crate::repository) fn mysql_kind(error: &dyn DatabaseError) -> ErrorKind {
    match mysql_number(error) {
        Some(LOCK_WAIT_TIMEOUT | QUERY_INTERRUPTED | STATEMENT_TIMEOUT | QUERY_TIMEOUT) => ErrorKind::TimedOut,
        Some(INVALID_CHARACTER_STRING | TRUNCATED_WRONG_VALUE | CANNOT_CONVERT_STRING) => ErrorKind::InvalidInput,
        _ if error.code().is_some_and(|code| code.starts_with(DATA_EXCEPTION_CLASS)) => ErrorKind::InvalidInput,
        _ => ErrorKind::Unavailable,
    }
}

/// The database's own error number.
pub(in crate::repository) fn mysql_number(error: &dyn DatabaseError) -> Option<u16> {
    error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// What an error says about the connection that it came over.
pub(in crate::repository) fn mysql_aftermath(error: &sqlx::Error) -> Aftermath {
    Aftermath::of(error, |error| {
        let number = mysql_number(error).unwrap_or_default();
        let state = error.code();
        let class = state.as_deref().and_then(|state| state.get(..2)).unwrap_or_default();
        match number {
            LOCK_DEADLOCK | RECORD_CHANGED => Aftermath::Deadlock,
            LOCK_WAIT_TIMEOUT
            | QUERY_INTERRUPTED
            | STATEMENT_TIMEOUT
            | QUERY_TIMEOUT
            | INVALID_CHARACTER_STRING
            | TRUNCATED_WRONG_VALUE
            | CANNOT_CONVERT_STRING => Aftermath::Usable,
            READ_ONLY_OPTION | READ_ONLY_MODE | NOT_READY | UNKNOWN_STATEMENT | NEEDS_REPREPARE | TABLE_CHANGED => {
                Aftermath::Refused
            }
            _ if [DATA_EXCEPTION_CLASS, CONSTRAINT_VIOLATION_CLASS].contains(&class) => Aftermath::Usable,
            _ if [TRANSACTION_STATE_CLASS, ACCESS_OR_SYNTAX_CLASS, NO_DATABASE_CLASS].contains(&class) => {
                Aftermath::Refused
            }
            _ => Aftermath::Broken,
        }
    })
}

/// What our statements rely on, whatever the server's defaults are and its `init_connect` does: each statement is a
/// transaction of its own, checks its values and its foreign keys, finds all rows, and does not wait long for a lock.
pub(super) const SESSION: &str =
    "SET SESSION autocommit = 1, completion_type = 0, foreign_key_checks = 1, unique_checks = 1,
    sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION', sql_safe_updates = 0, sql_auto_is_null = 0,
    sql_big_selects = 1, sql_select_limit = 18446744073709551615, innodb_lock_wait_timeout = 3, lock_wait_timeout = 3";

/// The node that holds this lock changes tables; the others wait, up to 300 seconds. A lock is the whole server's, so its name
/// says for which database it is; half of a hash, because a lock's name has at most 64 characters. MySQL 9 has no `MD5`.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('tower_tokens.', LEFT(SHA2(DATABASE(), 256), 32)), 300)";

pub(in crate::repository) const UNLOCK: &str =
    "SELECT RELEASE_LOCK(CONCAT('tower_tokens.', LEFT(SHA2(DATABASE(), 256), 32)))";

/// The first setting with which our changes would be lost or half done; otherwise empty.
const UNSAFE_SESSION: &str = "SELECT CASE
    WHEN @@SESSION.autocommit <> 1 THEN 'autocommit'
    WHEN @@SESSION.completion_type NOT IN ('0', 'NO_CHAIN') THEN 'completion_type'
    WHEN @@SESSION.foreign_key_checks <> 1 THEN 'foreign_key_checks'
    WHEN @@SESSION.unique_checks <> 1 THEN 'unique_checks'
    WHEN @@SESSION.sql_safe_updates <> 0 THEN 'sql_safe_updates'
    WHEN @@SESSION.sql_auto_is_null <> 0 THEN 'sql_auto_is_null'
    WHEN @@SESSION.sql_select_limit < 1000000 THEN 'sql_select_limit'
    ELSE '' END";

/// A pool each of whose connections begins with our settings and with `more` statements, in one round trip.
pub(in crate::repository) fn mysql_pool(more: &'static [&'static str]) -> MySqlPoolOptions {
    bounded::<MySql>().after_connect(move |connection: &mut MySqlConnection, _| {
        let session = [&[SESSION], more].concat().join("; ");
        Box::pin(async move { connection.execute(raw_sql(AssertSqlSafe(session))).await.map(drop) })
    })
}

/// Refuses a pool of the application's own whose connections would lose our changes.
pub(in crate::repository) async fn check_session(calls: &Calls<MySql>) -> Result<(), Error> {
    let rows = calls.rows(sqlx::query(UNSAFE_SESSION)).await?;
    let setting: &str = rows.first().map_or(Ok(""), |row| row.try_get(0)).map_err(calls.failure)?;
    if setting.is_empty() {
        return Ok(());
    }
    let why = format!("the pool's connections have an unsafe {setting}: set it in after_connect, or use connect()");
    Err(Error::with_source(ErrorKind::Configuration, why))
}

/// A connection on which one node at a time changes tables. It is not the pool's any more: if the future that uses it is
/// dropped half-way, the connection closes and the lock with it.
pub(in crate::repository) async fn locked(
    connection: PoolConnection<MySql>,
    failure: fn(sqlx::Error) -> Error,
) -> Result<MySqlConnection, Error> {
    let mut connection = connection.detach();
    let locked: Option<i64> = sqlx::query_scalar(LOCK).fetch_one(&mut connection).await.map_err(failure)?;
    if locked != Some(1) {
        return Err(Error::with_source(ErrorKind::TimedOut, "another node's migration does not end"));
    }
    Ok(connection)
}
