//! sqlx's errors as this crate's.

use sqlx::mysql::MySqlDatabaseError;

use crate::error::{Error, ErrorKind};

/// Error numbers of MySQL and MariaDB. Source: MariaDB's list of error codes; MySQL's is the same for these.
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const DEADLOCK: u16 = 1213;
const NO_SUCH_DATABASE: u16 = 1049;
const NO_SUCH_COLUMN: u16 = 1054;
const DUPLICATE_KEY_NAME: u16 = 1061;
const DUPLICATE_ENTRY: u16 = 1062;
const NO_SUCH_TABLE: u16 = 1146;
const ACCESS_DENIED: [u16; 4] = [1044, 1045, 1142, 1143];
const BAD_VALUE: [u16; 3] = [1264, 1366, 1406];

/// The error with its kind. A message of the database is kept only where it cannot quote a value: "Duplicate entry
/// '…'" would hand out the token.
pub(super) fn failure(error: sqlx::Error) -> Error {
    let kind = match &error {
        sqlx::Error::PoolTimedOut => ErrorKind::TimedOut,
        sqlx::Error::Database(_) => return database_failure(error),
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

/// Whether the database undid the statement because another one was in its way; trying again helps.
pub(super) fn is_deadlock(error: &sqlx::Error) -> bool {
    number(error) == Some(DEADLOCK)
}

/// Whether the index that should be made is there.
pub(super) fn is_duplicate_key_name(error: &sqlx::Error) -> bool {
    number(error) == Some(DUPLICATE_KEY_NAME)
}

fn database_failure(error: sqlx::Error) -> Error {
    let number = number(&error).unwrap_or(0);
    match number {
        NO_SUCH_DATABASE | NO_SUCH_TABLE | NO_SUCH_COLUMN => Error::with_source(ErrorKind::Configuration, error),
        number if ACCESS_DENIED.contains(&number) => Error::with_source(ErrorKind::Configuration, error),
        LOCK_WAIT_TIMEOUT | DEADLOCK => Error::with_source(ErrorKind::TimedOut, error),
        DUPLICATE_ENTRY => Error::with_source(ErrorKind::AlreadyExists, numbered(number)),
        number if BAD_VALUE.contains(&number) => Error::with_source(ErrorKind::InvalidInput, numbered(number)),
        number => Error::with_source(ErrorKind::Unavailable, numbered(number)),
    }
}

fn numbered(number: u16) -> String {
    format!("database error {number}")
}

fn number(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?.number())
}
