//! How long to wait after a failure, and how much chance is in a wait.

use std::time::Duration;

use crate::client::{ClientError, ClientErrorKind};
use crate::random;

/// The longest `Retry-After` that is honoured. Our choice: an answer with a wait of years would stop the client for good.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// First and longest wait after a failure that may pass by itself: a server that restarts is found again within a minute.
const PASSING: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// First and longest wait after refused credentials. Our choice: about eight logins in ten minutes, because a server may
/// lock an account that fails too often.
const REFUSED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// The wait after the `count`th failure in a row, 1 being the first: it doubles, up to a fifth is taken off by chance, and it is
/// at least what the endpoint asks for.
pub(super) fn after_failure(error: &ClientError, count: u32, chance: f64) -> Duration {
    let (first, longest) = match error.kind() {
        ClientErrorKind::Refused => REFUSED,
        _ => PASSING,
    };
    let asked = error.wait().unwrap_or_default().min(LONGEST_RETRY_AFTER);
    doubled(first, longest, count).mul_f64(1.0 - 0.2 * chance).max(asked)
}

/// The wait before the API's next refusal of a new token leads to a renewal, after `count` renewals in a row whose token was
/// not accepted. Two are free, so that tokens that somebody revoked twice are replaced at once.
pub(super) fn after_rejections(count: u32, chance: f64) -> Duration {
    match count.checked_sub(1) {
        None | Some(0) => Duration::ZERO,
        Some(count) => doubled(PASSING.0, PASSING.1, count).mul_f64(1.0 - 0.2 * chance),
    }
}

/// The wait before the next attempt inside of one renewal, after `attempts` failed.
pub(super) fn between_attempts(attempts: u32, chance: f64) -> Duration {
    doubled(Duration::from_millis(100), Duration::from_secs(1), attempts).mul_f64(1.0 - 0.5 * chance)
}

fn doubled(first: Duration, longest: Duration, count: u32) -> Duration {
    let factor = 1_u32.checked_shl(count.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

/// A number from 0 to 1, by chance.
pub(super) fn chance() -> f64 {
    let mut bytes = [0_u8; 4];
    match random::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_no_random_bytes) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ClientErrorKind) -> ClientError {
        ClientError::new(kind, "test")
    }

    #[test]
    fn waits_double_up_to_a_limit_and_never_overflow() {
        let waits = |kind| [1, 2, 3, 7, 33, u32::MAX].map(|count| after_failure(&error(kind), count, 0.0).as_secs());
        assert_eq!(waits(ClientErrorKind::Unavailable), [1, 2, 4, 60, 60, 60]);
        assert_eq!(waits(ClientErrorKind::Refused), [5, 10, 20, 300, 300, 300]);
    }

    #[test]
    fn retry_after_is_the_least_wait_up_to_an_hour() {
        let wait = |asked| {
            after_failure(&error(ClientErrorKind::Unavailable).retry_after(Duration::from_secs(asked)), 2, 1.0)
                .as_secs_f64()
        };
        assert!((wait(0) - 1.6).abs() < 1e-6);
        assert_eq!([wait(20), wait(u64::MAX)], [20.0, 3_600.0]);
    }

    #[test]
    fn two_rejections_are_free() {
        assert_eq!([0, 1, 2, 3, 99].map(|count| after_rejections(count, 0.0).as_secs()), [0, 0, 1, 2, 60]);
    }

    #[test]
    fn chance_is_between_0_and_1() {
        let drawn: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(drawn.iter().all(|share| (0.0..=1.0).contains(share)));
        assert!(drawn.iter().any(|share| (share - drawn[0]).abs() > 1e-9), "{drawn:?}");
    }
}
