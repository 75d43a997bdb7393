//! Floor 8, for axum handlers: extractors, and refusals and cookies as responses.
//!
//! | in a handler | gives |
//! |---|---|
//! | `user: CurrentUser` | the user, or refuses |
//! | `user: Option<CurrentUser>` | the user; `None` without a credential or with a stale cookie or session; refuses invalid credentials |
//! | `Authenticated(user): Authenticated` | the user, without any layer: the [`Authenticator`](crate::auth::Authenticator) comes from the state |
//! | `CurrentToken(token): CurrentToken` | the token of the user, for a handler that replaces it; the [`Authenticator`](crate::auth::Authenticator) comes from the state |
//! | `User(user, profile): User<Profile>` | the user and the application's own data, which came along with the look-up, or refuses |
//! | `level: UserLevel` | the user's level alone, or refuses |
//! | `Result<_, Refusal>` | the response to a refusal by `make_sure_allowed` or `Tokens`; a guard or a [`RefusalLayer`](crate::respond::RefusalLayer) turns it into a page for browsers |
//! | `(LoggedOut, …)` | a response that removes the cookie of a [logout](crate::auth::Authenticator::log_out) |
//! | `(SetTokenCookie, …)` | a response that sets or removes the cookie, and that no cache stores |
//!
//! They give the same responses as a guard. An extractor has no access to a policy; the policy's realm and login page
//! reach it as [`RefusalResponses`](crate::respond::RefusalResponses) in the extensions of the request, where `TokenAuthLayer` puts them,
//! or through a guard or a [`RefusalLayer`](crate::respond::RefusalLayer) around the route. Without them an extractor
//! answers as [`RefusalResponses::default`](crate::respond::RefusalResponses) does.
//!
//! A page that only an extractor protects must set its own `Cache-Control`: only the guard adds `private`.
//!
//! # Login routes
//! `Option<CurrentUser>` does not accept every request: it refuses an invalid explicit credential, ambiguous cookies,
//! cross-site requests and an outage. A login route must accept all requests, above all those with an invalid
//! credential, because their senders come to get a valid one. So it takes `Option<Extension<CurrentUser>>`, which never
//! refuses:
//! ```
//! use axum::{Extension, Router, body::Body, extract::Request, routing::post};
//! use tower::ServiceExt;
//! use tower_tokens::user::{CurrentUser, Reason, Unauthenticated};
//!
//! async fn log_in(previous: Option<Extension<CurrentUser>>) -> &'static str {
//!     if previous.is_some() { "end the old token, then give a new one" } else { "give a new one" }
//! }
//!
//! async fn shop(_user: Option<CurrentUser>) -> &'static str {
//!     "welcome"
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let app = Router::new().route("/login", post(log_in)).route("/shop", post(shop));
//! for (path, status) in [("/login", 200), ("/shop", 400)] {
//!     let mut request = Request::post(path).body(Body::empty()).unwrap();
//!     Unauthenticated::new(Reason::Ambiguous).insert_into(request.extensions_mut()); // TokenAuthLayer does this
//!     assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status);
//! }
//! # });
//! ```
//! The layer does not apply the same-origin rule to a login form, because a forged login carries no credential. Put a
//! [`SameOriginLayer`](crate::same_origin::SameOriginLayer) around it.
//!
//! | file | role |
//! |---|---|
//! | `current_user`, `optional_user`, `user`, `user_level`, `authenticated`, `current_token` | one extractor each |
//! | `rejection` | [`AuthRejection`] |
//! | `refusal`, `set_cookie`, `logged_out` | types of lower floors as responses |
//!
//! # Example
//! ```
//! use axum::{Router, body::Body, extract::Request, routing::get};
//! use tower::ServiceExt;
//! use tower_tokens::user::{CurrentUser, Reason, Unauthenticated};
//!
//! async fn members(user: CurrentUser) -> String {
//!     format!("user {} ({})", user.id(), user.level())
//! }
//!
//! async fn front_page(user: Option<CurrentUser>) -> &'static str {
//!     if user.is_some() { "welcome back" } else { "welcome" }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let app = Router::new().route("/", get(front_page)).route("/members", get(members));
//! for (path, status) in [("/", 200), ("/members", 401)] {
//!     let mut request = Request::get(path).body(Body::empty()).unwrap();
//!     Unauthenticated::new(Reason::NoCredential).insert_into(request.extensions_mut()); // TokenAuthLayer does this
//!     assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status);
//! }
//! # });
//! ```

mod authenticated;
mod current_token;
mod current_user;
mod logged_out;
mod optional_user;
mod refusal;
mod rejection;
mod set_cookie;
mod user;
mod user_level;

pub use authenticated::Authenticated;
pub use current_token::CurrentToken;
pub use rejection::AuthRejection;
pub use user::User;
