//! The hash that a store keeps in place of the token's text.

use std::fmt;

use sha2::{Digest, Sha256};

/// The SHA-256 of a token's whole text.
///
/// A thief cannot log in with a stolen database of digests. No salt and no slow hash are needed, because a token is not a
/// password: 178 random bits cannot be guessed.
///
/// # Source
/// FIPS 180-4.
///
/// # Example
/// ```
/// use tower_tokens::token::TokenDigest;
///
/// let digest = TokenDigest::of("abc");
/// assert_eq!(digest.as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
/// assert_eq!(format!("{digest:?}"), "TokenDigest([redacted])");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    pub(super) fn of_bytes(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The 32 bytes that a store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest with these bytes, as read from a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest([redacted])")
    }
}
