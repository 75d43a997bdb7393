//! What an error says about the connection that it came over.

use sqlx::error::DatabaseError;

/// What an error says about the connection that it came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::repository) enum Aftermath {
    /// The statement met data or a lock: the connection is as good as before.
    Usable,
    /// The statement lost a deadlock. Nothing was done, and the connection is as good as before.
    Deadlock,
    /// The server refused the statement. Nothing was done, and a new connection may not be refused: it may lead to
    /// another server, and has no statements, transactions and settings from before.
    Refused,
    /// The connection is lost, and whether the statement was done is not known.
    Broken,
}

impl Aftermath {
    /// `of` interprets an error that the server itself reports.
    pub(in crate::repository) fn of(error: &sqlx::Error, of: fn(&dyn DatabaseError) -> Self) -> Self {
        match error {
            sqlx::Error::Database(error) => of(&**error),
            _ => Self::Broken,
        }
    }
}
