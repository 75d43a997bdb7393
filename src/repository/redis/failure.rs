//! The `redis` crate's errors as this crate's.

use redis::RedisError;

use crate::error::{Error, ErrorKind};

pub(super) fn failure(error: RedisError) -> Error {
    if error.is_timeout() {
        return Error::with_source(ErrorKind::TimedOut, error);
    }
    match error.kind() {
        // The error quotes the answer, which is data.
        redis::ErrorKind::UnexpectedReturnType | redis::ErrorKind::Parse => ErrorKind::Corrupt.into(),
        redis::ErrorKind::InvalidClientConfig => Error::with_source(ErrorKind::Configuration, error),
        _ => Error::with_source(ErrorKind::Unavailable, error),
    }
}
