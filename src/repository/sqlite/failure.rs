//! sqlx's errors as this crate's.

use sqlx::error::{DatabaseError, ErrorKind as DatabaseErrorKind};

use crate::error::{Error, ErrorKind};

/// SQLite's primary result codes that say something about the file. Source: <https://www.sqlite.org/rescode.html>.
const BUSY: i32 = 5;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

/// The error with its kind. sqlx's errors name tables and columns, never values, so the source may be kept.
pub(super) fn failure(error: sqlx::Error) -> Error {
    let kind = match &error {
        sqlx::Error::PoolTimedOut => ErrorKind::TimedOut,
        sqlx::Error::Database(error) => database_kind(&**error),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => ErrorKind::Corrupt,
        sqlx::Error::Configuration(_) => ErrorKind::Configuration,
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => ErrorKind::InvalidInput,
        _ => ErrorKind::Unavailable,
    };
    Error::with_source(kind, error)
}

/// Whether another connection held the lock for too long.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(primary_code) == Some(BUSY)
}

fn database_kind(error: &dyn DatabaseError) -> ErrorKind {
    match error.kind() {
        DatabaseErrorKind::UniqueViolation => ErrorKind::AlreadyExists,
        DatabaseErrorKind::ForeignKeyViolation => ErrorKind::UserNotFound,
        DatabaseErrorKind::NotNullViolation | DatabaseErrorKind::CheckViolation => ErrorKind::InvalidInput,
        _ => match primary_code(error) {
            Some(CORRUPT | NOT_A_DATABASE) => ErrorKind::Corrupt,
            _ => ErrorKind::Unavailable,
        },
    }
}

/// The low byte of SQLite's extended result code.
fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}
