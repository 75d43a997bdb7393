//! What PostgreSQL's own error codes mean.

use crate::error::{Error, ErrorKind};
use crate::repository::sql::server_failure;

/// Source: PostgreSQL, appendix A, "PostgreSQL Error Codes".
const DEADLOCK_DETECTED: &str = "40P01";
const SERIALIZATION_FAILURE: &str = "40001";
const LOCK_NOT_AVAILABLE: &str = "55P03";
const QUERY_CANCELED: &str = "57014";
const DATA_EXCEPTION_CLASS: &str = "22";
const DATA_CORRUPTED: &str = "XX001";
const INDEX_CORRUPTED: &str = "XX002";

pub(super) fn failure(error: sqlx::Error) -> Error {
    server_failure(error, |error| match error.code().as_deref() {
        Some(LOCK_NOT_AVAILABLE | QUERY_CANCELED) => ErrorKind::TimedOut,
        Some(DATA_CORRUPTED | INDEX_CORRUPTED) => ErrorKind::Corrupt,
        Some(code) if code.starts_with(DATA_EXCEPTION_CLASS) => ErrorKind::InvalidInput,
        _ => ErrorKind::Unavailable,
    })
}

/// Whether the statement did nothing, because it was in another one's way and lost.
pub(super) fn lost_a_deadlock(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some(DEADLOCK_DETECTED | SERIALIZATION_FAILURE))
}
