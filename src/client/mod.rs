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
