//! What PostgreSQL's own error codes mean.

use crate::error::{Error, ErrorKind};
use crate::repository::sql::{Aftermath, server_failure};

/// Source: PostgreSQL, appendix A, "PostgreSQL Error Codes".
const DEADLOCK_DETECTED: &str = "40P01";
const SERIALIZATION_FAILURE: &str = "40001";
const LOCK_NOT_AVAILABLE: &str = "55P03";
const QUERY_CANCELED: &str = "57014";
const CANNOT_CONNECT_NOW: &str = "57P03";
const IDLE_SESSION_TIMEOUT: &str = "57P05";
const CONNECTION_CLASS: &str = "08";
const DATA_EXCEPTION_CLASS: &str = "22";
const CONSTRAINT_VIOLATION_CLASS: &str = "23";
const ROLLBACK_CLASS: &str = "40";
const RESOURCES_CLASS: &str = "53";
const INTERVENTION_CLASS: &str = "57";
const SYSTEM_CLASS: &str = "58";
const RAISED_CLASS: &str = "P0";
const INTERNAL_CLASS: &str = "XX";
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

/// What an error says about the connection that it came over.
///
/// PostgreSQL undoes a statement that fails, so nothing was done, unless it is the connection itself that ends.
pub(super) fn aftermath(error: &sqlx::Error) -> Aftermath {
    Aftermath::of(error, |error| {
        let code = error.code();
        let code = code.as_deref().unwrap_or_default();
        match (code, code.get(..2).unwrap_or_default()) {
            (DEADLOCK_DETECTED | SERIALIZATION_FAILURE, _) => Aftermath::Deadlock,
            (LOCK_NOT_AVAILABLE | QUERY_CANCELED, _) => Aftermath::Usable,
            (_, DATA_EXCEPTION_CLASS | CONSTRAINT_VIOLATION_CLASS | RAISED_CLASS) => Aftermath::Usable,
            (CANNOT_CONNECT_NOW | IDLE_SESSION_TIMEOUT, _) => Aftermath::Refused,
            (
                _,
                "" | CONNECTION_CLASS | ROLLBACK_CLASS | RESOURCES_CLASS | INTERVENTION_CLASS | SYSTEM_CLASS
                | INTERNAL_CLASS,
            ) => Aftermath::Broken,
            // A read-only server (25006), a cached plan whose result changed (0A000), a prepared statement that is
            // another one or not there (26000, 42P05), an open transaction (25P02), somebody else's search path (42P01).
            _ => Aftermath::Refused,
        }
    })
}
