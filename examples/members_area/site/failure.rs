//! When a request cannot be answered as it was meant: [`Failure`] on a page, [`Problem`] for a script.

use std::error::Error as StdError;
use std::fmt;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};
use serde_json::json;
use tower_tokens::respond::Refusal;

use super::refusals;
use super::view::{self, Frame};

/// What kept the site from answering.
#[derive(Debug)]
pub(crate) enum Failure {
    NotFound,
    Banned,
    /// What the crate refuses because of the visitor.
    Refused(Box<Refusal>),
    /// So many log in that one more would wait too long.
    Busy,
    /// The database does not answer.
    Unavailable(Box<dyn StdError + Send + Sync>),
    /// A fault of the site itself.
    Internal(Box<dyn StdError + Send + Sync>),
}

impl Failure {
    pub(super) fn internal(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Banned => StatusCode::FORBIDDEN,
            Self::Refused(refusal) => refusal.status(),
            Self::Busy | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title_and_text(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound => ("Nothing here", "There is no page at this address."),
            Self::Banned => ("This account is banned", "An administrator can let you in again."),
            Self::Refused(refusal) => refusals::title_and_text(refusal.kind()),
            Self::Busy => ("Back in a moment", "Many people log in just now. Please try again shortly."),
            Self::Unavailable(_) => ("Back in a moment", "The database does not answer. Please try again shortly."),
            Self::Internal(_) => ("That went wrong", "The fault is ours. It is in the log, and somebody will look."),
        }
    }

    fn log(&self) {
        match self {
            Self::Unavailable(error) | Self::Internal(error) => {
                tracing::error!(error = error.as_ref(), status = self.status().as_u16(), "request failed");
            }
            Self::Busy => tracing::warn!("a password was not checked: too many wait for their turn"),
            Self::NotFound | Self::Banned | Self::Refused(_) => {}
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title_and_text().1)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unavailable(error) | Self::Internal(error) => Some(error.as_ref()),
            Self::Refused(refusal) => Some(refusal.as_ref()),
            Self::NotFound | Self::Banned | Self::Busy => None,
        }
    }
}

impl From<tower_tokens::error::Error> for Failure {
    fn from(error: tower_tokens::error::Error) -> Self {
        if error.is_outage() {
            return Self::Unavailable(error.into());
        }
        let refusal = Refusal::from(error);
        if refusal.status().is_server_error() { Self::internal(refusal) } else { Self::Refused(Box::new(refusal)) }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.log();
        if let Self::Refused(refusal) = self {
            return refusal.into_response();
        }
        let (title, text) = self.title_and_text();
        let mut response = view::message(&Frame::anonymous(), self.status(), title, text);
        retry_later(&mut response);
        response
    }
}

/// A [`Failure`] as a script reads it: RFC 9457 problem details.
#[derive(Debug)]
pub(super) struct Problem(Failure);

impl<E: Into<Failure>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.0.log();
        if let Failure::Refused(refusal) = self.0 {
            return refusal.into_response();
        }
        let (title, detail) = self.0.title_and_text();
        problem(self.0.status(), title, detail)
    }
}

/// What a 401 has to carry (RFC 9110 §15.5.2); a login page's too, though browsers make nothing of it.
pub(super) const CHALLENGE: (HeaderName, &str) = (WWW_AUTHENTICATE, r#"Bearer realm="members""#);

/// Problem details with this status.
pub(super) fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let body = Json(json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail }));
    let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
    retry_later(&mut response);
    response
}

fn retry_later(response: &mut Response) {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("5"));
    }
}
