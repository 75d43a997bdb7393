//! How long a token lives.

use time::Duration;

use crate::clock::Timestamp;

/// When something ends. It has ended if `now >= the end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an end is a time or never")]
pub enum Expiry {
    /// At this second.
    At(Timestamp),
    /// Never. It must be written out: no number stands for it.
    Never,
}

impl Expiry {
    /// Whether the end has passed: `now >= end`.
    #[must_use]
    pub fn has_passed(self, now: Timestamp) -> bool {
        matches!(self, Self::At(end) if now >= end)
    }

    /// The end, or `None` for never.
    #[must_use]
    pub const fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(end) => Some(end),
            Self::Never => None,
        }
    }

    /// The earlier of the two ends.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::Never, end) | (end, Self::Never) => end,
        }
    }
}

impl From<Option<Timestamp>> for Expiry {
    fn from(end: Option<Timestamp>) -> Self {
        end.map_or(Self::Never, Self::At)
    }
}

/// How long a token lives: an absolute limit that activity does not move, and optionally an idle limit that activity
/// moves.
///
/// The default is Trongate's: 86,400 seconds without an idle limit.
///
/// # Source
/// The presets are the reauthentication limits of NIST SP 800-63B-4 §2.1.3, §2.2.3 and §2.3.3.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::token::Lifetime;
///
/// assert_eq!(Lifetime::default(), Lifetime::from(Duration::days(1)));
/// let bank = Lifetime::hours(8).with_idle_limit(Duration::minutes(10));
/// assert_eq!(bank.idle_limit(), Some(Duration::minutes(10)));
/// assert_eq!(Lifetime::AAL2.idle_limit(), Some(Duration::hours(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a lifetime does nothing until a token is generated with it"]
pub struct Lifetime {
    absolute: Option<Duration>,
    idle: Option<Duration>,
}

impl Lifetime {
    /// 30 days (SP 800-63B-4, authentication assurance level 1).
    pub const AAL1: Self = Self::days(30);
    /// 24 hours, and 1 hour without activity (SP 800-63B-4, authentication assurance level 2).
    pub const AAL2: Self = Self::hours(24).with_idle_limit(Duration::hours(1));
    /// 12 hours, and 15 minutes without activity (SP 800-63B-4, authentication assurance level 3).
    pub const AAL3: Self = Self::hours(12).with_idle_limit(Duration::minutes(15));

    /// This many days.
    pub const fn days(days: u32) -> Self {
        Self::absolute(Duration::days(days as i64))
    }

    /// This many hours.
    pub const fn hours(hours: u32) -> Self {
        Self::absolute(Duration::hours(hours as i64))
    }

    /// This many seconds.
    pub const fn seconds(seconds: u32) -> Self {
        Self::absolute(Duration::seconds(seconds as i64))
    }

    /// No absolute limit. Give such a token an idle limit, or list and revoke it regularly.
    pub const fn never_expires() -> Self {
        Self { absolute: None, idle: None }
    }

    const fn absolute(duration: Duration) -> Self {
        Self { absolute: Some(duration), idle: None }
    }

    /// Adds an idle limit, in whole seconds: the token ends if it is not used for so long. A limit of less than a
    /// second ends it at once.
    pub const fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.idle = Some(limit);
        self
    }

    /// The absolute limit, or `None` if there is no limit.
    #[must_use]
    pub const fn absolute_limit(&self) -> Option<Duration> {
        self.absolute
    }

    /// The idle limit, or `None` if there is no limit.
    #[must_use]
    pub const fn idle_limit(&self) -> Option<Duration> {
        self.idle
    }

    /// The absolute end of a token that is created at `now`.
    #[must_use]
    pub fn ends_at(&self, now: Timestamp) -> Expiry {
        self.absolute.map(|duration| now + duration).into()
    }
}

/// How regeneration changes a token's limits. Only the last variant can extend them.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenRecord};
///
/// let (birth, later) = (Timestamp::from_unix_seconds(0), Timestamp::from_unix_seconds(600));
/// let record = TokenRecord::new(TokenId::new(7), birth, Lifetime::seconds(900));
/// let renewed = |limits| record.clone().regenerated(later, limits, None);
/// let end = |limits| renewed(limits).absolute_expiry().at().map(|end| end.unix_seconds());
/// assert_eq!(end(NewLimits::Keep), Some(900));
/// assert_eq!(end(NewLimits::AtMost(Lifetime::seconds(60))), Some(660));
/// assert_eq!(end(NewLimits::AtMost(Lifetime::hours(24))), Some(900));
/// assert_eq!(end(NewLimits::FreshStart(Lifetime::hours(24))), Some(87_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NewLimits {
    /// Keeps the absolute end. The idle limit keeps its length, and counts from now.
    #[default]
    Keep,
    /// As `Keep`, but at most this lifetime from now: the earlier of the two ends, and the shorter of the two idle
    /// limits.
    AtMost(Lifetime),
    /// The limits of a new token with this lifetime, from now, whatever the old limits were.
    FreshStart(Lifetime),
}

impl Default for Lifetime {
    fn default() -> Self {
        Self::seconds(86_400)
    }
}

impl From<Duration> for Lifetime {
    fn from(absolute: Duration) -> Self {
        Self::absolute(absolute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_ended_at_the_second_of_its_end() {
        let end = Expiry::At(Timestamp::from_unix_seconds(100));
        assert!(!end.has_passed(Timestamp::from_unix_seconds(99)));
        assert!(end.has_passed(Timestamp::from_unix_seconds(100)));
        assert!(!Expiry::Never.has_passed(Timestamp::from_unix_seconds(i64::MAX)));
    }

    #[test]
    fn the_presets_are_those_of_nist() {
        let limits = |lifetime: Lifetime| (lifetime.absolute_limit(), lifetime.idle_limit());
        assert_eq!(limits(Lifetime::AAL1), (Some(Duration::days(30)), None));
        assert_eq!(limits(Lifetime::AAL2), (Some(Duration::hours(24)), Some(Duration::hours(1))));
        assert_eq!(limits(Lifetime::AAL3), (Some(Duration::hours(12)), Some(Duration::minutes(15))));
    }
}
