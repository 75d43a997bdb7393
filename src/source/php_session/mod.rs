//! PHP's own session files, where Trongate puts its token by default.
//!
//! | file | role |
//! |---|---|
//! | `sessions` | [`PhpSessions`]: where the files are, and the [`TokenSource`](super::TokenSource) |
//! | `session` | [`PhpSession`]: the session of one request |
//! | `file` | one file: opened with suspicion, under PHP's own lock, within bounds |
//! | `content` | both serialize handlers: where the token is, and the content without it |
//! | `scanner` | PHP's `serialize` format, one value after the other |

mod content;
mod file;
mod scanner;
mod session;
mod sessions;

pub use session::PhpSession;
pub use sessions::{MAX_SESSION_BYTES, PhpSessions};
