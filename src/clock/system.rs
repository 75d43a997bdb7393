//! The source of "now", and the operating system's.

use std::fmt;

use crate::clock::Timestamp;

/// A source of the present time.
///
/// All code in this crate that depends on time uses one injected clock, so that a test can move it and does not have to
/// sleep.
///
/// # Example
/// ```
/// use tower_tokens::clock::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now() > Timestamp::from_unix_seconds(1_700_000_000));
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present time, to the second.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
///
/// On Linux this is the coarse real-time clock: at most a few milliseconds behind, and an order of magnitude cheaper to
/// read than the precise one. Tokens live in whole seconds.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings, and is used as a value")]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse).tv_sec)
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> Timestamp {
        precise_now()
    }
}

/// The precise system time, truncated to the second. A clock before 1970 reads as 1970.
#[cfg(any(test, not(target_os = "linux")))]
fn precise_now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_seconds(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn the_coarse_clock_agrees_with_the_precise_one() {
        let difference = (SystemClock.now() - precise_now()).abs();
        assert!(difference <= Duration::seconds(1), "{difference}");
    }
}
