//! [`HttpAnswer`]: what a token endpoint answered.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::client::retry_after::date;
use crate::client::{ClientError, ClientErrorKind};
use crate::clock::Timestamp;

/// The whole answer to a [`HttpPost`](crate::client::HttpPost): any status but those that mean "later".
///
/// # Security
/// `Debug` shows the status alone, because headers and body have tokens. No error of this type quotes the body.
#[derive(Clone)]
pub struct HttpAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl HttpAnswer {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// When the server sent the answer, by its own clock (`Date`).
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        date(&self.headers)
    }

    /// The body as text.
    ///
    /// # Errors
    /// [`Malformed`](ClientErrorKind::Malformed) if it is not UTF-8.
    pub fn text(&self) -> Result<&str, ClientError> {
        std::str::from_utf8(&self.body).map_err(|_| malformed("the answer is not text"))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Malformed`](ClientErrorKind::Malformed) if it is not the JSON of a `T`. The error says where, and not what stands
    /// there.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            malformed(format!("{}: not the expected JSON at {place}", self.status))
        })
    }

    /// The error for an answer with a status that the endpoint has no use for.
    #[must_use]
    pub fn unexpected(&self) -> ClientError {
        malformed(format!("unexpected status {}", self.status))
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

fn malformed(what: impl Into<String>) -> ClientError {
    ClientError::new(ClientErrorKind::Malformed, what.into())
}
