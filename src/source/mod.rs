//! Floor 2, where a request carries a token: [`TokenSource`], sessions, and the same-origin rule.
//!
//! | file | role |
//! |---|---|
//! | `token_source` | [`TokenSource`], one place in a request |
//! | `cookie` | the scan of the `Cookie` header |
//! | `authorization` | the `Bearer` and `Basic` schemes |
//! | `session` | [`TokenSession`], a session that holds a token |
//! | `tower_sessions` | the same for tower-sessions |
//! | `origin` | [`SameOrigin`], whether another site caused a request |
//! | `candidates` | what a request offers, in order, each thing once |

mod authorization;
mod candidates;
mod cookie;
mod origin;
mod session;
mod token_source;
#[cfg(feature = "tower-sessions")]
mod tower_sessions;

pub(crate) use candidates::{Candidate, Candidates, Nothing, Offer};
pub use origin::SameOrigin;
pub use session::TokenSession;
pub use token_source::{DEFAULT_NAME, TokenSource};
