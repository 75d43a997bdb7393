//! [`BearerTokenLayer`]: access tokens on outgoing requests.
//!
//! | file | role |
//! |---|---|
//! | `layer`, `service`, `future` | [`BearerTokenLayer`], [`BearerTokenService`], [`ResponseFuture`] |
//! | `settings` | the manager, the origins, and which responses reject a token |
//! | `attempt` | the part that waits: for a token, and for the repetition of a rejected request |
//! | `repeat_body` | how a body is copied for a repetition |
//! | `use_token` | [`UseToken`]: another token, or none, for one request |
//! | `error` | [`BearerTokenError`] |

mod attempt;
mod error;
mod future;
mod layer;
mod repeat_body;
mod service;
mod settings;
mod use_token;

pub use error::BearerTokenError;
pub use future::ResponseFuture;
pub use layer::BearerTokenLayer;
pub use repeat_body::{CloneBody, RepeatBody};
pub use service::BearerTokenService;
pub use use_token::UseToken;
