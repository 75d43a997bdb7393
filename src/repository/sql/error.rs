//! sqlx's errors as this crate's.

use sqlx::error::{DatabaseError, ErrorKind as DatabaseErrorKind};

use crate::error::{Error, ErrorKind};

/// The error with its kind. `kind_of` says what the database's own code means, where sqlx does not know.
#[cfg(feature = "sqlite")]
pub(in crate::repository) fn failure_with(
    error: sqlx::Error,
    kind_of: impl FnOnce(&dyn DatabaseError) -> ErrorKind,
) -> Error {
    Error::with_source(kind(&error, kind_of), error)
}

/// The same for a database server. Its complaints about data quote the data, and a digest must not stand in an error:
/// of those only the code is kept.
#[cfg(feature = "_sql-server")]
pub(in crate::repository) fn server_failure(
    error: sqlx::Error,
    kind_of: impl FnOnce(&dyn DatabaseError) -> ErrorKind,
) -> Error {
    let kind = kind(&error, kind_of);
    let sqlx::Error::Database(complaint) = error else { return Error::with_source(kind, error) };
    let code = complaint.code().unwrap_or_default();
    match kind {
        ErrorKind::Unavailable | ErrorKind::Configuration => {
            Error::with_source(kind, format!("the database says {code}: {}", complaint.message()))
        }
        _ => Error::with_source(kind, format!("the database says {code}")),
    }
}

/// An error of the application's own making: a table, a column or a condition that the database refuses. What it says
/// about them holds no data.
#[cfg(any(feature = "_sql", feature = "trongate"))]
pub(in crate::repository) fn refused(error: sqlx::Error, failure: fn(sqlx::Error) -> Error) -> Error {
    let Some(complaint) = error.as_database_error() else { return failure(error) };
    let (code, message) = (complaint.code().unwrap_or_default(), complaint.message());
    Error::with_source(ErrorKind::Configuration, format!("the database says {code}: {message}"))
}

fn kind(error: &sqlx::Error, kind_of: impl FnOnce(&dyn DatabaseError) -> ErrorKind) -> ErrorKind {
    match error {
        sqlx::Error::PoolTimedOut => ErrorKind::TimedOut,
        sqlx::Error::Database(error) => match error.kind() {
            DatabaseErrorKind::UniqueViolation => ErrorKind::AlreadyExists,
            DatabaseErrorKind::ForeignKeyViolation => ErrorKind::UserNotFound,
            DatabaseErrorKind::NotNullViolation | DatabaseErrorKind::CheckViolation => ErrorKind::InvalidInput,
            _ => kind_of(&**error),
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => ErrorKind::Corrupt,
        sqlx::Error::Configuration(_) => ErrorKind::Configuration,
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => ErrorKind::InvalidInput,
        _ => ErrorKind::Unavailable,
    }
}
