//! Numbers for operators.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What a cache has done since it was made. All but `tokens`, `is_used` and `bus_lag` only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStatistics {
    /// Requests that were answered from memory, at least: with more than 64 threads a few may be missing.
    pub hits: u64,
    /// Look-ups in the store.
    pub look_ups: u64,
    /// Requests that waited for the look-up of another request.
    pub joined: u64,
    /// Answers that gave way because the cache was full.
    pub evictions: u64,
    /// Changes of tokens and users through this cache.
    pub changes: u64,
    /// Changes that the bus brought, those of this node among them where it gives them back.
    pub announced: u64,
    /// How often the bus was interrupted: a connection broke, or heartbeats did not come back.
    pub interruptions: u64,
    /// How long the last heartbeat took through the bus and back. A bus that is polled: how long the poll took.
    pub bus_lag: Duration,
    /// Whether answers that are kept are used at present.
    pub is_used: bool,
    /// How long they were not used because the bus was not proven alive.
    pub time_without: Duration,
    /// Answers that are kept at present.
    pub tokens: u64,
}

/// Threads count hits in different cache lines. If more threads than these run at a time, two of them may now and then count
/// one hit for two.
const SHARDS: usize = 64;

#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(AtomicU64);

#[derive(Debug)]
pub(super) struct Counters {
    hits: Box<[Shard; SHARDS]>,
    pub(super) look_ups: AtomicU64,
    pub(super) joined: AtomicU64,
    pub(super) evictions: AtomicU64,
    pub(super) changes: AtomicU64,
    pub(super) announced: AtomicU64,
    pub(super) interruptions: AtomicU64,
    /// In milliseconds.
    pub(super) bus_lag: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            hits: Box::new([const { Shard(AtomicU64::new(0)) }; SHARDS]),
            look_ups: AtomicU64::default(),
            joined: AtomicU64::default(),
            evictions: AtomicU64::default(),
            changes: AtomicU64::default(),
            announced: AtomicU64::default(),
            interruptions: AtomicU64::default(),
            bus_lag: AtomicU64::default(),
        }
    }
}

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: Cell<usize> = Cell::new(NEXT_SHARD.fetch_add(1, Ordering::Relaxed) % SHARDS);
}

impl Counters {
    #[inline]
    pub(super) fn hit(&self) {
        let shard = SHARD.try_with(Cell::get).unwrap_or_default();
        let Shard(count) = &self.hits[shard % SHARDS];
        // In place of an addition that is atomic, which takes ten times as long.
        count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self, tokens: usize, is_used: bool, time_without: Duration) -> CacheStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStatistics {
            hits: self.hits.iter().map(|Shard(count)| read(count)).sum(),
            look_ups: read(&self.look_ups),
            joined: read(&self.joined),
            evictions: read(&self.evictions),
            changes: read(&self.changes),
            announced: read(&self.announced),
            interruptions: read(&self.interruptions),
            bus_lag: Duration::from_millis(read(&self.bus_lag)),
            is_used,
            time_without,
            tokens: tokens as u64,
        }
    }
}
