//! [`BearerTokenError`]: why a request has no response.

use std::error::Error as StdError;
use std::fmt;

use crate::client::ClientError;

/// Why a request through a [`BearerTokenLayer`](crate::client::BearerTokenLayer) has no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum BearerTokenError {
    /// There is no access token. The request was not sent.
    Token(ClientError),
    /// The error of the service within: the HTTP client, or a layer around it.
    Service(Box<dyn StdError + Send + Sync>),
}

impl BearerTokenError {
    pub(super) fn service(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Service(error.into())
    }
}

impl fmt::Display for BearerTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("there is no access token for the request"),
            Self::Service(error) => error.fmt(f),
        }
    }
}

impl StdError for BearerTokenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Service(error) => error.source(),
        }
    }
}
