//! What MySQL's own error numbers mean.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use crate::error::{Error, ErrorKind};
use crate::repository::sql::server_failure;

/// Source: MySQL 8.0 Error Reference, "Server Error Message Reference"; MariaDB uses the same numbers for these.
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const LOCK_DEADLOCK: u16 = 1213;
const QUERY_INTERRUPTED: u16 = 1317;
const STATEMENT_TIMEOUT: u16 = 1969;
const QUERY_TIMEOUT: u16 = 3024;
const DATA_OUT_OF_RANGE: u16 = 1264;
const TRUNCATED_WRONG_VALUE: u16 = 1366;
const DATA_TOO_LONG: u16 = 1406;

pub(super) fn failure(error: sqlx::Error) -> Error {
    server_failure(error, |error| match number(error) {
        Some(LOCK_WAIT_TIMEOUT | QUERY_INTERRUPTED | STATEMENT_TIMEOUT | QUERY_TIMEOUT) => ErrorKind::TimedOut,
        Some(DATA_OUT_OF_RANGE | TRUNCATED_WRONG_VALUE | DATA_TOO_LONG) => ErrorKind::InvalidInput,
        _ => ErrorKind::Unavailable,
    })
}

/// Whether the statement did nothing, because it was in another one's way and lost.
pub(super) fn lost_a_deadlock(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(number) == Some(LOCK_DEADLOCK)
}

fn number(error: &dyn DatabaseError) -> Option<u16> {
    error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}
