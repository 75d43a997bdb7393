//! Ends a token for a client that is done with it (RFC 7009).

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::endpoints::answer::{self, EndpointBody};
use crate::endpoints::oauth_error::OAuthError;
use crate::endpoints::parameters::Parameters;
use crate::endpoints::service::{BodyFault, impl_service};
use crate::error::ErrorKind;
use crate::token::Token;
use crate::validator::TokenValidator;

/// Ends a token for a client that is done with it: [`Tokens::destroy`](crate::lifecycle::Tokens::destroy) over HTTP.
///
/// `POST` a form with `token`. With a pair, either of its tokens ends both. The answer is 200 without a body, for an unknown or
/// ended token too, so that a client learns nothing about tokens that are not its own. `token_type_hint` is ignored
/// (RFC 7009 §2.1 allows it). A store that does not answer: 503 with `Retry-After`, and the token may still be valid.
///
/// A token that its validator cannot end, such as one of another issuer: 400 with `unsupported_token_type`.
///
/// # Source
/// RFC 7009 §2.
///
/// # Example
/// ```
/// use axum::Router;
/// use axum::body::Body;
/// use http::Request;
/// use tower::ServiceExt;
/// use tower_tokens::endpoints::RevocationEndpoint;
/// use tower_tokens::lifecycle::Tokens;
/// use tower_tokens::repository::{MemoryRepository, UserRepository};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let repository = MemoryRepository::new();
/// repository.create_level("member").await?;
/// let user_id = repository.create_user(None, "member").await?;
/// let tokens = Tokens::new(repository);
/// let issued = tokens.generate(&user_id).await?;
///
/// let app: Router = Router::new().route_service("/oauth/revoke", RevocationEndpoint::new(tokens.clone()));
/// let form = format!("token={}", issued.token().expose_secret());
/// let request = Request::post("/oauth/revoke").header("content-type", "application/x-www-form-urlencoded");
/// assert_eq!(app.oneshot(request.body(Body::from(form))?).await?.status(), 200);
/// assert!(tokens.validate(issued.token()).await?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
#[must_use = "an endpoint answers nothing until it is mounted"]
pub struct RevocationEndpoint {
    validator: Arc<dyn TokenValidator>,
}

impl RevocationEndpoint {
    /// The endpoint for tokens of this validator: [`Tokens`](crate::lifecycle::Tokens), or a chain.
    pub fn new(validator: impl TokenValidator) -> Self {
        Self { validator: Arc::new(validator) }
    }

    async fn answer(self, parts: &Parts, body: Result<Bytes, BodyFault>) -> Response<EndpointBody> {
        match self.revoke(parts, body).await {
            Ok(()) => answer::empty(StatusCode::OK),
            Err(error) => error.into_response(parts),
        }
    }

    async fn revoke(&self, parts: &Parts, body: Result<Bytes, BodyFault>) -> Result<(), OAuthError> {
        let parameters = Parameters::of(parts, body)?;
        let Ok(token) = Token::parse(parameters.need("token", "token is missing")?) else { return Ok(()) };
        match self.validator.destroy(&token).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::InvalidToken => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotIssuedHere => Err(OAuthError::UnsupportedTokenType),
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Debug for RevocationEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationEndpoint").finish_non_exhaustive()
    }
}

impl_service!(RevocationEndpoint);
