//! PHP's own sessions, in files or in Redis, where Trongate puts its token by default.
//!
//! | file | role |
//! |---|---|
//! | `sessions` | [`PhpSessions`]: the settings, and the [`TokenSource`](super::TokenSource) |
//! | `settings` | the settings, which the sessions of a request share |
//! | `place` | where PHP keeps its sessions, and which names a session can have there |
//! | `session` | [`PhpSession`]: the session of one request |
//! | `file` | one file: opened only if it is a regular file, under PHP's own lock, within bounds |
//! | `in_redis` | sessions in Redis: read in one command, changed by one script |
//! | `attempt` | the result of one attempt to read or to change a session |
//! | `content` | both serialize handlers: where the token is, and the content without it |
//! | `scanner` | PHP's `serialize` format, one value after the other |

mod attempt;
mod content;
mod file;
#[cfg(feature = "redis")]
mod in_redis;
mod place;
mod scanner;
mod session;
mod sessions;
mod settings;

pub use session::PhpSession;
pub use sessions::PhpSessions;
pub use settings::MAX_SESSION_BYTES;
