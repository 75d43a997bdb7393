//! sqlx's errors as this crate's, for a database that is the site's.

use crate::error::{Error, ErrorKind};
use crate::repository::sql::{mysql_kind, mysql_number, server_failure};

/// Error numbers that say that this is not the site's database, or that the login is refused. Source: MariaDB's list of
/// error codes; MySQL's is the same for these.
const ACCESS_DENIED: [u16; 4] = [1044, 1045, 1142, 1143];
const NO_SUCH_DATABASE: u16 = 1049;
const NO_SUCH_COLUMN: u16 = 1054;
const DUPLICATE_KEY_NAME: u16 = 1061;
const NO_SUCH_TABLE: u16 = 1146;

/// No message that could quote a value is kept: "Duplicate entry '…'" would hand out the token.
pub(super) fn failure(error: sqlx::Error) -> Error {
    server_failure(error, |error| match mysql_number(error) {
        Some(NO_SUCH_DATABASE | NO_SUCH_TABLE | NO_SUCH_COLUMN) => ErrorKind::Configuration,
        Some(number) if ACCESS_DENIED.contains(&number) => ErrorKind::Configuration,
        _ => mysql_kind(error),
    })
}

/// Whether the index that should be made is there.
pub(super) fn is_duplicate_key_name(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(mysql_number) == Some(DUPLICATE_KEY_NAME)
}
