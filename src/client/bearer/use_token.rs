//! [`UseToken`]: another token, or none, for one request.

use crate::client::{AccessToken, ClientError, SecretText};

/// In the extensions of a request: the token of this request, in place of the manager's.
///
/// A request with it is sent once: a 401 causes no refresh. The origins of the layer hold for it, too. A layer that follows
/// redirects may leave extensions out of the requests that it makes: tower-http's does unless it is asked to preserve them.
///
/// # Example
/// ```
/// use tower_tokens::client::UseToken;
///
/// let mut request = http::Request::get("https://api.example/me").body(())?;
/// request.extensions_mut().insert(UseToken::new("the-token-of-this-user")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseToken(Option<AccessToken>);

impl UseToken {
    /// This token.
    ///
    /// # Errors
    /// [`Malformed`](crate::client::ClientErrorKind::Malformed) if the text cannot be in a header, as [`AccessToken::new`]
    /// says.
    pub fn new(text: impl Into<SecretText>) -> Result<Self, ClientError> {
        AccessToken::new(text).map(Self::from)
    }

    /// No token: the request is sent as it is.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    pub(super) fn token(&self) -> Option<&AccessToken> {
        self.0.as_ref()
    }
}

impl From<AccessToken> for UseToken {
    fn from(token: AccessToken) -> Self {
        Self(Some(token))
    }
}
