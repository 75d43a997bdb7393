//! A point in time, in whole seconds.

use std::fmt;

use time::{Duration, OffsetDateTime};

/// How far in the future a time may be that must be in the past: a login, a last use. Another node's clock wrote such a
/// time, or this node's clock before it was corrected.
///
/// A rule or an idle limit that is shorter than this tolerates its own length. A time further ahead is not valid: a
/// login by a clock that was a day fast does not count as recent for a day.
///
/// # Source
/// RFC 4120 §8.2: five minutes, the acceptable clock skew of Kerberos.
pub const CLOCK_TOLERANCE: Duration = Duration::minutes(5);

/// A point in time in whole seconds of UTC, which is how stores keep it.
///
/// Holds every second from year −9999 to year 9999, the range of [`OffsetDateTime`]; arithmetic stops at the ends of
/// the range and does not overflow. `Display` and `Serialize` write RFC 3339 in UTC: `2026-11-21T19:01:41Z`; a year
/// before 0, which RFC 3339 does not have, is `-000001-12-31T23:59:59Z`.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::clock::Timestamp;
///
/// let issued = Timestamp::from_unix_seconds(1_795_287_701);
/// assert_eq!(issued.to_string(), "2026-11-21T19:01:41Z");
/// assert_eq!((issued + Duration::minutes(1)).unix_seconds(), 1_795_287_761);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    const MIN: i64 = -377_705_116_800;
    const MAX: i64 = 253_402_300_799;

    /// The second that is `seconds` after 1970-01-01T00:00:00Z, or the nearer end of the range if it is outside.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        if seconds < Self::MIN {
            Self(Self::MIN)
        } else if seconds > Self::MAX {
            Self(Self::MAX)
        } else {
            Self(seconds)
        }
    }

    /// A time whose seconds were those of a timestamp before.
    #[inline(always)]
    pub(super) const fn from_packed(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Whether this time, which should not be after `now`, is further ahead of it than the shorter of
    /// [`CLOCK_TOLERANCE`] and `limit`.
    pub(crate) fn is_ahead_of(self, now: Self, limit: Duration) -> bool {
        self - now > CLOCK_TOLERANCE.min(limit)
    }

    /// Seconds since 1970-01-01T00:00:00Z; negative before.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::from_unix_seconds(self.0.saturating_add(duration.whole_seconds()))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self::from_unix_seconds(self.0.saturating_sub(duration.whole_seconds()))
    }
}

impl std::ops::Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::seconds(self.0.saturating_sub(earlier.0))
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(time: OffsetDateTime) -> Self {
        Self::from_unix_seconds(time.unix_timestamp())
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(timestamp: Timestamp) -> Self {
        Self::from_unix_timestamp(timestamp.0).unwrap_or(Self::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from(*self);
        if let Ok(text) = time.format(&time::format_description::well_known::Rfc3339) {
            return f.write_str(&text);
        }
        // RFC 3339 has no years before 0, but a text in a foreign token may have one: use ISO 8601's expanded form.
        let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
        let (hour, minute, second) = time.to_hms();
        write!(f, "{year:+07}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stops_at_the_ends_of_its_range() {
        let last = Timestamp::from_unix_seconds(i64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(last + Duration::MAX, last);
        let first = Timestamp::from_unix_seconds(i64::MIN);
        assert_eq!(first + Duration::MIN, first);
        assert_eq!((first - Duration::MAX, last - Duration::MIN), (first, last));
        assert_eq!(last - Duration::minutes(1), last + -Duration::minutes(1));
        assert_eq!(OffsetDateTime::from(first).unix_timestamp(), first.unix_seconds());
        assert_eq!(first.to_string(), "-009999-01-01T00:00:00Z");
    }
}
