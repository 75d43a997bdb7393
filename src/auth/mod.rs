//! Floor 7, authentication: [`TokenAuthLayer`] turns a token in a request into a user in its extensions.
//!
//! | file | role |
//! |---|---|
//! | `authenticator` | [`Authenticator`], authenticates a request without the layer |
//! | `log_out` | ends every token that a request presents |
//! | `current_token` | the token by which a request was authenticated, for a handler that replaces it |
//! | `presented_tokens` | every token that a request presents, for a logout to end |
//! | `check` | what asks the store again for the token of a request |
//! | `pending` | the part of an authentication that has to wait: a session or a store |
//! | `claimed_user` | whether a token belongs to the user whom the request names beside it |
//! | `resolution` | chooses the winning candidate of a request |
//! | `outage_log` | the log lines of outages, at most one in a minute for each kind of source |
//! | `settings` | what the layer and its services share |
//! | `layer`, `service`, `future` | the middleware |
//!
//! # Example
//! ```
//! use http::Request;
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_tokens::auth::TokenAuthLayer;
//! use tower_tokens::repository::{MemoryRepository, UserRepository};
//! use tower_tokens::lifecycle::Tokens;
//! use tower_tokens::user::CurrentUser;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let repository = MemoryRepository::new();
//! repository.create_level("member").await?;
//! let user = repository.create_user(None, "member").await?;
//! let tokens = Tokens::new(repository);
//! let issued = tokens.generate(&user).await?;
//!
//! let service = TokenAuthLayer::new(tokens).layer(service_fn(async |request: Request<()>| {
//!     let user = request.extensions().get::<CurrentUser>();
//!     Ok::<_, std::convert::Infallible>(user.map(|user| user.level().title().to_owned()))
//! }));
//! let request = Request::get("/").header("Authorization", format!("Bearer {}", issued.token().expose_secret()));
//! assert_eq!(service.oneshot(request.body(())?).await?.as_deref(), Some("member"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod authenticator;
mod check;
mod claimed_user;
mod current_token;
mod future;
mod layer;
mod log_out;
mod outage_log;
mod pending;
mod presented_tokens;
mod resolution;
mod service;
mod settings;

pub use authenticator::Authenticator;
pub use future::ResponseFuture;
pub use layer::TokenAuthLayer;
pub use log_out::LoggedOut;
pub use service::TokenAuth;
