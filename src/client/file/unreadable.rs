//! Why a file is of no use.

use crate::error::Error;

/// Why a file gives no document.
pub(super) enum Unreadable {
    /// Damaged, or never a file of tokens: it is of no use to any process.
    Broken(&'static str),
    /// Whole, and not to be trusted: the next save replaces it.
    #[cfg(feature = "sealed")]
    Ignored(&'static str),
    /// Whole, and this store is not set up to read it: it stays as it is.
    Refused(&'static str, Option<Error>),
}
