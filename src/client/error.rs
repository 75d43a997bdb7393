//! Why there is no access token.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no access token, why an endpoint gave none, or what became of a store. Clones share the cause.
///
/// It never contains a token or a password.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use tower_tokens::client::{ClientError, ClientErrorKind};
///
/// let error = ClientError::new(ClientErrorKind::Unavailable, "503 Service Unavailable").retry_after(Duration::from_secs(20));
/// assert_eq!(error.kind(), ClientErrorKind::Unavailable);
/// assert_eq!(error.wait(), Some(Duration::from_secs(20)));
/// ```
#[derive(Clone)]
pub struct ClientError {
    kind: ClientErrorKind,
    wait: Option<Duration>,
    source: Arc<dyn StdError + Send + Sync>,
}

/// The kind of a [`ClientError`]: how to react to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// The endpoint refused what it was given: a refresh token that is not valid any more, or credentials that are wrong.
    /// Trying again with the same does not help.
    Refused,
    /// The endpoint, or the network before it, did not answer, or answered 429 or 5xx. Nothing is lost; trying again may
    /// help.
    Unavailable,
    /// The endpoint answered, and the answer is not one that this client understands.
    Malformed,
    /// The store did not give or take the tokens.
    Store,
    /// A setting is wrong; the source says which.
    Configuration,
}

impl ClientError {
    /// An error of this kind with its cause.
    pub fn new(kind: ClientErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, wait: None, source: source.into().into() }
    }

    /// The same, and the endpoint asks for this wait (`Retry-After`, RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// How to react to it.
    #[must_use]
    pub fn kind(&self) -> ClientErrorKind {
        self.kind
    }

    /// How long the endpoint asks to wait before the next attempt.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientError")
            .field("kind", &self.kind)
            .field("wait", &self.wait)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ClientErrorKind::Refused => "the token endpoint refused the login or the refresh token",
            ClientErrorKind::Unavailable => "the token endpoint does not answer",
            ClientErrorKind::Malformed => "the token endpoint's answer cannot be read",
            ClientErrorKind::Store => "the store of the client's tokens fails",
            ClientErrorKind::Configuration => "invalid configuration",
        })
    }
}

impl StdError for ClientError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}
