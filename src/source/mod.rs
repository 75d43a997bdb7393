//! Floor 4, the sources of tokens in a request: [`TokenSource`], sessions, and the same-origin rule.
//!
//! | file | role |
//! |---|---|
//! | `token_source` | [`TokenSource`], one place in a request where a token may be |
//! | `cookie` | reads the `Cookie` header |
//! | `authorization` | the schemes `Bearer` and `Basic`, and a token without a scheme |
//! | `claimed` | a token, and the user whom the request names beside it |
//! | `session` | [`TokenSession`], a session that holds a token |
//! | `tower_sessions` | the same for tower-sessions |
//! | `php_session` | `PhpSessions`, PHP's own sessions, in files or in Redis (feature `php-session`) |
//! | `origin` | [`SameOrigin`], whether another site caused a request |
//! | `trusted_origin` | checks which texts can be the `Origin` of a request |
//! | `query_token` | [`QueryTokenLayer`], which takes a token out of the query of a route that the application names |
//! | `values` | the values of one source in a request |
//! | `candidates` | the credentials of a request, in the order of the sources, each once |
//!
//! The first *valid* candidate wins: a stale cookie does not hide a valid Bearer token, and of two valid candidates the
//! one of the earlier source wins. Within a source all count, and cookies that belong to different users make the
//! request ambiguous. At most 8 candidates of a request are looked up.
//!
//! # Example
//! Trongate's own order, the header of its JavaScript first:
//! ```
//! use http::Request;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_tokens::auth::TokenAuthLayer;
//! use tower_tokens::repository::{MemoryRepository, UserRepository};
//! use tower_tokens::source::{DEFAULT_NAME, TokenSource};
//! use tower_tokens::lifecycle::Tokens;
//! use tower_tokens::user::{CurrentUser, SourceKind};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # let repository = MemoryRepository::new();
//! # repository.create_level("member").await?;
//! # let user = repository.create_user(None, "member").await?;
//! # let tokens = Tokens::new(repository);
//! let issued = tokens.generate(&user).await?;
//! let layer = TokenAuthLayer::new(tokens).sources([
//!     TokenSource::header(DEFAULT_NAME),
//!     TokenSource::cookie(DEFAULT_NAME),
//!     TokenSource::bearer(),
//! ]);
//! let service = layer.layer(service_fn(async |request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(request.extensions().get::<CurrentUser>().map(CurrentUser::source))
//! }));
//! let request = Request::get("/").header("trongatetoken", issued.token().expose_secret()).body(())?;
//! assert_eq!(service.oneshot(request).await?, Some(SourceKind::Header));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod authorization;
mod candidates;
mod claimed;
mod cookie;
mod origin;
#[cfg(feature = "php-session")]
mod php_session;
mod query_token;
mod session;
mod token_source;
#[cfg(feature = "tower-sessions")]
mod tower_sessions;
mod trusted_origin;
mod values;

pub(crate) use candidates::{Candidate, Candidates, Credential, Unusable};
pub(crate) use claimed::ClaimedToken;
pub use origin::SameOrigin;
#[cfg(feature = "php-session")]
pub use php_session::{MAX_SESSION_BYTES, PhpSession, PhpSessions};
pub use query_token::{QueryToken, QueryTokenLayer, QueryTokenService};
pub use session::TokenSession;
pub use token_source::{DEFAULT_NAME, TokenSource};
pub(crate) use values::Value;
