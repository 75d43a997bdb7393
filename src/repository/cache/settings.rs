//! How much a cache keeps, for how long, and what tells it of changes.

use std::sync::Arc;
use std::time::Duration;

use crate::repository::ChangeBus;

/// The shortest time for which a heartbeat proves anything. Our choice: a busy machine keeps a task waiting for a tenth of it.
const SHORTEST_LEASE: Duration = Duration::from_millis(500);

/// The settings of a cache in front of a store.
///
/// | made with | which changes hold | [`max_staleness`](super::CachedRepository::max_staleness) |
/// |---|---|---|
/// | [`new`](Self::new) | every change of the store, by any program | three heartbeats: 0.5 to 1.5 seconds |
/// | [`with_bus`](Self::with_bus) | changes through a [`CachedRepository`](super::CachedRepository) with the same bus | three heartbeats |
/// | [`for_one_process`](Self::for_one_process) | changes through this [`CachedRepository`](super::CachedRepository) | 0 |
///
/// # Example
/// ```
/// use std::time::Duration;
/// use tower_tokens::repository::Cache;
///
/// let cache = Cache::new().with_capacity(1_000_000).with_max_age(Duration::from_secs(20));
/// # let _ = cache;
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    pub(super) capacity: usize,
    pub(super) max_age: Duration,
    source: Source,
    heartbeat: Option<Duration>,
}

/// Where changes come from.
#[derive(Debug, Clone)]
enum Source {
    Store,
    Beside(Arc<dyn ChangeBus>),
    OneProcess,
}

/// How changes come to a cache.
#[derive(Debug)]
pub(super) enum Changing {
    /// All through it.
    Here,
    /// From this bus, which gets them from the store.
    OfStore(Arc<dyn ChangeBus>),
    /// From this bus, which gets them from every cache.
    Beside(Arc<dyn ChangeBus>),
    /// In no way: nothing may be kept.
    Unseen,
}

impl Cache {
    /// For any number of nodes and programs that change the same store. The store announces the changes itself
    /// ([`change_bus`](crate::repository::TokenRepository::change_bus)); with one that does not, nothing is kept, and the log says so.
    ///
    /// At most 100,000 tokens, each for at most 60 seconds.
    #[must_use]
    pub const fn new() -> Self {
        Self::from(Source::Store)
    }

    /// As [`new`](Self::new), with a bus beside a store: each change is announced on the bus before it is made, and not made if it
    /// cannot be announced. What is changed past a cache with this bus holds after the maximal age.
    #[must_use]
    pub fn with_bus(bus: impl ChangeBus) -> Self {
        Self::from(Source::Beside(Arc::new(bus)))
    }

    /// For an application that is one process: no other process, and no other handle of the store, changes its tokens and
    /// users.
    ///
    /// What is changed through the [`CachedRepository`](super::CachedRepository) holds at once. What is changed past it holds
    /// after [`user_changed`](super::CachedRepository::user_changed), or else after the maximal age.
    #[must_use]
    pub const fn for_one_process() -> Self {
        Self::from(Source::OneProcess)
    }

    const fn from(source: Source) -> Self {
        Self { capacity: 100_000, max_age: Duration::from_secs(60), source, heartbeat: None }
    }

    /// How many tokens are kept. A token takes about 130 bytes, and about 270 with a name or with a text as the id of
    /// its user. Default: 100,000.
    #[must_use]
    pub const fn with_capacity(mut self, tokens: usize) -> Self {
        self.capacity = tokens;
        self
    }

    /// How long an answer is used before the store is asked again, in whole seconds. Default: 60 seconds. With zero every
    /// answer comes from the store.
    #[must_use]
    pub const fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// How long to wait between two heartbeats, each of which goes from this node through the bus and back. A bus that is polled is
    /// polled this often. Default: what the bus says
    /// ([`heartbeat_interval`](crate::repository::ChangeBus::heartbeat_interval)).
    ///
    /// Cached answers are used until three of these after the last heartbeat that came back, and for at least 500 milliseconds.
    #[must_use]
    pub const fn with_heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// How changes come to a cache with these settings in front of a store with this bus.
    pub(super) fn changing(&self, bus_of_store: impl FnOnce() -> Option<Arc<dyn ChangeBus>>) -> Changing {
        match &self.source {
            Source::OneProcess => Changing::Here,
            Source::Beside(bus) => Changing::Beside(Arc::clone(bus)),
            Source::Store => bus_of_store().map_or(Changing::Unseen, Changing::OfStore),
        }
    }

    /// How long to wait between two heartbeats on this bus, and for how long one allows to use the cache.
    pub(super) fn heartbeat(&self, bus: &dyn ChangeBus) -> (Duration, Duration) {
        let interval = self.heartbeat.unwrap_or_else(|| bus.heartbeat_interval()).max(Duration::from_millis(1));
        (interval, interval.saturating_mul(3).max(SHORTEST_LEASE))
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}
