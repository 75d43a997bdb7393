//! Extracts the token of the request in a handler.

use axum_core::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use crate::auth::Authenticator;
use crate::error::Error;
use crate::extract::AuthRejection;
use crate::request::RequestHead;
use crate::token::Token;
use crate::user::{CurrentUser, Reason, Unauthenticated};

/// The token by which the user of this request was authenticated: for a handler that replaces it with
/// [`Tokens::regenerate`](crate::lifecycle::Tokens::regenerate), because the user proved again who they are or got more
/// rights.
///
/// Works behind a `TokenAuthLayer` and without one. The [`Authenticator`] comes from the router's state; it must be that
/// of the layer. It reads and validates the token of the request again, as
/// [`Authenticator::current_token`] describes, so put it only into handlers that need it.
///
/// Refuses requests without a user, as described in [`extract`](mod@crate::extract), and a request whose token has ended
/// since the layer validated it.
///
/// # Panics
/// If it is polled outside of a Tokio runtime with its time driver.
///
/// # Example
/// A user who types their password again gets a new token, and pages that ask for a recent login allow them:
/// ```
/// use axum::extract::{FromRef, Request, State};
/// use axum::{Router, body::Body, response::IntoResponse, routing::post};
/// use tower::ServiceExt;
/// use tower_tokens::auth::{Authenticator, TokenAuthLayer};
/// use tower_tokens::extract::CurrentToken;
/// use tower_tokens::lifecycle::Tokens;
/// use tower_tokens::repository::{MemoryRepository, UserRepository};
/// use tower_tokens::respond::Refusal;
/// use tower_tokens::user::CurrentUser;
///
/// #[derive(Clone, FromRef)]
/// struct Site {
///     tokens: Tokens,
///     authenticator: Authenticator,
/// }
///
/// async fn confirm_password(
///     State(tokens): State<Tokens>,
///     user: CurrentUser,
///     CurrentToken(token): CurrentToken,
///     password: String,
/// ) -> Result<impl IntoResponse, Refusal> {
///     if !is_password_of(user.id().as_integer(), &password) {
///         return Err(Refusal::wrong_credentials());
///     }
///     let issued = tokens.regenerate(&token).authenticated_now().await?;
///     Ok((issued.session_cookie(), "confirmed"))
/// }
///
/// fn is_password_of(id: Option<i64>, password: &str) -> bool {
///     id == Some(1) && password == "secret" // yours
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let repository = MemoryRepository::new();
/// repository.create_level("member").await?;
/// let user_id = repository.create_user(None, "member").await?;
/// let tokens = Tokens::new(repository);
/// let layer = TokenAuthLayer::new(tokens.clone());
/// let issued = tokens.generate(&user_id).await?;
/// let site = Site { tokens, authenticator: layer.authenticator() };
/// let app = Router::new().route("/confirm", post(confirm_password)).with_state(site).layer(layer);
///
/// let cookie = format!("trongatetoken={}", issued.token().expose_secret());
/// let request = Request::post("/confirm").header("Cookie", cookie).body(Body::from("secret"))?;
/// let response = app.oneshot(request).await?;
/// assert_eq!(response.status(), 200);
/// assert!(response.headers().contains_key("set-cookie"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "destructured in a handler's parameters")]
pub struct CurrentToken(pub Token);

impl<S> FromRequestParts<S> for CurrentToken
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        if Unauthenticated::from_extensions(&parts.extensions).is_some() {
            return Err(AuthRejection::of(parts)); // a layer found no user
        }
        let authenticator = Authenticator::from_ref(state);
        let found = find(&authenticator, parts).await;
        found.map(Self).map_err(|unauthenticated| AuthRejection::by(&authenticator, unauthenticated, parts))
    }
}

async fn find(authenticator: &Authenticator, parts: &Parts) -> Result<Token, Unauthenticated> {
    let user = match parts.extensions.get::<CurrentUser>() {
        Some(user) => user.clone(),
        None => authenticator.authenticate(RequestHead::of_parts(parts)).await?,
    };
    let token = authenticator.current_token(RequestHead::of_parts(parts), &user).await;
    token.map_err(|error| reason(&error))
}

fn reason(error: &Error) -> Unauthenticated {
    Unauthenticated::new(if error.is_outage() { Reason::Unavailable } else { Reason::Invalid })
}
