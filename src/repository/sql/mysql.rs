//! What the stores on MySQL and MariaDB have in common.

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySql, MySqlConnection, MySqlDatabaseError, MySqlPoolOptions};
use sqlx::{Executor, raw_sql};

use crate::error::ErrorKind;
use crate::repository::sql::pool::bounded;

/// Source: MySQL 9.7 Error Reference, "Server Error Message Reference"; MariaDB uses the same numbers for those it has.
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const LOCK_DEADLOCK: u16 = 1213;
const INVALID_CHARACTER_STRING: u16 = 1300;
const QUERY_INTERRUPTED: u16 = 1317;
const TRUNCATED_WRONG_VALUE: u16 = 1366;
const STATEMENT_TIMEOUT: u16 = 1969;
const QUERY_TIMEOUT: u16 = 3024;
const CANNOT_CONVERT_STRING: u16 = 3854;

/// The SQLSTATEs of values that do not fit. Source: ISO/IEC 9075-2, "SQLSTATE class and subclass codes".
const DATA_EXCEPTION_CLASS: &str = "22";

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

/// Whether the statement did nothing, because it was in another one's way and lost.
pub(in crate::repository) fn lost_a_deadlock(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(mysql_number) == Some(LOCK_DEADLOCK)
}

/// A pool each of whose connections begins with these statements.
pub(in crate::repository) fn mysql_pool(session: &'static str) -> MySqlPoolOptions {
    bounded::<MySql>().after_connect(move |connection: &mut MySqlConnection, _| {
        Box::pin(async move { connection.execute(raw_sql(session)).await.map(drop) })
    })
}
