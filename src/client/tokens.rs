//! What an endpoint issues, and what a store keeps.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

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

    pub(super) fn access_lifetime(&self) -> Option<Duration> {
        self.expires_in
    }

    /// How long the refresh token lives. `None` if its end is unknown or a date, which only a wall clock could judge.
    pub(super) fn refresh_lifetime(&self) -> Option<Duration> {
        match self.refresh_end? {
            End::After(lifetime) => Some(lifetime),
            End::At(_date) => None,
        }
    }

    pub(super) fn has_refresh_token(&self) -> bool {
        self.refresh_token.is_some()
    }
}

/// What a [`TokenStore`](crate::client::TokenStore) keeps: the tokens of one account, and when they end.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredTokens {
    access_token: SecretText,
    access_expires_at: Option<Timestamp>,
    refresh_token: Option<SecretText>,
    refresh_expires_at: Option<Timestamp>,
    /// What else a store found beside the tokens. Another program wrote it, so it is kept.
    pub(super) others: Map<String, Value>,
}

impl StoredTokens {
    /// An access token of which nothing else is known.
    pub fn new(access_token: impl Into<SecretText>) -> Self {
        Self {
            access_token: access_token.into(),
            access_expires_at: None,
            refresh_token: None,
            refresh_expires_at: None,
            others: Map::new(),
        }
    }

    /// What a login issued at `now`. Of the former tokens nothing stays but what else was stored beside them.
    pub(super) fn of_login(former: Option<&Self>, issued: &IssuedTokens, now: Timestamp) -> Self {
        Self {
            access_token: issued.access_token.clone(),
            access_expires_at: issued.expires_in.map(|lifetime| after(now, lifetime)),
            refresh_token: issued.refresh_token.clone(),
            refresh_expires_at: issued.refresh_end.map(|end| match end {
                End::After(lifetime) => after(now, lifetime),
                End::At(date) => date,
            }),
            others: former.map(|former| former.others.clone()).unwrap_or_default(),
        }
    }

    /// What these tokens become with the answer to a refresh that came at `now`. The refresh token stays if the answer
    /// has none (RFC 6749 §6).
    pub(super) fn refreshed(&self, issued: &IssuedTokens, now: Timestamp) -> Self {
        let mut tokens = Self::of_login(Some(self), issued, now);
        if tokens.refresh_token.is_none() {
            tokens.refresh_token.clone_from(&self.refresh_token);
            tokens.refresh_expires_at = tokens.refresh_expires_at.or(self.refresh_expires_at);
        }
        tokens
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

/// Neither the tokens nor what else was stored: another program's keys may be secrets too.
impl fmt::Debug for StoredTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTokens")
            .field("access_token", &self.access_token)
            .field("access_expires_at", &self.access_expires_at)
            .field("refresh_token", &self.refresh_token)
            .field("refresh_expires_at", &self.refresh_expires_at)
            .field("others", &self.others.len())
            .finish()
    }
}

/// The end of a lifetime that begins at `now`, in whole seconds.
fn after(now: Timestamp, lifetime: Duration) -> Timestamp {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_unix_seconds(now.unix_seconds().saturating_add(seconds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn former() -> StoredTokens {
        let mut former = StoredTokens::new("a1")
            .with_access_expiry(NOW)
            .with_refresh_token("r1")
            .with_refresh_expiry(NOW + time::Duration::days(1));
        former.others.insert("note".to_owned(), json!("kept-by-another-program"));
        former
    }

    #[test]
    fn an_answer_without_a_refresh_token_keeps_the_former() {
        let tokens = former().refreshed(&IssuedTokens::new("a2").expires_in(Duration::from_millis(90_900)), NOW);
        assert_eq!(tokens.access_token().expose_secret(), "a2");
        assert_eq!(tokens.access_expires_at(), Some(NOW + time::Duration::seconds(90)));
        assert_eq!(tokens.refresh_token(), former().refresh_token());
        assert_eq!(tokens.refresh_expires_at(), former().refresh_expires_at());
        assert_eq!(tokens.others, former().others);
        let longer = IssuedTokens::new("a2").refresh_expires_in(Duration::from_secs(9));
        assert_eq!(former().refreshed(&longer, NOW).refresh_expires_at(), Some(NOW + time::Duration::seconds(9)));
    }

    #[test]
    fn a_new_refresh_token_does_not_inherit_the_end_of_the_former() {
        let tokens = former().refreshed(&IssuedTokens::new("a2").refresh_token("r2"), NOW);
        assert_eq!(tokens.refresh_token().map(SecretText::expose_secret), Some("r2"));
        assert_eq!(tokens.refresh_expires_at(), None);
        assert_eq!(tokens.access_expires_at(), None);
    }

    #[test]
    fn the_date_of_a_refresh_token_is_stored_as_it_is() {
        let date = NOW + time::Duration::hours(8);
        let tokens = former().refreshed(&IssuedTokens::new("a2").refresh_token("r2").refresh_expires_at(date), NOW);
        assert_eq!(tokens.refresh_expires_at(), Some(date));
    }

    #[test]
    fn a_login_keeps_nothing_of_the_former_tokens_but_what_is_not_ours() {
        let tokens = StoredTokens::of_login(Some(&former()), &IssuedTokens::new("a2"), NOW);
        assert_eq!((tokens.refresh_token(), tokens.refresh_expires_at()), (None, None));
        assert_eq!(tokens.others, former().others);
    }

    #[test]
    fn a_lifetime_without_bounds_ends_with_time() {
        let forever = IssuedTokens::new("a2").expires_in(Duration::MAX);
        let tokens = StoredTokens::of_login(None, &forever, NOW);
        assert_eq!(tokens.access_expires_at(), Some(Timestamp::from_unix_seconds(i64::MAX)));
    }

    #[test]
    fn debug_shows_neither_tokens_nor_unknown_keys() {
        let text = format!("{:?}", former().with_refresh_token("r-secret"));
        for secret in ["a1", "r-secret", "kept-by-another-program"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
