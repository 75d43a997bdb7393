//! [`ErganiEndpoint`]: the Web API of Ergani, the Greek Ministry of Labour's register of employment.

use async_trait::async_trait;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::client::endpoints::message::without_secrets;
use crate::client::endpoints::seconds::Seconds;
use crate::client::php_json::append_string;
use crate::client::{
    AccessToken, ClientError, ClientErrorKind, HttpAnswer, HttpPost, IssuedTokens, SecretText, StoredTokens,
    TokenEndpoint,
};
use crate::clock::Timestamp;
use crate::log::log_warn;

const JSON: &str = "application/json";

/// The login of Ergani's Web API: `Authentication`, `Authentication/Refresh` and `Authentication/Logout`.
///
/// Use it with [`says_token_expired`](Self::says_token_expired), which tells an access token that has ended from every other
/// 401 of this API.
///
/// # Errors
/// Those of [`HttpPost`], and:
/// - [`Refused`](ClientErrorKind::Refused) for 401, and for 400 to a refresh: a login can heal it. The server's text is kept
///   for the log, unless it repeats a part of a secret.
/// - [`Malformed`](ClientErrorKind::Malformed) for every other status, for an answer of another shape, and for a lifetime
///   that is negative.
///
/// # Source
/// The recorded requests of `oxygensuite/oxygen-ergani` 2.0.3, and the ministry's "Unified Application Guide" §6.1. Requests
/// have the same bodies, byte for byte. That SDK repeats a call for ever while the API says `api-token-expired`; the
/// [`BearerTokenLayer`](crate::client::BearerTokenLayer) refreshes once and repeats once.
///
/// # Example
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use tower_tokens::client::{ErganiEndpoint, HttpPost, TokenEndpoint};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // In place of an HTTP client.
/// let client = tower::service_fn(async |request: Request<Full<Bytes>>| {
///     assert_eq!(request.uri(), "https://eservices.example/WebservicesAPI/Api/Authentication");
///     let body = request.into_body().collect().await?.to_bytes();
///     assert_eq!(body, r#"{"Username":"user","Password":"pass","Usertype":"01"}"#);
///     let answer = r#"{"accessToken": "eyJh", "accessTokenExpired": "10800", "refreshToken": "cmVm/+==",
///         "refreshTokenExpired": "2026-12-21T14:44:28.2731304+02:00"}"#;
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(answer)))
/// });
/// let url = "https://eservices.example/WebservicesAPI/Api";
/// let endpoint = ErganiEndpoint::new(HttpPost::new(client), url, "user", "pass")?;
/// endpoint.log_in().await?;
/// # Ok::<(), tower_tokens::client::ClientError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a TokenManager logs in with it"]
pub struct ErganiEndpoint {
    http: HttpPost,
    log_in: Uri,
    refresh: Uri,
    log_out: Uri,
    user_name: String,
    password: SecretText,
    user_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Success {
    access_token: String,
    access_token_expired: Option<Seconds>,
    refresh_token: Option<String>,
    refresh_token_expired: Option<String>,
}

impl ErganiEndpoint {
    /// The API below this address, such as `https://eservices.yeka.gr/WebservicesAPI/Api`, for this account.
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) if the address is not one for credentials, as
    /// [`HttpPost::url`] says.
    pub fn new(
        http: HttpPost,
        base_url: &str,
        user_name: impl Into<String>,
        password: impl Into<SecretText>,
    ) -> Result<Self, ClientError> {
        let base = base_url.trim_end_matches('/');
        let url = |path: &str| http.url(&format!("{base}/{path}"));
        Ok(Self {
            log_in: url("Authentication")?,
            refresh: url("Authentication/Refresh")?,
            log_out: url("Authentication/Logout")?,
            user_name: user_name.into(),
            password: password.into(),
            user_type: "01".to_owned(),
            http,
        })
    }

    /// The kind of account. Default: `01`, as in the SDK.
    pub fn with_user_type(mut self, user_type: impl Into<String>) -> Self {
        self.user_type = user_type.into();
        self
    }

    /// Whether a response says that the access token has ended: 401 with the header `api-token-expired: true`. Give it to
    /// [`BearerTokenLayer::with_rejection`](crate::client::BearerTokenLayer::with_rejection).
    #[must_use]
    pub fn says_token_expired(status: StatusCode, headers: &HeaderMap) -> bool {
        let header = headers.get("api-token-expired");
        status == StatusCode::UNAUTHORIZED
            && header.is_some_and(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"true"))
    }

    /// The login, or the error for an answer to a request with these secrets.
    fn issued(&self, answer: &HttpAnswer, secrets: &[&str]) -> Result<IssuedTokens, ClientError> {
        if answer.status() != StatusCode::OK {
            return Err(failure(answer, secrets));
        }
        let success: Success = answer.json()?;
        AccessToken::new(success.access_token.as_str())?;
        let mut issued = IssuedTokens::new(success.access_token);
        if let Some(seconds) = success.access_token_expired {
            issued = issued.expires_in(seconds.lifetime()?);
        }
        if let Some(text) = success.refresh_token.filter(|text| !text.is_empty()) {
            issued = issued.refresh_token(text);
        }
        // Without a date that can be read, the server says at a refresh whether the token has ended.
        match success.refresh_token_expired.as_deref().map(|text| OffsetDateTime::parse(text, &Rfc3339)) {
            Some(Ok(end)) => issued = issued.refresh_expires_at(Timestamp::from(end)),
            Some(Err(_)) => {
                log_warn!("the end of Ergani's refresh token is not a date with an offset, and is left out");
            }
            None => {}
        }
        Ok(issued)
    }
}

#[async_trait]
impl TokenEndpoint for ErganiEndpoint {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        let password = self.password.expose_secret();
        let body = object(&[("Username", &self.user_name), ("Password", password), ("Usertype", &self.user_type)]);
        let answer = self.http.to(&self.log_in).send(JSON, body).await?;
        self.issued(&answer, &[password])
    }

    async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        let access = stored.access_token().expose_secret();
        let Some(refresh) = stored.refresh_token().map(SecretText::expose_secret) else {
            return Err(ClientError::new(ClientErrorKind::Refused, "there is no refresh token"));
        };
        let body = object(&[("AccessToken", access), ("RefreshToken", refresh)]);
        let answer = self.http.to(&self.refresh).send(JSON, body).await?;
        let secrets = [access, refresh, self.password.expose_secret()];
        if answer.status() == StatusCode::BAD_REQUEST {
            return Err(refused(&answer, &secrets));
        }
        self.issued(&answer, &secrets)
    }

    async fn log_out(&self, stored: &StoredTokens) -> Result<(), ClientError> {
        let Some(refresh) = stored.refresh_token().map(SecretText::expose_secret) else { return Ok(()) };
        let request = self.http.to(&self.log_out).bearer(stored.access_token())?;
        let answer = request.send(JSON, string(refresh)).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(failure(&answer, &[refresh, stored.access_token().expose_secret()]))
    }
}

fn failure(answer: &HttpAnswer, secrets: &[&str]) -> ClientError {
    match answer.status() {
        StatusCode::UNAUTHORIZED => refused(answer, secrets),
        _ => answer.unexpected(),
    }
}

/// Errors are JSON strings.
fn refused(answer: &HttpAnswer, secrets: &[&str]) -> ClientError {
    let said = answer.json::<String>().ok().and_then(|text| without_secrets(&text, secrets));
    let said = said.map(|text| format!(": {text}")).unwrap_or_default();
    ClientError::new(ClientErrorKind::Refused, format!("status {}{said}", answer.status()))
}

/// A JSON object of these texts, as PHP writes it.
fn object(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut json = Zeroizing::new("{".to_owned());
    for (index, (name, text)) in fields.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        append_string(&mut json, name);
        json.push(':');
        append_string(&mut json, text);
    }
    json.push('}');
    take(&mut json)
}

fn string(text: &str) -> Vec<u8> {
    let mut json = Zeroizing::new(String::new());
    append_string(&mut json, text);
    take(&mut json)
}

/// The bytes, which the request wipes.
fn take(json: &mut Zeroizing<String>) -> Vec<u8> {
    std::mem::take(&mut **json).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_401_with_the_header_says_that_the_token_has_ended() {
        let says = |status, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("Api-Token-Expired", value.parse().unwrap());
            ErganiEndpoint::says_token_expired(status, &headers)
        };
        assert!(says(StatusCode::UNAUTHORIZED, "true") && says(StatusCode::UNAUTHORIZED, "True"));
        assert!(!says(StatusCode::UNAUTHORIZED, "false") && !says(StatusCode::FORBIDDEN, "true"));
        assert!(!ErganiEndpoint::says_token_expired(StatusCode::UNAUTHORIZED, &HeaderMap::new()));
    }
}
