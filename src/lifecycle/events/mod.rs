//! Events: what happened to tokens, for an audit log.
//!
//! | file | role |
//! |---|---|
//! | `event` | [`TokenEvent`]: what happened, to which token of which user, and when |
//! | `action` | [`TokenAction`] and [`RefusedToken`]: the kinds of events |
//! | `listener` | [`TokenEvents`], the trait of a listener |
//! | `log_line` | the log line of an event |

mod action;
mod event;
mod listener;
mod log_line;

pub use action::{RefusedToken, TokenAction};
pub use event::TokenEvent;
pub use listener::TokenEvents;
