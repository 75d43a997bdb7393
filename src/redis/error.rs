//! The `redis` crate's errors as this crate's.

use redis::{RedisError, ServerErrorKind};

use crate::error::{Error, ErrorKind};

pub(crate) fn failure(error: RedisError) -> Error {
    if error.is_timeout() {
        return Error::with_source(ErrorKind::TimedOut, error);
    }
    match error.kind() {
        // A connection that ends in the middle of an answer is reported like this. The error quotes the answer, which is
        // data. (An answer that is whole, but of another shape, does not come here.)
        redis::ErrorKind::Parse | redis::ErrorKind::UnexpectedReturnType => {
            Error::with_source(ErrorKind::Unavailable, "the answer broke off, or is not in the protocol of Redis")
        }
        redis::ErrorKind::InvalidClientConfig => Error::with_source(ErrorKind::Configuration, error),
        _ => Error::with_source(ErrorKind::Unavailable, error),
    }
}

/// Whether the connection is of no use any more. What was sent on it may have been done.
pub(crate) fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

/// Whether the server is one that does not take changes, or does not hold these keys: a master that has become a
/// replica, a node of a cluster. What was asked for was not done.
pub(crate) fn is_wrong_server(error: &RedisError) -> bool {
    use ServerErrorKind::{MasterDown, Moved, ReadOnly};
    match error.kind() {
        redis::ErrorKind::Server(ReadOnly | MasterDown | Moved) => true,
        // Before Redis 7, an error inside of a script is wrapped in another one.
        redis::ErrorKind::Server(ServerErrorKind::ResponseError) | redis::ErrorKind::Extension => {
            error.detail().is_some_and(|detail| detail.contains("READONLY"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_broke_off_is_an_outage_and_is_not_quoted() {
        let broken = RedisError::from((redis::ErrorKind::Parse, "secret"));
        assert!(is_lost(&broken));
        let error = failure(broken);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn a_replica_is_the_wrong_server_in_the_words_of_each_version() {
        let of = |code: &str, detail: &str| redis::make_extension_error(code.to_owned(), Some(detail.to_owned()));
        assert!(!is_wrong_server(&of("MISCONF", "Redis is configured to save RDB snapshots")));
        let kind = |kind, detail: &str| RedisError::from((redis::ErrorKind::Server(kind), "", detail.to_owned()));
        assert!(is_wrong_server(&kind(ServerErrorKind::ReadOnly, "You can't write against a read only replica.")));
        let wrapped = "Error running script (call to f_1): @user_script:7: -READONLY You can't write against a replica";
        assert!(is_wrong_server(&kind(ServerErrorKind::ResponseError, wrapped)));
        assert!(is_wrong_server(&of("@user_script:", "5: -READONLY You can't write against a read only replica.")));
        assert!(!is_wrong_server(&kind(ServerErrorKind::ResponseError, "unknown command")));
        assert!(!is_wrong_server(&kind(ServerErrorKind::BusyLoading, "Redis is loading the dataset in memory")));
    }
}
