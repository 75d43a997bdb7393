//! The key that a token is looked up by.

use std::fmt;

use crate::token::TokenDigest;

/// The key that a token is looked up by: its text, borrowed. It is the argument of validators and stores. This crate's
/// persistent stores keep and look up its [digest](Self::digest), the store in memory keeps a keyed hash; only a
/// foreign table that holds tokens in clear needs the text.
#[derive(Clone, Copy)]
pub struct TokenKey<'a>(&'a [u8]);

impl<'a> TokenKey<'a> {
    /// The key of the token with this text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    /// The key of the token with this text, for which [`is_token_text`](super::is_token_text) holds.
    pub(crate) const fn from_checked(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The digest, which a store should keep. Computed at each call.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of_bytes(self.0)
    }

    /// The secret text, for a store that has to keep it in clear.
    #[must_use]
    pub fn expose_secret(&self) -> &'a str {
        // Always valid UTF-8, however the key was made. Otherwise an empty text, which no token has.
        std::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The secret text as bytes.
    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for TokenKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey([redacted])")
    }
}
