//! A clock that is never set: how much time has passed, whatever the date is.

/// Milliseconds since some time in the past. On Linux it is the coarse clock, which is up to 10 milliseconds behind and costs a
/// quarter of the precise one; on all systems it stands still while the machine is suspended.
#[inline]
pub(crate) fn monotonic_milliseconds() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        let milliseconds = now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000);
        u64::try_from(milliseconds).unwrap_or(0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        u64::try_from(START.get_or_init(std::time::Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn it_passes_as_fast_as_the_precise_clock() {
        let (start, precise) = (monotonic_milliseconds(), Instant::now());
        std::thread::sleep(Duration::from_millis(50));
        let passed = monotonic_milliseconds() - start;
        let precisely = u64::try_from(precise.elapsed().as_millis()).unwrap();
        assert!(passed.abs_diff(precisely) <= 20, "{passed} and {precisely}");
    }
}
