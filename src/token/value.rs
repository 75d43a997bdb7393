//! The secret text that a client presents.

use crate::error::{Error, ErrorKind};
use crate::secret::SecretText;
use crate::token::{TokenKey, is_token_text};

/// A token: the secret text that a client presents.
///
/// # Security
/// `Debug` is redacted, there is no `Display` and no `Serialize`, comparing takes constant time, and the memory is wiped
/// on drop. [`expose_secret`](Self::expose_secret) is the only way to read the text.
///
/// # Example
/// ```
/// use tower_tokens::token::Token;
///
/// let token = Token::parse("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x")?;
/// assert_eq!(format!("{token:?}"), "Token([redacted])");
/// assert_eq!(token.expose_secret().len(), 32);
/// assert!(Token::parse("not a token").is_err());
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(SecretText);

impl Token {
    /// Parses text that could be a token: 1 to 4,096 bytes of RFC 6750's `b64token`.
    ///
    /// # Source
    /// RFC 6750 §2.1.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for any other text. The error does not repeat it.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        let text = SecretText::new(text.into());
        if is_token_text(text.expose_secret().as_bytes()) {
            Ok(Self(text))
        } else {
            Err(Error::with_source(ErrorKind::InvalidInput, "not a token: 1 to 4096 bytes of b64token are"))
        }
    }

    /// Wraps text that this crate generated or checked itself.
    pub(crate) fn from_checked(text: String) -> Self {
        Self(SecretText::new(text))
    }

    /// The secret text. Give it only to the client that it belongs to.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// The key for looking the token up.
    #[must_use]
    pub fn key(&self) -> TokenKey<'_> {
        TokenKey::new(self.expose_secret())
    }
}
