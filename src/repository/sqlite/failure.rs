//! What SQLite's own result codes mean.

use sqlx::error::DatabaseError;

use crate::error::{Error, ErrorKind};
use crate::repository::sql::failure_with;

/// SQLite's primary result codes that say something about the file. Source: <https://www.sqlite.org/rescode.html>.
const BUSY: i32 = 5;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

/// The error with its kind. SQLite's errors name tables and columns, never values, so the source may be kept.
pub(super) fn failure(error: sqlx::Error) -> Error {
    failure_with(error, |error| match primary_code(error) {
        Some(CORRUPT | NOT_A_DATABASE) => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    })
}

/// Whether another connection held the lock for too long.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(primary_code) == Some(BUSY)
}

/// The low byte of SQLite's extended result code.
fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}
