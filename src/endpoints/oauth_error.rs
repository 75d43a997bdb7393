//! Errors as RFC 6749 §5.2 has them.

use http::request::Parts;
use http::{Response, StatusCode};
use serde::Serialize;

use crate::endpoints::answer::{self, EndpointBody};
use crate::endpoints::service::BodyFault;
use crate::error::Error;
use crate::respond::Refusal;

/// Why an OAuth request is refused.
#[derive(Debug)]
pub(super) enum OAuthError {
    /// The request cannot be read; the text says why, and repeats nothing of the request.
    InvalidRequest(StatusCode, &'static str),
    #[cfg(feature = "pairs")]
    UnsupportedGrantType,
    #[cfg(feature = "pairs")]
    InvalidGrant,
    /// The token cannot be ended (RFC 7009 §2.2.1).
    UnsupportedTokenType,
    MethodNotAllowed,
    /// The store does not answer, or the application is misconfigured.
    Failed(Error),
}

#[derive(Serialize)]
struct ErrorBody {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'static str>,
}

impl OAuthError {
    /// A request that lacks something or has it twice.
    pub(super) const fn bad(why: &'static str) -> Self {
        Self::InvalidRequest(StatusCode::BAD_REQUEST, why)
    }

    pub(super) fn into_response(self, parts: &Parts) -> Response<EndpointBody> {
        let body = |error| ErrorBody { error, error_description: None };
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::InvalidRequest(status, why) => {
                answer::json(status, &ErrorBody { error: "invalid_request", error_description: Some(why) })
            }
            #[cfg(feature = "pairs")]
            Self::UnsupportedGrantType => answer::json(bad, &body("unsupported_grant_type")),
            #[cfg(feature = "pairs")]
            Self::InvalidGrant => answer::json(bad, &body("invalid_grant")),
            Self::UnsupportedTokenType => answer::json(bad, &body("unsupported_token_type")),
            Self::MethodNotAllowed => answer::method_not_allowed("POST"),
            Self::Failed(error) => {
                let refusal = Refusal::from(error);
                // RFC 6749 §4.1.2.1 has the two codes; §5.2 has none for a server that fails.
                let code = match refusal.status() {
                    StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
                    _ => "server_error",
                };
                let status = if refusal.status().is_server_error() {
                    refusal.status()
                } else {
                    StatusCode::INTERNAL_SERVER_ERROR
                };
                let mut response = answer::json(status, &body(code));
                answer::note(refusal, parts, &mut response);
                response
            }
        }
    }
}

impl From<BodyFault> for OAuthError {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLong => Self::InvalidRequest(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
            BodyFault::Broken => Self::bad("the body cannot be read"),
        }
    }
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
