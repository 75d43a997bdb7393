//! How long the tokens of a pair live.

use time::Duration;

use crate::token::Lifetime;

/// How long the tokens of a pair live, and for how long a superseded refresh token still gives its successor. In whole
/// seconds. For [`Tokens::with_pairs`](crate::lifecycle::Tokens::with_pairs).
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::lifecycle::PairSettings;
///
/// let settings = PairSettings::new().access(Duration::minutes(5)).refresh(Duration::days(14));
/// assert_ne!(settings, PairSettings::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairSettings {
    access: Duration,
    refresh: Duration,
    family: Duration,
    grace: Duration,
}

impl PairSettings {
    /// The longest grace. A thief who has just copied a refresh token has as long to use it unnoticed.
    pub const MAX_GRACE: Duration = Duration::seconds(60);

    /// The defaults that the setters name.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            access: Duration::minutes(15),
            refresh: Duration::days(30),
            family: Duration::days(90),
            grace: Duration::seconds(10),
        }
    }

    /// How long an access token lives. Default: 15 minutes; our choice, the upper end of what is usual.
    ///
    /// An access token is in the store as well: an end holds at the next request, not only when this time is over.
    #[must_use]
    pub const fn access(mut self, lifetime: Duration) -> Self {
        self.access = lifetime;
        self
    }

    /// How long a refresh token can stay unused. Default: 30 days; our choice.
    #[must_use]
    pub const fn refresh(mut self, lifetime: Duration) -> Self {
        self.refresh = lifetime;
        self
    }

    /// When a family ends, however often it is refreshed: the user logs in again. Default: 90 days; our choice.
    ///
    /// # Source
    /// RFC 9700 §4.14.2: a refresh token expires in some way.
    #[must_use]
    pub const fn family(mut self, lifetime: Duration) -> Self {
        self.family = lifetime;
        self
    }

    /// For how long after a refresh the same refresh token gives the same pair again: for two tabs that refresh at once, and
    /// for a client that did not get the answer. It ends as soon as the successor is used. Default: 10 seconds; at most
    /// [`MAX_GRACE`](Self::MAX_GRACE).
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The limits of a family.
    pub(in crate::lifecycle) fn family_lifetime(self) -> Lifetime {
        Lifetime::from(self.family).with_idle_limit(self.refresh)
    }

    pub(in crate::lifecycle) fn access_lifetime(self) -> Lifetime {
        Lifetime::from(self.access)
    }

    pub(in crate::lifecycle) fn grace_in_force(self) -> Duration {
        self.grace.min(Self::MAX_GRACE)
    }
}

impl Default for PairSettings {
    fn default() -> Self {
        Self::new()
    }
}
