//! The other side: tokens for requests that this application makes to somebody else's API.
//!
//! | file | role |
//! |---|---|
//! | `tokens` | values: what an endpoint issues, what a store keeps |
//! | `endpoint` | [`TokenEndpoint`]: where tokens come from |
//! | `store` | [`TokenStore`]: where they are kept between two runs |
//! | `error` | [`ClientError`], and what an endpoint or a store says when it fails |

mod endpoint;
mod error;
mod store;
mod tokens;

pub use endpoint::TokenEndpoint;
pub use error::{ClientError, ClientErrorKind};
pub use store::{StoreLock, TokenStore};
pub use tokens::{IssuedTokens, SecretText, StoredTokens};
