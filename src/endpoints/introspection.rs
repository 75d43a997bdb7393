//! Says what a token is, for another service that was given it (RFC 7662).

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use serde::Serialize;
use tower_layer::Layer;

use crate::endpoints::answer::{self, EndpointBody};
use crate::endpoints::oauth_error::OAuthError;
use crate::endpoints::parameters::Parameters;
use crate::endpoints::service::{BodyFault, impl_service};
use crate::guard::{Guard, GuardLayer};
use crate::token::Token;
use crate::user::CurrentUser;
use crate::validator::{TokenValidator, Validation};

/// Says what a token is, for another service that was given it.
///
/// `POST` a form with `token`. An active token: `{"active":true,"scope","sub","exp","iat","token_type":"Bearer","level"}`. `sub` is the
/// user's id, `level` the title of their level, `exp` and `iat` are in seconds since 1970. `scope` is left out if the token has
/// every ability, `exp` if it never ends. Everything else, a refresh token and a text that cannot be a token included:
/// `{"active":false}` and nothing more. A store that does not answer: 503 with `Retry-After`.
///
/// A question counts as a use of the token: it moves `last_used_at` and an idle limit.
///
/// # Security
/// Who may ask this could try texts until one is a token (RFC 7662 §2.1). So there is no endpoint without a guard, and
/// [`behind`](Self::behind) is the only constructor. The caller presents a token of its own to the `TokenAuthLayer` around it.
///
/// # Source
/// RFC 7662 §2.
///
/// # Example
/// ```
/// use axum::Router;
/// use axum::body::Body;
/// use http::Request;
/// use tower::ServiceExt;
/// use tower_tokens::auth::TokenAuthLayer;
/// use tower_tokens::endpoints::IntrospectionEndpoint;
/// use tower_tokens::lifecycle::Tokens;
/// use tower_tokens::policy::{SecurityPolicy, ability};
/// use tower_tokens::repository::MemoryRepository;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let tokens = Tokens::new(MemoryRepository::new());
/// let policy = SecurityPolicy::new().scenario("introspect", ability("introspect"));
/// let endpoint = IntrospectionEndpoint::behind(policy.guard("introspect"), tokens.clone());
/// let app: Router = Router::new().route_service("/introspect", endpoint).layer(TokenAuthLayer::new(tokens));
/// let request = Request::post("/introspect").body(Body::from("token=abc"))?;
/// assert_eq!(app.oneshot(request).await?.status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct IntrospectionEndpoint {
    validator: Arc<dyn TokenValidator>,
    username: Option<Username>,
}

type Username = Arc<dyn Fn(&CurrentUser) -> Option<String> + Send + Sync>;

/// RFC 7662 §2.2. `level` is ours; names of a service's own are allowed.
#[derive(Serialize)]
struct ActiveBody<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    iat: i64,
    token_type: &'static str,
    level: &'a str,
}

#[derive(Serialize)]
struct InactiveBody {
    active: bool,
}

impl IntrospectionEndpoint {
    /// The endpoint for tokens of this validator, for callers whom the guard allows.
    pub fn behind<R>(guard: GuardLayer<R>, validator: impl TokenValidator) -> Guard<Self, R> {
        guard.layer(Self { validator: Arc::new(validator), username: None })
    }

    /// The same, with a `username` for people: an e-mail address out of the
    /// [data](CurrentUser::data) of the user, for example. Default: none.
    pub fn behind_with_username<R>(
        guard: GuardLayer<R>,
        validator: impl TokenValidator,
        username: impl Fn(&CurrentUser) -> Option<String> + Send + Sync + 'static,
    ) -> Guard<Self, R> {
        guard.layer(Self { validator: Arc::new(validator), username: Some(Arc::new(username)) })
    }

    async fn answer(self, parts: &Parts, body: Result<Bytes, BodyFault>) -> Response<EndpointBody> {
        match self.introspect(parts, body).await {
            Ok(Some(user)) => answer::json(StatusCode::OK, &self.body(&user)),
            Ok(None) => answer::json(StatusCode::OK, &InactiveBody { active: false }),
            Err(error) => error.into_response(parts),
        }
    }

    async fn introspect(
        &self,
        parts: &Parts,
        body: Result<Bytes, BodyFault>,
    ) -> Result<Option<CurrentUser>, OAuthError> {
        let parameters = Parameters::of(parts, body)?;
        let Ok(token) = Token::parse(parameters.need("token", "token is missing")?) else { return Ok(None) };
        match self.validator.validate(token.key()).await {
            Validation::Valid(user) => Ok(Some(user)),
            Validation::Invalid => Ok(None),
            Validation::Unavailable(error) => Err(error.into()),
        }
    }

    fn body<'a>(&self, user: &'a CurrentUser) -> ActiveBody<'a> {
        ActiveBody {
            active: true,
            scope: user.abilities().as_stored(),
            sub: user.id().to_string(),
            username: self.username.as_ref().and_then(|username| username(user)),
            exp: user.expires_at().at().map(|end| end.unix_seconds()),
            iat: user.token().created_at().unix_seconds(),
            token_type: "Bearer",
            level: user.level().title(),
        }
    }
}

impl fmt::Debug for IntrospectionEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionEndpoint").finish_non_exhaustive()
    }
}

impl_service!(IntrospectionEndpoint);
