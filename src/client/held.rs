//! Tokens in memory: with their ends on the monotonic clock, which no correction of the wall clock moves.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::{AccessToken, ClientError, IssuedTokens, StoredTokens};
use crate::clock::Timestamp;

/// How long before its end an access token is renewed, at most.
///
/// # Source
/// The Ergani SDK's token managers.
const LONGEST_LEAD: Duration = Duration::from_secs(225);

/// A token that lives shorter is renewed when it has ended. Our choice: a fifth of it would hardly be longer than a request,
/// and would only raise the number of renewals.
const SHORTEST_LIFETIME_WITH_LEAD: Duration = Duration::from_secs(5);

/// Tokens, and when they end. `None` as an end: unknown, or never.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) stored: StoredTokens,
    /// `None` if no header could carry the stored text.
    pub(super) access: Option<AccessToken>,
    pub(super) access_ends: Option<Instant>,
    pub(super) refresh_ends: Option<Instant>,
}

impl Held {
    /// What came out of a store, and is therefore judged by the wall clock.
    pub(super) fn loaded(stored: StoredTokens, wall: Timestamp, now: Instant) -> Self {
        let end = |at: Option<Timestamp>| {
            let left = at?.unix_seconds().saturating_sub(wall.unix_seconds());
            now.checked_add(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
        };
        let (access_ends, refresh_ends) = (end(stored.access_expires_at()), end(stored.refresh_expires_at()));
        Self { access: AccessToken::of(stored.access_token()).ok(), stored, access_ends, refresh_ends }
    }

    /// What a login issued just now. `former` is what the store had.
    pub(super) fn of_login(
        former: Option<&StoredTokens>,
        issued: &IssuedTokens,
        wall: Timestamp,
        now: Instant,
    ) -> Result<Self, ClientError> {
        let stored = StoredTokens::of_login(former, issued, wall);
        let access = Some(AccessToken::of(stored.access_token())?);
        let ends = |lifetime: Option<Duration>| now.checked_add(lifetime?);
        // A lifetime of 0 is an endpoint's way to say that it knows no end: a token that is dead at birth is of no use.
        let access_ends = ends(issued.access_lifetime().filter(|lifetime| !lifetime.is_zero()));
        Ok(Self { stored, access, access_ends, refresh_ends: ends(issued.refresh_lifetime()) })
    }

    /// What these become with the answer to a refresh that came just now.
    pub(super) fn refreshed(&self, issued: &IssuedTokens, wall: Timestamp, now: Instant) -> Result<Self, ClientError> {
        let mut held = Self::of_login(None, issued, wall, now)?;
        held.stored = self.stored.refreshed(issued, wall);
        if !issued.has_refresh_token() {
            held.refresh_ends = held.refresh_ends.or(self.refresh_ends);
        }
        Ok(held)
    }

    pub(super) fn has_same_tokens(&self, stored: &StoredTokens) -> bool {
        self.stored.access_token() == stored.access_token() && self.stored.refresh_token() == stored.refresh_token()
    }
}

/// The access token that callers get.
#[derive(Debug, Clone)]
pub(super) struct Current {
    pub(super) token: AccessToken,
    ends: Option<Instant>,
    /// From here on the slow path decides.
    fresh_until: Option<Instant>,
    is_rejected: bool,
}

impl Current {
    /// From `now` on. `chance` shortens the lead by up to a half, so that many clients do not renew at one moment.
    pub(super) fn new(token: AccessToken, ends: Option<Instant>, now: Instant, chance: f64) -> Self {
        let fresh_until = ends.map(|ends| {
            let lead = lead(ends.saturating_duration_since(now)).mul_f64(1.0 - 0.5 * chance);
            ends.checked_sub(lead).unwrap_or(ends)
        });
        Self { token, ends, fresh_until, is_rejected: false }
    }

    /// The same after the API refused it: callers get it only when there is no way to another one.
    pub(super) fn rejected(&self, now: Instant) -> Self {
        Self { fresh_until: Some(now), is_rejected: true, ..self.clone() }
    }

    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.fresh_until.is_none_or(|until| now < until)
    }

    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }

    pub(super) fn ends(&self) -> Option<Instant> {
        self.ends
    }

    pub(super) fn is_rejected(&self) -> bool {
        self.is_rejected
    }
}

/// How long before its end a token with this lifetime is renewed.
fn lead(lifetime: Duration) -> Duration {
    if lifetime < SHORTEST_LIFETIME_WITH_LEAD { Duration::ZERO } else { (lifetime / 5).min(LONGEST_LEAD) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    #[test]
    fn the_lead_is_a_fifth_of_the_lifetime_and_at_most_225_seconds() {
        let leads = [0, 4_999, 5_000, 600_000, 1_125_000, 1_200_000, 86_400_000];
        let leads = leads.map(|milliseconds| lead(Duration::from_millis(milliseconds)).as_secs());
        assert_eq!(leads, [0, 0, 1, 120, 225, 225, 225]);
    }

    #[test]
    fn chance_halves_the_lead_at_most() {
        let now = Instant::now();
        let token = AccessToken::new("a").unwrap();
        for (chance, fresh) in [(0.0, 80), (0.5, 85), (1.0, 90)] {
            let current = Current::new(token.clone(), Some(now + Duration::from_secs(100)), now, chance);
            assert!(current.is_fresh(now + Duration::from_secs(fresh - 1)));
            assert!(!current.is_fresh(now + Duration::from_secs(fresh + 1)));
            assert!(
                current.is_alive(now + Duration::from_secs(99)) && !current.is_alive(now + Duration::from_secs(100))
            );
        }
    }

    #[test]
    fn an_end_beyond_all_time_is_none() {
        let now = Instant::now();
        let issued =
            IssuedTokens::new("a").expires_in(Duration::MAX).refresh_token("r").refresh_expires_in(Duration::MAX);
        let held = Held::of_login(None, &issued, WALL, now).unwrap();
        assert_eq!((held.access_ends, held.refresh_ends), (None, None));
        // A second that is long past, and one that is far ahead.
        let stored = |seconds| StoredTokens::new("a").with_access_expiry(Timestamp::from_unix_seconds(seconds));
        assert_eq!(Held::loaded(stored(i64::MIN), WALL, now).access_ends, Some(now));
        assert!(Held::loaded(stored(i64::MAX), WALL, now).access_ends.is_none_or(|end| end > now));
    }

    #[test]
    fn a_lifetime_of_zero_says_nothing() {
        let issued = IssuedTokens::new("a").expires_in(Duration::ZERO);
        assert_eq!(Held::of_login(None, &issued, WALL, Instant::now()).unwrap().access_ends, None);
    }

    #[test]
    fn a_refresh_without_a_refresh_token_keeps_the_end_of_the_former() {
        let now = Instant::now();
        let first = IssuedTokens::new("a").refresh_token("r").refresh_expires_in(Duration::from_secs(60));
        let held = Held::of_login(None, &first, WALL, now).unwrap();
        let later = now + Duration::from_secs(10);
        let kept = held.refreshed(&IssuedTokens::new("b"), WALL, later).unwrap();
        assert_eq!(kept.refresh_ends, held.refresh_ends);
        let rotated = held.refreshed(&IssuedTokens::new("b").refresh_token("s"), WALL, later).unwrap();
        assert_eq!(rotated.refresh_ends, None);
    }
}
