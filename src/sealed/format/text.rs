//! The text of a sealed token.

use crate::error::{Error, ErrorKind};
use crate::secret::SecretText;
use crate::token::Token;

/// The text of a sealed token: `[A-Za-z0-9_-]` only, safe in a URL, a header, an e-mail and a cookie.
///
/// # Security
/// Whoever has the text can use the token: `Debug` is redacted, there is no `Display` and no `Serialize`, the
/// memory is wiped on drop, and [`expose_secret`](Self::expose_secret) is the only way to read the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedToken(SecretText);

impl SealedToken {
    pub(in crate::sealed) fn new(text: String) -> Self {
        Self(SecretText::new(text))
    }

    /// The text. Give it only to the person or the program that it is for.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// The token as a login that a client presents.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a text of more than 4,096 bytes, which no layer would look at.
    pub fn to_token(&self) -> Result<Token, Error> {
        Token::parse(self.expose_secret()).map_err(|_| {
            Error::with_source(ErrorKind::InvalidInput, "a sealed token that is a login is at most 4096 bytes long")
        })
    }
}
