//! The result of one attempt to read or to change a session.

use crate::error::{Error, ErrorKind};

/// The result of one attempt on a session.
#[derive(Debug)]
pub(super) enum Attempt<T> {
    Done(T),
    /// There is no such session.
    Absent,
    /// PHP holds the lock, and may be writing: try again.
    Busy,
}

pub(super) fn invalid(why: &'static str) -> Error {
    Error::with_source(ErrorKind::InvalidInput, why)
}
