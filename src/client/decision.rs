//! What to do for an access token. Pure: no clock, no store and no endpoint.

use tokio::time::Instant;

use crate::client::held::Held;
use crate::client::{AccessToken, SecretText};

/// The way to an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Take what another process, or an earlier run, has left in the store.
    Adopt,
    /// Exchange the refresh token for one.
    Refresh,
    /// Log in with the credentials.
    LogIn,
}

/// Tokens that are of no use any more, though they look as if they were.
#[derive(Debug, Clone, Default)]
pub(super) struct Unusable {
    /// The one that is being renewed, and one that the API refused.
    pub(super) access: [Option<AccessToken>; 2],
    /// A refresh token that the endpoint refused.
    pub(super) refresh: Option<SecretText>,
}

/// The cheapest step that can lead to another access token than those that are unusable.
pub(super) fn next_step(held: Option<&Held>, unusable: &Unusable, now: Instant) -> Step {
    let Some(held) = held else { return Step::LogIn };
    let is_alive = |ends: Option<Instant>| ends.is_none_or(|ends| now < ends);
    if held.access.is_some() && is_alive(held.access_ends) && !unusable.access.contains(&held.access) {
        return Step::Adopt;
    }
    match held.stored.refresh_token() {
        Some(refresh) if is_alive(held.refresh_ends) && unusable.refresh.as_ref() != Some(refresh) => Step::Refresh,
        _ => Step::LogIn,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::client::StoredTokens;
    use crate::clock::Timestamp;

    const WALL: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    /// Tokens whose ends are so many seconds ahead of now.
    fn held(access_left: Option<i64>, refresh_left: Option<Option<i64>>, now: Instant) -> Held {
        let at = |left: i64| WALL + time::Duration::seconds(left);
        let mut stored = StoredTokens::new("a").with_access_expiry(access_left.map(at));
        if let Some(left) = refresh_left {
            stored = stored.with_refresh_token("r").with_refresh_expiry(left.map(at));
        }
        Held::loaded(stored, WALL, now)
    }

    fn unusable(access: Option<&str>, refresh: Option<&str>) -> Unusable {
        let access = access.map(|text| AccessToken::new(text).unwrap());
        Unusable { access: [None, access], refresh: refresh.map(SecretText::new) }
    }

    #[test]
    fn the_order_is_adopt_then_refresh_then_log_in() {
        let now = Instant::now();
        let good = unusable(None, None);
        assert_eq!(next_step(None, &good, now), Step::LogIn);
        for (access, refresh, step) in [
            (Some(60), Some(Some(60)), Step::Adopt),
            (Some(60), None, Step::Adopt),
            (Some(1), Some(Some(-1)), Step::Adopt),
            (None, None, Step::Adopt),
            (Some(0), Some(Some(60)), Step::Refresh),
            (Some(-9), Some(None), Step::Refresh),
            (Some(0), Some(Some(0)), Step::LogIn),
            (Some(0), None, Step::LogIn),
        ] {
            assert_eq!(next_step(Some(&held(access, refresh, now)), &good, now), step, "{access:?} {refresh:?}");
        }
    }

    #[test]
    fn what_was_refused_is_not_taken_again() {
        let now = Instant::now();
        let both = held(Some(60), Some(Some(60)), now);
        for (access, refresh, step) in [
            (Some("a"), None, Step::Refresh),
            (Some("a"), Some("r"), Step::LogIn),
            (Some("other"), Some("r"), Step::Adopt),
            (Some("a"), Some("other"), Step::Refresh),
        ] {
            assert_eq!(next_step(Some(&both), &unusable(access, refresh), now), step, "{access:?} {refresh:?}");
        }
    }

    #[test]
    fn a_stored_text_that_no_header_can_carry_is_not_adopted() {
        let now = Instant::now();
        let torn = Held::loaded(StoredTokens::new("a\r\nb").with_refresh_token("r"), WALL, now);
        assert_eq!(next_step(Some(&torn), &Unusable::default(), now), Step::Refresh);
    }

    proptest! {
        #[test]
        fn each_step_has_what_it_needs(
            access in proptest::option::of(-100_i64..100),
            refresh in proptest::option::of(proptest::option::of(-100_i64..100)),
            access_is_refused: bool,
            refresh_is_refused: bool,
            later in 0_u64..150,
        ) {
            let now = Instant::now();
            let held = held(access, refresh, now);
            let unusable = unusable(access_is_refused.then_some("a"), refresh_is_refused.then_some("r"));
            let later_now = now + Duration::from_secs(later);
            let lives = |left: Option<i64>| left.is_none_or(|left| left > i64::try_from(later).unwrap());
            let can_adopt = lives(access) && !access_is_refused;
            let can_refresh = refresh.is_some_and(lives) && !refresh_is_refused;
            let step = next_step(Some(&held), &unusable, later_now);
            prop_assert_eq!(step == Step::Adopt, can_adopt);
            prop_assert_eq!(step == Step::Refresh, !can_adopt && can_refresh);
        }
    }
}
