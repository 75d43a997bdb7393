//! Until when the cache may be used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::monotonic_milliseconds;

/// Never ends.
const FOR_EVER: u64 = u64::MAX;

/// By how much the clock may be behind.
const COARSENESS: u64 = 10;

/// Until when the cache may be used without another sign of life of the bus. Times are milliseconds of the monotonic clock.
///
/// A heartbeat that was sent at a time and has come back shows that every change which was made before that time has been
/// recorded. So an answer that is used before `sent + length` is at most `length` old, whatever happens to the bus.
#[derive(Debug)]
pub(super) struct Lease {
    until: AtomicU64,
    length: u64,
    /// How long it has not been held until it was last extended.
    without: AtomicU64,
}

impl Lease {
    /// For a cache that sees every change itself.
    pub(super) const fn for_ever() -> Self {
        Self { until: AtomicU64::new(FOR_EVER), length: 0, without: AtomicU64::new(0) }
    }

    /// One that is not held before the bus gives a first sign of life. It is made at `now`.
    pub(super) fn of(length: Duration, now: u64) -> Self {
        let length = u64::try_from(length.as_millis()).unwrap_or(FOR_EVER).saturating_sub(COARSENESS);
        Self { until: AtomicU64::new(now), length, without: AtomicU64::new(0) }
    }

    #[inline]
    pub(super) fn is_held(&self) -> bool {
        let until = self.until.load(Ordering::SeqCst);
        until == FOR_EVER || monotonic_milliseconds() < until
    }

    #[cfg(test)]
    pub(super) fn is_held_at(&self, now: u64) -> bool {
        now < self.until.load(Ordering::SeqCst)
    }

    /// Every change that was made before `sent` has been recorded by `now`.
    pub(super) fn extend(&self, sent: u64, now: u64) {
        let until = self.until.fetch_max(sent.saturating_add(self.length), Ordering::SeqCst);
        self.without.fetch_add(now.saturating_sub(until), Ordering::Relaxed);
    }

    /// Changes may have been lost.
    pub(super) fn end(&self, now: u64) {
        self.until.fetch_min(now, Ordering::SeqCst);
    }

    /// How long the cache could not be used, until now.
    pub(super) fn time_without(&self, now: u64) -> Duration {
        let present = now.saturating_sub(self.until.load(Ordering::SeqCst));
        Duration::from_millis(present + self.without.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_held_from_the_first_sign_of_life_until_its_length_after_the_last_was_sent() {
        let lease = Lease::of(Duration::from_secs(1), 5_000);
        assert!(!lease.is_held_at(5_000));
        lease.extend(5_100, 5_110);
        assert!(lease.is_held_at(6_089));
        assert!(!lease.is_held_at(6_090), "the clock may be 10 ms behind");
        lease.extend(5_050, 5_120);
        assert!(lease.is_held_at(6_089), "an older sign of life takes nothing away");
        lease.end(5_500);
        assert!(!lease.is_held_at(5_500));
    }

    #[test]
    fn the_time_without_it_adds_up() {
        let lease = Lease::of(Duration::from_millis(1_010), 5_000);
        assert_eq!(lease.time_without(5_030), Duration::from_millis(30));
        lease.extend(5_040, 5_050);
        assert_eq!(lease.time_without(6_000), Duration::from_millis(50));
        assert_eq!(lease.time_without(6_100), Duration::from_millis(110));
        lease.extend(6_100, 6_140);
        lease.end(6_200);
        assert_eq!(lease.time_without(6_300), Duration::from_millis(250));
    }

    #[test]
    fn it_is_counted_by_the_monotonic_clock() {
        let lease = Lease::of(Duration::from_secs(60), monotonic_milliseconds());
        assert!(!lease.is_held());
        lease.extend(monotonic_milliseconds(), monotonic_milliseconds());
        assert!(lease.is_held());
    }

    #[test]
    fn a_cache_that_sees_every_change_itself_may_always_be_used() {
        let lease = Lease::for_ever();
        assert!(lease.is_held());
        assert_eq!(lease.time_without(monotonic_milliseconds()), Duration::ZERO);
    }
}
