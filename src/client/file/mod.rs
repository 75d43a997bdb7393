//! Tokens in files: one private file an account, shared by any number of processes.
//!
//! | file | role |
//! |---|---|
//! | `account` | [`Account`], and the name of its file |
//! | `store` | [`FileTokenStore`] |
//! | `content` | reading a file, and what happens to one that is broken |
//! | `format` | the text of a file: JSON, as the Ergani SDK writes it |
//! | `codec` | plain text, or encrypted |
//! | `envelope` | the encrypted form of a file |
//! | `unreadable` | why a file is of no use |
//! | `sealing` | encryption (feature `sealed`) |
//! | `expiry` | the forms of a time in a file |
//! | `lock` | the operating system's lock of an account |
//! | `write` | replacing a file, so that it is whole at any moment |
//! | `forget` | [`FileTokenStore::forget_all`] |
//! | `directory` | the directory, which must be private |
//! | `disk` | opening files without following links |
//! | `names` | the names of the files of an account |
//! | `failure` | errors, and file access off the asynchronous threads |

mod account;
mod codec;
mod content;
mod directory;
mod disk;
mod envelope;
mod expiry;
mod failure;
mod forget;
mod format;
mod lock;
mod names;
#[cfg(feature = "sealed")]
mod sealing;
mod store;
mod unreadable;
mod write;

pub use account::Account;
pub use content::MAX_TOKEN_FILE_BYTES;
pub use store::{DEFAULT_LOCK_TIMEOUT, FileTokenStore};
