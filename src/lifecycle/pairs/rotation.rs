//! What becomes of a presented refresh token: a pure function of the stored state, the token and the time.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use time::Duration;

use crate::clock::{CLOCK_TOLERANCE, Timestamp};
use crate::token::TokenDigest;

/// The version of the text that stores keep.
const VERSION: &str = "1";

/// What a store keeps beside the refresh token of a family. No secret is in it: digests, and a successor that only its
/// predecessor can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RotationState {
    /// How often the family was refreshed.
    generation: u64,
    /// The digest of the token that is to be presented next.
    current: TokenDigest,
    /// The one before it, if there was one.
    superseded: Option<Superseded>,
}

/// A token that has a successor.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Superseded {
    digest: TokenDigest,
    at: Timestamp,
    /// The pair that followed, encrypted under a key that is derived from the superseded token.
    successor: Vec<u8>,
}

/// What to do with a presented token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision<'a> {
    /// It is the current one: give a new pair.
    Rotate,
    /// It was superseded a moment ago: give the same successor, which only the presented token opens.
    GiveSuccessor(&'a [u8]),
    /// It was superseded longer ago, or by a clock that cannot be compared with this one: a thief or the owner has an old
    /// token, and which of them is which cannot be known.
    Reuse,
}

impl RotationState {
    /// The state of a new family.
    pub(super) const fn new(first: TokenDigest) -> Self {
        Self { generation: 0, current: first, superseded: None }
    }

    /// The state after the current token was exchanged for `next` at `now`.
    pub(super) fn rotated(&self, next: TokenDigest, successor: Vec<u8>, now: Timestamp) -> Self {
        let superseded = Superseded { digest: self.current, at: now, successor };
        Self { generation: self.generation.saturating_add(1), current: next, superseded: Some(superseded) }
    }

    /// What to do with the token of this digest, which names this family, at `now`. The superseded token is good for its
    /// successor for `grace` after the exchange. Another node's clock may have stamped it: a time of the exchange that lies
    /// ahead by no more than [`CLOCK_TOLERANCE`] counts as now.
    pub(super) fn decide(&self, presented: &TokenDigest, now: Timestamp, grace: Duration) -> Decision<'_> {
        let is = |digest: &TokenDigest| bool::from(digest.as_bytes().ct_eq(presented.as_bytes()));
        if is(&self.current) {
            return Decision::Rotate;
        }
        match &self.superseded {
            Some(old) if is(&old.digest) && now < old.at + grace && now >= old.at - CLOCK_TOLERANCE => {
                Decision::GiveSuccessor(&old.successor)
            }
            _ => Decision::Reuse,
        }
    }

    /// The text that a store keeps.
    pub(super) fn to_text(&self) -> String {
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut text = format!("{VERSION}.{}.{}", self.generation, encoded(self.current.as_bytes()));
        if let Some(old) = &self.superseded {
            let (digest, successor) = (encoded(old.digest.as_bytes()), encoded(&old.successor));
            // Writing to a String cannot fail.
            _ = write!(text, ".{digest}.{}.{successor}", old.at.unix_seconds());
        }
        text
    }

    /// The state that a store keeps as this text, or `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digest = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
            Some(TokenDigest::from_bytes(bytes))
        };
        let parts: Vec<_> = text.split('.').collect();
        let (first, superseded) = match parts[..] {
            [VERSION, generation, current] => ((generation, current), None),
            [VERSION, generation, current, old, at, successor] => {
                let at = Timestamp::from_unix_seconds(at.parse().ok()?);
                let successor = URL_SAFE_NO_PAD.decode(successor).ok()?;
                ((generation, current), Some(Superseded { digest: digest(old)?, at, successor }))
            }
            _ => return None,
        };
        Some(Self { generation: first.0.parse().ok()?, current: digest(first.1)?, superseded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::seconds(10);

    fn digest(text: &str) -> TokenDigest {
        TokenDigest::of(text)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_000_000 + second)
    }

    #[test]
    fn the_current_token_is_exchanged_and_its_predecessor_gives_the_same_successor_within_the_grace() {
        let state = RotationState::new(digest("1"));
        assert_eq!(state.decide(&digest("1"), at(0), GRACE), Decision::Rotate);
        let state = state.rotated(digest("2"), vec![2], at(0));
        assert_eq!(state.decide(&digest("2"), at(5), GRACE), Decision::Rotate);
        for second in [0, 5, 9] {
            assert_eq!(state.decide(&digest("1"), at(second), GRACE), Decision::GiveSuccessor(&[2]), "{second}");
        }
        assert_eq!(state.decide(&digest("1"), at(10), GRACE), Decision::Reuse);
        let state = state.rotated(digest("3"), vec![3], at(6));
        assert_eq!(state.decide(&digest("1"), at(6), GRACE), Decision::Reuse, "its successor was used");
        assert_eq!(state.decide(&digest("2"), at(6), GRACE), Decision::GiveSuccessor(&[3]));
        assert_eq!(state.generation, 2);
    }

    #[test]
    fn a_time_that_lies_ahead_does_not_keep_the_grace_open() {
        let state = RotationState::new(digest("1")).rotated(digest("2"), vec![2], at(0));
        let decide = |now| state.decide(&digest("1"), now, GRACE);
        assert_eq!(decide(at(0) - CLOCK_TOLERANCE), Decision::GiveSuccessor(&[2]));
        assert_eq!(decide(at(0) - CLOCK_TOLERANCE - Duration::seconds(1)), Decision::Reuse);
        assert_eq!(state.decide(&digest("1"), at(0), Duration::ZERO), Decision::Reuse, "no grace");
    }

    #[test]
    fn what_never_was_a_token_of_the_family_is_reuse() {
        let state = RotationState::new(digest("1"));
        assert_eq!(state.decide(&digest("x"), at(0), GRACE), Decision::Reuse);
    }

    #[test]
    fn the_text_is_read_back_and_other_text_is_not() {
        let first = RotationState::new(digest("1"));
        let second = first.rotated(digest("2"), vec![0, 255, 7], at(-5));
        for state in [&first, &second] {
            assert_eq!(RotationState::parse(&state.to_text()).as_ref(), Some(state));
        }
        let text = second.to_text();
        for end in 0..text.len() {
            assert_ne!(RotationState::parse(&text[..end]).as_ref(), Some(&second), "{end}");
        }
        for bad in ["", ".", "2.0.x", "1.-1.x", "1.0.AA", "1.0.x.y", "1.0.x.y.z.w.v"] {
            assert_eq!(RotationState::parse(bad), None, "{bad}");
        }
    }
}
