//! Exchanges a refresh token for the next pair (RFC 6749 §6).

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use serde::Serialize;

use crate::endpoints::answer::{self, EndpointBody};
use crate::endpoints::oauth_error::OAuthError;
use crate::endpoints::parameters::Parameters;
use crate::endpoints::service::{BodyFault, impl_service};
use crate::lifecycle::{IssuedPair, Tokens};
use crate::token::Token;

/// Exchanges a refresh token for the next pair: [`Tokens::refresh`] over HTTP.
///
/// `POST` a form, `grant_type=refresh_token&refresh_token=…`, or JSON, `{"refresh_token":"…"}`, in which `grant_type` may be left
/// out. The answer is `{"access_token","token_type":"Bearer","expires_in","refresh_token","scope"}`; `expires_in` is in seconds,
/// and `scope` is left out if the token has every ability.
///
/// A token that is unknown, expired, ended or reused: 400 with `{"error":"invalid_grant"}`, and the user logs in again. Another
/// `grant_type`: 400 with `unsupported_grant_type`. A store that does not answer: 503 with `Retry-After`; the client keeps
/// its refresh token and presents it again.
///
/// The parameter `scope` is ignored: the next pair has the abilities of the last one, and the answer says so (RFC 6749 §3.3).
///
/// # Source
/// RFC 6749 §5 and §6.
///
/// # Example
/// ```
/// use axum::Router;
/// use axum::body::{Body, to_bytes};
/// use http::{Request, StatusCode};
/// use tower::ServiceExt;
/// use tower_tokens::endpoints::RefreshEndpoint;
/// use tower_tokens::lifecycle::Tokens;
/// use tower_tokens::repository::{MemoryRepository, UserRepository};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let repository = MemoryRepository::new();
/// repository.create_level("member").await?;
/// let user_id = repository.create_user(None, "member").await?;
/// let tokens = Tokens::new(repository);
/// let pair = tokens.generate_pair(&user_id).await?;
///
/// let app: Router = Router::new().route_service("/oauth/token", RefreshEndpoint::new(tokens));
/// let form = format!("grant_type=refresh_token&refresh_token={}", pair.refresh_token().expose_secret());
/// let request = Request::post("/oauth/token").header("content-type", "application/x-www-form-urlencoded");
/// let response = app.oneshot(request.body(Body::from(form))?).await?;
/// assert_eq!(response.status(), StatusCode::OK);
/// let body = to_bytes(response.into_body(), 1_000).await?;
/// assert!(body.starts_with(br#"{"access_token":""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "an endpoint answers nothing until it is mounted"]
pub struct RefreshEndpoint {
    tokens: Tokens,
}

/// RFC 6749 §5.1.
#[derive(Serialize)]
struct PairBody<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

impl RefreshEndpoint {
    /// The endpoint for the pairs of these tokens.
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens }
    }

    async fn answer(self, parts: &Parts, body: Result<Bytes, BodyFault>) -> Response<EndpointBody> {
        match self.refresh(parts, body).await {
            Ok(pair) => answer::json(StatusCode::OK, &PairBody::of(&pair)),
            Err(error) => error.into_response(parts),
        }
    }

    async fn refresh(&self, parts: &Parts, body: Result<Bytes, BodyFault>) -> Result<IssuedPair, OAuthError> {
        let parameters = Parameters::of(parts, body)?;
        let is_json = answer::media_type(parts).as_deref() == Some("application/json");
        match parameters.get("grant_type")? {
            Some("refresh_token") => {}
            None if is_json => {}
            Some(_) => return Err(OAuthError::UnsupportedGrantType),
            None => return Err(OAuthError::bad("grant_type is missing")),
        }
        let text = parameters.need("refresh_token", "refresh_token is missing")?;
        let Ok(token) = Token::parse(text) else { return Err(OAuthError::InvalidGrant) };
        self.tokens.refresh(&token).await?.ok_or(OAuthError::InvalidGrant)
    }
}

impl<'a> PairBody<'a> {
    fn of(pair: &'a IssuedPair) -> Self {
        Self {
            access_token: pair.access_token().expose_secret(),
            token_type: "Bearer",
            expires_in: pair.expires_in().whole_seconds(),
            refresh_token: pair.refresh_token().expose_secret(),
            scope: pair.access_record().abilities().as_stored(),
        }
    }
}

impl_service!(RefreshEndpoint);
