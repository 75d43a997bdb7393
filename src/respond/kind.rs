//! What kind of refusal it is: one for each row of the table of responses.

use std::fmt;

use http::StatusCode;
use time::Duration;

/// The kind of a refusal: a row of the table of responses in [`respond`](crate::respond).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The request carries no credential.
    NoCredential,
    /// The credential is malformed, unknown, expired or ended. The client cannot learn which.
    InvalidToken,
    /// The credentials conflict.
    InvalidRequest,
    /// The user is known, and the rule denies.
    Denied,
    /// The user is known, but logged in too long ago (RFC 9470). Logging in again helps.
    TooOld {
        /// How old the login may be, in whole seconds.
        max_age: Duration,
    },
    /// Another site made a browser send an ambient credential.
    CrossSite,
    /// The name and the password, or the other data of a login, are wrong. Never redirected to the login page, because
    /// it comes from there.
    WrongCredentials,
    /// A token that a handler got is genuine, and has expired: a link in a mail, for example.
    Expired,
    /// A token that a handler got can be used once, and was used.
    AlreadyUsed,
    /// The request holds a value that is out of its bounds.
    InvalidInput,
    /// The thing that the request would create exists already.
    AlreadyExists,
    /// The user has as many tokens as the store allows one user.
    TooManyTokens,
    /// The request names a thing or a user that does not exist.
    NotFound,
    /// The store, or a rule, does not answer, so the result is unknown.
    Unavailable,
    /// The application is misconfigured.
    Misconfigured,
}

impl RefusalKind {
    /// The status of the response to an API client.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NoCredential | Self::InvalidToken | Self::TooOld { .. } | Self::WrongCredentials | Self::Expired => {
                StatusCode::UNAUTHORIZED
            }
            Self::InvalidRequest | Self::InvalidInput => StatusCode::BAD_REQUEST,
            Self::AlreadyUsed => StatusCode::GONE,
            Self::AlreadyExists | Self::TooManyTokens => StatusCode::CONFLICT,
            Self::Denied | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The status code of the response to a gRPC client, for `tonic::Code::from` for example.
    ///
    /// # Source
    /// gRPC's status codes: 3 `INVALID_ARGUMENT`, 5 `NOT_FOUND`, 6 `ALREADY_EXISTS`, 7 `PERMISSION_DENIED`, 8
    /// `RESOURCE_EXHAUSTED`, 9 `FAILED_PRECONDITION`, 13 `INTERNAL`, 14 `UNAVAILABLE`, 16 `UNAUTHENTICATED`.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::respond::RefusalKind;
    ///
    /// assert_eq!(RefusalKind::Denied.grpc_code(), 7);
    /// ```
    #[must_use]
    pub const fn grpc_code(self) -> i32 {
        match self {
            Self::NoCredential | Self::InvalidToken | Self::TooOld { .. } | Self::WrongCredentials | Self::Expired => {
                16
            }
            Self::InvalidRequest | Self::InvalidInput => 3,
            Self::AlreadyUsed => 9,
            Self::AlreadyExists => 6,
            Self::TooManyTokens => 8,
            Self::Denied | Self::CrossSite => 7,
            Self::NotFound => 5,
            Self::Unavailable => 14,
            Self::Misconfigured => 13,
        }
    }

    /// Whether logging in would help.
    pub(crate) const fn asks_for_login(self) -> bool {
        matches!(self, Self::NoCredential | Self::InvalidToken | Self::TooOld { .. })
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredential => f.write_str("no credential"),
            Self::InvalidToken => f.write_str("invalid credential"),
            Self::InvalidRequest => f.write_str("ambiguous credentials"),
            Self::Denied => f.write_str("not allowed"),
            Self::TooOld { max_age } => {
                write!(f, "logged in more than {} s ago", max_age.whole_seconds())
            }
            Self::CrossSite => f.write_str("cross-site request with an ambient credential"),
            Self::WrongCredentials => f.write_str("wrong name or password"),
            Self::Expired => f.write_str("expired token"),
            Self::AlreadyUsed => f.write_str("token that was used already"),
            Self::InvalidInput => f.write_str("invalid input"),
            Self::AlreadyExists => f.write_str("already exists"),
            Self::TooManyTokens => f.write_str("too many tokens of one user"),
            Self::NotFound => f.write_str("the request names nothing the scenario is about"),
            Self::Unavailable => f.write_str("no answer from the store or from a rule"),
            Self::Misconfigured => f.write_str("the application is misconfigured"),
        }
    }
}
