//! What SQLite's own result codes mean.

use crate::error::{Error, ErrorKind};
use crate::repository::sql::failure_with;
use crate::sqlite::{is_too_late, primary_code, sqlite_error};

/// SQLite's primary result codes that say something about the file. Source: <https://www.sqlite.org/rescode.html>.
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

/// The error with its kind. SQLite's errors name tables and columns, never values, so the source may be kept.
pub(super) fn failure(error: sqlx::Error) -> Error {
    if is_too_late(&error) {
        return sqlite_error(error);
    }
    failure_with(error, |error| match primary_code(error) {
        Some(CORRUPT | NOT_A_DATABASE) => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    })
}
