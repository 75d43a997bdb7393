//! Reports the numbers of a cache through the crate [`metrics`](https://docs.rs/metrics).

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use tokio::time::Instant;

use crate::repository::cache::statistics::CacheStatistics;

/// Scrapes are seconds apart, and a bus that is polled has 40 heartbeats a second.
const PAUSE: Duration = Duration::from_secs(1);

/// When the numbers are to be reported again.
#[derive(Debug, Default)]
pub(super) struct Reports {
    next: Option<Instant>,
}

impl Reports {
    /// Reports these numbers if the last report was long enough ago.
    pub(super) fn report(&mut self, statistics: impl FnOnce() -> CacheStatistics) {
        let now = Instant::now();
        if self.next.is_none_or(|next| next <= now) {
            self.next = Some(now + PAUSE);
            report(&statistics());
        }
    }
}

/// Reports these numbers. They are described each time, because a recorder may be installed at any time.
pub(super) fn report(statistics: &CacheStatistics) {
    // Every field is named, so that none is forgotten.
    let CacheStatistics {
        hits,
        look_ups,
        joined,
        evictions,
        changes,
        announced,
        interruptions,
        bus_lag,
        is_used,
        time_without,
        tokens,
    } = *statistics;
    for (name, value, description) in [
        ("tower_tokens_cache_hits", hits, "Requests that were answered from memory."),
        ("tower_tokens_cache_look_ups", look_ups, "Look-ups in the store."),
        ("tower_tokens_cache_joined", joined, "Requests that waited for the look-up of another request."),
        ("tower_tokens_cache_evictions", evictions, "Answers that gave way because the cache was full."),
        ("tower_tokens_cache_changes", changes, "Changes of tokens and users through this cache."),
        ("tower_tokens_cache_announced", announced, "Changes that the bus brought."),
        ("tower_tokens_cache_interruptions", interruptions, "Interruptions of the bus."),
    ] {
        describe_counter!(name, Unit::Count, description);
        counter!(name).absolute(value);
    }
    let is_used = if is_used { 1.0 } else { 0.0 };
    let lag = "How long the last heartbeat took through the bus and back.";
    let without = "How long the cache was not used because the bus was not proven alive.";
    for (name, value, unit, description) in [
        ("tower_tokens_cache_bus_lag_seconds", bus_lag.as_secs_f64(), Unit::Seconds, lag),
        ("tower_tokens_cache_time_without_seconds", time_without.as_secs_f64(), Unit::Seconds, without),
        ("tower_tokens_cache_is_used", is_used, Unit::Count, "1 while kept answers are used, otherwise 0."),
        ("tower_tokens_cache_tokens", tokens as f64, Unit::Count, "Answers that are kept."),
    ] {
        describe_gauge!(name, unit, description);
        gauge!(name).set(value);
    }
}
