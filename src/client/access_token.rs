//! An access token that is ready to be sent.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::client::{ClientError, ClientErrorKind, SecretText};

const SCHEME: &str = "Bearer ";

/// An access token, as the value of `Authorization` (RFC 6750 §2.1). Cloning shares it and allocates nothing.
///
/// # Security
/// `Debug` is redacted, comparing takes constant time, the header's value is marked as sensitive, and the memory is wiped
/// when the last clone is gone.
///
/// # Example
/// ```
/// use tower_tokens::client::AccessToken;
///
/// let token = AccessToken::new("mF_9.B5f-4.1JqM")?;
/// let mut request = http::Request::new(());
/// request.headers_mut().insert(http::header::AUTHORIZATION, token.into());
/// assert_eq!(request.headers()["authorization"], "Bearer mF_9.B5f-4.1JqM");
/// assert!(request.headers()["authorization"].is_sensitive());
/// # Ok::<(), tower_tokens::client::ClientError>(())
/// ```
#[derive(Clone)]
pub struct AccessToken {
    /// The scheme, and the text: visible ASCII.
    header: HeaderValue,
}

impl AccessToken {
    /// The access token of this text.
    ///
    /// # Errors
    /// [`Malformed`](ClientErrorKind::Malformed) if it is empty, or has a byte that is not visible ASCII (0x21 to 0x7E):
    /// an `Authorization` header could not carry it.
    pub fn new(text: impl Into<SecretText>) -> Result<Self, ClientError> {
        Self::of(&text.into())
    }

    pub(super) fn of(text: &SecretText) -> Result<Self, ClientError> {
        let text = text.expose_secret().as_bytes();
        if text.is_empty() || !text.iter().all(u8::is_ascii_graphic) {
            let reason = "the access token is empty, or has a byte that a header cannot carry";
            return Err(ClientError::new(ClientErrorKind::Malformed, reason));
        }
        let mut value = Zeroizing::new(Vec::with_capacity(SCHEME.len() + text.len()));
        value.extend_from_slice(SCHEME.as_bytes());
        value.extend_from_slice(text);
        // Bytes with an owner: cloning never allocates, and the last clone wipes them.
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(value))
            .map_err(|error| ClientError::new(ClientErrorKind::Malformed, error))?;
        header.set_sensitive(true);
        Ok(Self { header })
    }

    /// The text of the token.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.header.to_str().ok().and_then(|value| value.strip_prefix(SCHEME)).unwrap_or_default()
    }

    /// The value of an `Authorization` header: `Bearer`, a space and the token, marked as sensitive.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// As [`header_value`](AccessToken::header_value), without a clone.
impl From<AccessToken> for HeaderValue {
    fn from(token: AccessToken) -> Self {
        token.header
    }
}

impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.header.as_bytes().ct_eq(other.header.as_bytes()).into()
    }
}

impl Eq for AccessToken {}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_no_header_can_carry_is_malformed() {
        for bad in ["", " ", "a b", "a\r\nx-evil: 1", "a\0", "á", "a\u{7f}", "a\t"] {
            assert_eq!(AccessToken::new(bad).unwrap_err().kind(), ClientErrorKind::Malformed, "{bad:?}");
        }
        let good: String = ('!'..='~').collect();
        assert_eq!(AccessToken::new(good.clone()).unwrap().expose_secret(), good);
    }

    #[test]
    fn tokens_are_equal_by_their_text_and_debug_is_redacted() {
        let token = AccessToken::new("t0ken").unwrap();
        assert_eq!(token, AccessToken::new("t0ken").unwrap());
        assert_ne!(token, AccessToken::new("t0ken2").unwrap());
        let text = format!("{token:?} {:?}", token.header_value());
        assert!(!text.contains("t0ken"), "{text}");
    }
}
