//! [`TraccarEndpoint`]: the API of a Traccar server.

use std::time::Duration;

use async_trait::async_trait;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, StatusCode, Uri};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::{
    AccessToken, ClientError, ClientErrorKind, HttpAnswer, HttpPost, IssuedTokens, SecretText, StoredTokens,
    TokenEndpoint,
};
use crate::clock::{Clock, SystemClock};

/// Our choice: what a Traccar server gives a token for which no end was asked.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// The API of a Traccar server: logs in with e-mail address and password, generates a token with that session, and revokes
/// it.
///
/// Traccar has no refresh tokens: when a token ends, the manager logs in again. The end of a token counts from the server's
/// `Date`. The session that generated the token is used for nothing else, and ends by itself.
///
/// # Errors
/// Those of [`HttpPost`], and:
/// - [`Refused`](ClientErrorKind::Refused) for 401.
/// - [`Malformed`](ClientErrorKind::Malformed) for every other status, a login without a cookie, and an answer that is no
///   token.
///
/// # Source
/// Traccar's API reference: `POST /session`, `POST /session/token`, `POST /session/token/revoke`.
///
/// # Example
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tower_tokens::client::{HttpPost, TokenEndpoint, TraccarEndpoint};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // In place of an HTTP client.
/// let client = tower::service_fn(async |request: Request<Full<Bytes>>| match request.uri().path() {
///     "/api/session" => Response::builder().header("set-cookie", "JSESSIONID=n0de; Path=/").body(Full::<Bytes>::from("{}")),
///     path => {
///         assert_eq!((path, &request.headers()["cookie"].to_str().unwrap()), ("/api/session/token", &"JSESSIONID=n0de"));
///         Ok(Response::new(Full::<Bytes>::from("RzBFAiEA")))
///     }
/// });
/// let url = "https://tracking.example/api";
/// let endpoint = TraccarEndpoint::new(HttpPost::new(client), url, "ann@example.org", "correct horse")?;
/// endpoint.log_in().await?;
/// # Ok::<(), tower_tokens::client::ClientError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a TokenManager logs in with it"]
pub struct TraccarEndpoint {
    http: HttpPost,
    session: Uri,
    token: Uri,
    revoke: Uri,
    email: String,
    password: SecretText,
    lifetime: Duration,
}

impl TraccarEndpoint {
    /// The API below this address, such as `https://demo.traccar.org/api`, for this account.
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) if the address is not one for credentials, as
    /// [`HttpPost::url`] says.
    pub fn new(
        http: HttpPost,
        base_url: &str,
        email: impl Into<String>,
        password: impl Into<SecretText>,
    ) -> Result<Self, ClientError> {
        let base = base_url.trim_end_matches('/');
        let url = |path: &str| http.url(&format!("{base}/{path}"));
        Ok(Self {
            session: url("session")?,
            token: url("session/token")?,
            revoke: url("session/token/revoke")?,
            email: email.into(),
            password: password.into(),
            lifetime: DEFAULT_LIFETIME,
            http,
        })
    }

    /// How long a token lives. Default: 7 days, as on the server.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The time to ask for, by the server's clock.
    fn expiration(&self, answer: &HttpAnswer) -> Result<String, ClientError> {
        let now = answer.date().unwrap_or_else(|| SystemClock.now());
        let lifetime = time::Duration::try_from(self.lifetime).unwrap_or(time::Duration::MAX);
        let end = OffsetDateTime::from(now + lifetime).format(&Rfc3339);
        end.map_err(|error| ClientError::new(ClientErrorKind::Configuration, error))
    }
}

#[async_trait]
impl TokenEndpoint for TraccarEndpoint {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        let form = [("email", self.email.as_str()), ("password", self.password.expose_secret())];
        let session = expect(self.http.to(&self.session).form(&form).await?)?;
        let cookies = cookies(session.headers());
        if cookies.expose_secret().is_empty() {
            return Err(ClientError::new(ClientErrorKind::Malformed, "the login set no cookie"));
        }
        let expiration = self.expiration(&session)?;
        let request = self.http.to(&self.token).secret_header(COOKIE, &cookies)?;
        let answer = expect(request.form(&[("expiration", &expiration)]).await?)?;
        let text = answer.text()?.trim();
        AccessToken::new(text)?;
        Ok(IssuedTokens::new(text).expires_in(self.lifetime))
    }

    async fn refresh(&self, _: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        Err(ClientError::new(ClientErrorKind::Refused, "Traccar has no refresh tokens"))
    }

    async fn log_out(&self, stored: &StoredTokens) -> Result<(), ClientError> {
        let token = stored.access_token();
        let request = self.http.to(&self.revoke).bearer(token)?;
        let answer = request.form(&[("token", token.expose_secret())]).await?;
        // A token that has ended or is revoked already cannot revoke itself.
        if answer.status() == StatusCode::UNAUTHORIZED { Ok(()) } else { expect(answer).map(drop) }
    }
}

/// A success, or the error for the answer. Its body is in no error: Traccar's has a trace of the server's program.
fn expect(answer: HttpAnswer) -> Result<HttpAnswer, ClientError> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status @ StatusCode::UNAUTHORIZED => {
            Err(ClientError::new(ClientErrorKind::Refused, format!("status {status}")))
        }
        _ => Err(answer.unexpected()),
    }
}

/// All cookies that the answer sets, as a browser sends them back: a load balancer may have one of its own.
fn cookies(headers: &HeaderMap) -> SecretText {
    let pairs = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()?.split(';').next());
    let pairs: Vec<_> = pairs.map(str::trim).filter(|pair| pair.contains('=')).collect();
    SecretText::new(pairs.join("; "))
}
