//! What an endpoint issues, and what a store keeps.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::secret;

/// Secret text of another system: a token or a password, of any form.
///
/// # Security
/// `Debug` is redacted, there is no `Display` and no `Serialize`, comparing takes constant time, and the memory is wiped
/// on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(secret::SecretText);

impl SecretText {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(secret::SecretText::new(text.into()))
    }

    /// The text itself.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText([redacted])")
    }
}

impl<T: Into<String>> From<T> for SecretText {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// What a [`TokenEndpoint`](crate::client::TokenEndpoint) answers.
///
/// The lifetime of the access token counts from the moment the answer came, on a clock that is never set: a wall clock
/// that is wrong cannot make a fresh token look expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedTokens {
    access_token: SecretText,
    expires_in: Option<Duration>,
    refresh_token: Option<SecretText>,
    refresh_end: Option<End>,
}

/// When a token ends, as its endpoint says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    After(Duration),
    At(Timestamp),
}

impl IssuedTokens {
    /// An access token of which nothing else is known. It is used until the API refuses it.
    pub fn new(access_token: impl Into<SecretText>) -> Self {
        Self { access_token: access_token.into(), expires_in: None, refresh_token: None, refresh_end: None }
    }

    /// The access token is valid for this long from now on.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = Some(lifetime);
        self
    }

    /// With this refresh token. Without one the former stays in use (RFC 6749 §6).
    #[must_use]
    pub fn refresh_token(mut self, text: impl Into<SecretText>) -> Self {
        self.refresh_token = Some(text.into());
        self
    }

    /// The refresh token is valid for this long from now on.
    #[must_use]
    pub fn refresh_expires_in(mut self, lifetime: Duration) -> Self {
        self.refresh_end = Some(End::After(lifetime));
        self
    }

    /// The refresh token ends at this second, for an API that names the date and not the lifetime.
    #[must_use]
    pub fn refresh_expires_at(mut self, end: Timestamp) -> Self {
        self.refresh_end = Some(End::At(end));
        self
    }
}

/// What a [`TokenStore`](crate::client::TokenStore) keeps: the tokens of one account, and when they end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTokens {
    access_token: SecretText,
    access_expires_at: Option<Timestamp>,
    refresh_token: Option<SecretText>,
    refresh_expires_at: Option<Timestamp>,
}

impl StoredTokens {
    /// An access token of which nothing else is known.
    pub fn new(access_token: impl Into<SecretText>) -> Self {
        Self {
            access_token: access_token.into(),
            access_expires_at: None,
            refresh_token: None,
            refresh_expires_at: None,
        }
    }

    /// The access token ends at this second.
    #[must_use]
    pub fn with_access_expiry(mut self, end: impl Into<Option<Timestamp>>) -> Self {
        self.access_expires_at = end.into();
        self
    }

    /// With this refresh token.
    #[must_use]
    pub fn with_refresh_token(mut self, text: impl Into<SecretText>) -> Self {
        self.refresh_token = Some(text.into());
        self
    }

    /// The refresh token ends at this second.
    #[must_use]
    pub fn with_refresh_expiry(mut self, end: impl Into<Option<Timestamp>>) -> Self {
        self.refresh_expires_at = end.into();
        self
    }

    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &SecretText {
        &self.access_token
    }

    /// When the access token ends; `None`: unknown, or never.
    #[must_use]
    pub fn access_expires_at(&self) -> Option<Timestamp> {
        self.access_expires_at
    }

    /// The refresh token, if there is one.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&SecretText> {
        self.refresh_token.as_ref()
    }

    /// When the refresh token ends; `None`: unknown, or never.
    #[must_use]
    pub fn refresh_expires_at(&self) -> Option<Timestamp> {
        self.refresh_expires_at
    }
}
