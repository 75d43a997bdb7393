//! The error type: one small [`Error`] with an [`ErrorKind`] and a source.

use std::error::Error as StdError;
use std::fmt;

/// An error of this crate, one pointer in size.
///
/// [`kind`](Self::kind) says how to react to it, [`source`](StdError::source) gives its cause. Neither ever contains a
/// token, a digest, a key or a password.
///
/// # Example
/// ```
/// use tower_tokens::error::{Error, ErrorKind};
///
/// let error = Error::with_source(ErrorKind::Unavailable, std::io::Error::other("connection refused"));
/// assert_eq!(error.kind(), ErrorKind::Unavailable);
/// assert_eq!(error.to_string(), "the token store does not answer");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store, or a service behind it, does not answer. The result is unknown; trying again may help.
    Unavailable,
    /// An answer did not come within the time-out. The result is unknown; trying again may help.
    TimedOut,
    /// The store holds data that this version cannot read: a newer schema, or an invalid row.
    Corrupt,
    /// The thing to create exists already.
    AlreadyExists,
    /// There is no such user.
    UserNotFound,
    /// There is no such user level.
    LevelNotFound,
    /// The token is unknown, expired or ended, or its user is deleted or disabled.
    InvalidToken,
    /// The token is genuine, and has expired.
    Expired,
    /// The token is genuine, can be used once, and was used already, or is being used at this moment.
    AlreadyUsed,
    /// The credential was issued by another part of the application, and only that part can end it; the source says
    /// which.
    NotIssuedHere,
    /// The user has as many tokens without an end as they may have.
    TooManyTokens,
    /// The caller's value is outside its bounds; the source says which and why.
    InvalidInput,
    /// A setting contradicts itself or another setting; the source says which and why.
    Configuration,
}

impl Error {
    /// An error of this kind, without a source.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, source: None }))
    }

    /// An error of this kind with its cause.
    pub fn with_source(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Box::new(Inner { kind, source: Some(source.into()) }))
    }

    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the result is unknown because a store or a service did not answer: 503, and trying again may help.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Corrupt)
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("source", &self.0.source).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.kind {
            ErrorKind::Unavailable => "the token store does not answer",
            ErrorKind::TimedOut => "the token store did not answer in time",
            ErrorKind::Corrupt => "the token store holds something this version cannot read",
            ErrorKind::AlreadyExists => "already exists",
            ErrorKind::UserNotFound => "no such user",
            ErrorKind::LevelNotFound => "no such user level",
            ErrorKind::InvalidToken => "the token is not valid",
            ErrorKind::Expired => "the token has expired",
            ErrorKind::AlreadyUsed => "the token was used already",
            ErrorKind::NotIssuedHere => "the credential was not issued here",
            ErrorKind::TooManyTokens => "the user has too many tokens",
            ErrorKind::InvalidInput => "invalid input",
            ErrorKind::Configuration => "invalid configuration",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
