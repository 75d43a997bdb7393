//! What a token endpoint answers, RFC 6749 §5.

use http::StatusCode;
use serde::Deserialize;

use crate::client::endpoints::message::without_secrets;
use crate::client::endpoints::seconds::Seconds;
use crate::client::{AccessToken, ClientError, ClientErrorKind, HttpAnswer, IssuedTokens};

/// What was asked for. The same error means another thing for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    LogIn,
    Refresh,
    Revoke,
}

#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
    error_description: Option<String>,
}

/// The tokens in an answer.
pub(super) fn issued(answer: &HttpAnswer, purpose: Purpose, secrets: &[&str]) -> Result<IssuedTokens, ClientError> {
    if answer.status() != StatusCode::OK && answer.status() != StatusCode::CREATED {
        return Err(failure(answer, purpose, secrets));
    }
    // Some servers answer 200 to a failure, too.
    let success: Success = answer.json().map_err(|error| match answer.json::<Failure>() {
        Ok(_) => failure(answer, purpose, secrets),
        Err(_) => error,
    })?;
    // §5.1 demands the type, and §7.1 forbids a client to use a token of a type that it does not know. Servers that leave
    // it out mean Bearer.
    if success.token_type.is_some_and(|text| !text.eq_ignore_ascii_case("bearer")) {
        return Err(malformed("the token is not a Bearer token"));
    }
    AccessToken::new(success.access_token.as_str())?;
    let mut issued = IssuedTokens::new(success.access_token);
    if let Some(seconds) = success.expires_in {
        issued = issued.expires_in(seconds.lifetime()?);
    }
    Ok(match success.refresh_token.filter(|text| !text.is_empty()) {
        Some(text) => issued.refresh_token(text),
        None => issued,
    })
}

/// Whether an answer to a revocation is a success (RFC 7009 §2.2).
pub(super) fn revoked(answer: &HttpAnswer, secrets: &[&str]) -> Result<(), ClientError> {
    if answer.status().is_success() { Ok(()) } else { Err(failure(answer, Purpose::Revoke, secrets)) }
}

/// The error of an answer that is not a success (RFC 6749 §5.2).
fn failure(answer: &HttpAnswer, purpose: Purpose, secrets: &[&str]) -> ClientError {
    let status = answer.status();
    // A body that cannot be read is no error by §5.2. Only 401 says by itself that the credentials are wrong.
    let Ok(failure) = answer.json::<Failure>() else {
        return if status == StatusCode::UNAUTHORIZED {
            ClientError::new(ClientErrorKind::Refused, format!("status {status}"))
        } else {
            answer.unexpected()
        };
    };
    let kind = match (failure.error.as_str(), purpose) {
        ("invalid_grant" | "invalid_client", _) => ClientErrorKind::Refused,
        // This client may not refresh: a login can help.
        ("unauthorized_client" | "unsupported_grant_type", Purpose::Refresh) => ClientErrorKind::Refused,
        ("unauthorized_client" | "unsupported_grant_type" | "invalid_scope" | "invalid_target", _) => {
            ClientErrorKind::Configuration
        }
        ("temporarily_unavailable" | "server_error" | "slow_down", _) => ClientErrorKind::Unavailable,
        _ if status == StatusCode::UNAUTHORIZED => ClientErrorKind::Refused,
        _ => ClientErrorKind::Malformed,
    };
    let description = failure.error_description.unwrap_or_default();
    let said = without_secrets(&format!("{} {description}", failure.error), secrets);
    ClientError::new(
        kind,
        format!("status {status}: {}", said.unwrap_or_else(|| "an error that repeats a secret".to_owned())),
    )
}

fn malformed(what: &'static str) -> ClientError {
    ClientError::new(ClientErrorKind::Malformed, what)
}
