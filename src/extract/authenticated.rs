//! Extracts the user without a layer.

use axum_core::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use crate::auth::Authenticator;
use crate::extract::AuthRejection;
use crate::request::RequestHead;
use crate::user::CurrentUser;

/// The user of a request, authenticated by the extractor itself: for a few routes in an application without a
/// `TokenAuthLayer`. It is the cheapest way, because it writes nothing into the extensions.
///
/// The [`Authenticator`] comes from the router's state. Look-ups take at most its time-out, 5 seconds by default.
///
/// # Panics
/// If a look-up has to wait in a Tokio runtime that was built without its time driver.
///
/// # Example
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use tower::ServiceExt;
/// use tower_tokens::auth::TokenAuthLayer;
/// use tower_tokens::extract::Authenticated;
/// use tower_tokens::repository::MemoryRepository;
/// use tower_tokens::lifecycle::Tokens;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let authenticator = TokenAuthLayer::new(Tokens::new(MemoryRepository::new())).authenticator();
/// let handler = async |Authenticated(user): Authenticated| format!("user {}", user.id());
/// let app: Router = Router::new().route("/", get(handler)).with_state(authenticator);
/// let request = Request::get("/").body(Body::empty()).unwrap();
/// assert_eq!(app.oneshot(request).await.unwrap().status(), 401);
/// # });
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "destructured in a handler's parameters")]
pub struct Authenticated(pub CurrentUser);

impl<S> FromRequestParts<S> for Authenticated
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        let authenticator = Authenticator::from_ref(state);
        let outcome = authenticator.authenticate(RequestHead::of_parts(parts)).await;
        outcome.map(Self).map_err(|unauthenticated| AuthRejection::by(&authenticator, unauthenticated, parts))
    }
}
