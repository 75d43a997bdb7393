//! The other side: tokens for requests that this application makes to somebody else's API.
//!
//! | file | role |
//! |---|---|
//! | `manager` | [`TokenManager`]: a fresh access token for every caller |
//! | `core`, `renewal` | what its clones share; the work of one renewal |
//! | `flight` | one task for all callers |
//! | `decision`, `held`, `backoff` | pure: what to do, when a token ends, how long to wait |
//! | `access_token`, `statistics` | [`AccessToken`], ready to be sent; [`ManagerStatistics`] |
//! | `tokens` | values: what an endpoint issues, what a store keeps |
//! | `endpoint` | [`TokenEndpoint`]: where tokens come from |
//! | `store`, `memory` | [`TokenStore`]: where they are kept between two runs; [`MemoryTokenStore`] |
//! | `fake` | for tests, with the feature `test-util`: an endpoint and a store that fail on command |
//! | `file/` | [`FileTokenStore`]: in a private file, shared by any number of processes |
//! | `bearer/` | [`BearerTokenLayer`]: the access token on outgoing requests |
//! | `endpoints/` | [`OAuth2Endpoint`], [`ErganiEndpoint`], [`TraccarEndpoint`] |
//! | `http_post`, `http_answer` | [`HttpPost`]: the requests of an endpoint, over any HTTP client |
//! | `origin`, `retry_after`, `php_json` | scheme, host and port of a request; how long a server asks to wait; texts as PHP's `json_encode` writes them |
//! | `error` | [`ClientError`], and what an endpoint or a store says when it fails |
//!
//! # Example
//! An HTTP client whose requests to one API have a fresh access token:
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt};
//! use tower_tokens::client::{BearerTokenLayer, HttpPost, MemoryTokenStore, OAuth2Endpoint, TokenManager};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! // In place of `hyper_util::client::legacy::Client`. The API: a token endpoint, and work.
//! let http = tower::service_fn(async |request: Request<Full<Bytes>>| {
//!     let header = request.headers()["authorization"].to_str().unwrap();
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(match request.uri().path() {
//!         "/token" => r#"{"access_token": "2YotnFZF", "token_type": "Bearer", "expires_in": 3600}"#.to_owned(),
//!         _ => format!("asked with {header}"),
//!     })))
//! });
//! let url = "https://api.example/token";
//! let endpoint = OAuth2Endpoint::client_credentials(HttpPost::new(http), url, "reports", "s3cret")?;
//! // Or a `FileTokenStore`, which outlives the process.
//! let manager = TokenManager::new(endpoint, MemoryTokenStore::new());
//! let client = BearerTokenLayer::new(manager).with_origin("https://api.example")?.layer(http);
//!
//! let request = Request::get("https://api.example/work").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//! # use http_body_util::BodyExt;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "asked with Bearer 2YotnFZF");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod access_token;
mod backoff;
mod bearer;
mod core;
mod decision;
mod endpoint;
mod endpoints;
mod error;
#[cfg(any(test, feature = "test-util"))]
mod fake;
mod file;
mod flight;
mod held;
mod http_answer;
mod http_post;
mod manager;
mod memory;
mod origin;
mod php_json;
mod renewal;
mod retry_after;
mod statistics;
mod store;
mod tokens;

pub use access_token::AccessToken;
pub use bearer::{
    BearerTokenError, BearerTokenLayer, BearerTokenService, CloneBody, RepeatBody, ResponseFuture, UseToken,
};
pub use endpoint::TokenEndpoint;
pub use endpoints::{ErganiEndpoint, OAuth2Endpoint, TraccarEndpoint};
pub use error::{ClientError, ClientErrorKind};
#[cfg(any(test, feature = "test-util"))]
pub use fake::{FakeCall, FakeEndpoint, FakeFault, FakeStoreCall, FakeTokenStore};
pub use file::{Account, DEFAULT_LOCK_TIMEOUT, FileTokenStore, MAX_TOKEN_FILE_BYTES};
pub use http_answer::HttpAnswer;
pub use http_post::{HttpPost, MAX_ANSWER_BYTES, PostRequest};
pub use manager::TokenManager;
pub use memory::MemoryTokenStore;
pub use statistics::ManagerStatistics;
pub use store::{StoreLock, TokenStore};
pub use tokens::{IssuedTokens, SecretText, StoredTokens};
