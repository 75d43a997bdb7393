//! The contract with a cache in front.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::repository::cache::listen::ensure_listening;
use crate::repository::cache::settings::Cache;
use crate::repository::cache::shared::Shared;
use crate::repository::cache::statistics::CacheStatistics;
use crate::repository::{Subject, TokenRepository};
use crate::user::UserId;

/// What every repository can do besides.
pub trait RepositoryExt: TokenRepository + Sized {
    /// This repository with a cache in front. From now on tokens and users are changed through what this gives.
    #[must_use]
    fn cached(self, cache: Cache) -> CachedRepository<Self> {
        CachedRepository::new(self, &cache)
    }
}

impl<R: TokenRepository> RepositoryExt for R {}

/// A repository with a cache in front. Clones share both.
///
/// A hit reads memory, without a lock and without a wait. Only valid tokens are kept, under a keyed hash: tokens that are unknown or
/// malformed take no place. A token that looks expired is asked for in the store, because another node may have prolonged
/// it.
///
/// # Other nodes
/// With [`Cache::new`] and [`Cache::with_bus`] a task of this process listens to a bus. What is kept is used only while heartbeats come
/// back through the bus; otherwise every request asks the store, which is slower and right, and when the bus works again, the
/// cache begins empty. Changes reach the other nodes at the speed of a message; whatever happens to the bus or to a node, no
/// validation that begins [`max_staleness`](Self::max_staleness) after a change has returned gives an older answer. On this node
/// none that begins after it has returned does.
///
/// # Errors
/// As the repository inside. An outage is never kept. If a change fails, or its caller goes away before it is done, nothing
/// says whether the store has made it: then what it concerns is asked for in the store for 10 seconds.
#[derive(Debug)]
pub struct CachedRepository<R> {
    pub(super) shared: Arc<Shared<R>>,
}

impl<R: TokenRepository> CachedRepository<R> {
    fn new(repository: R, cache: &Cache) -> Self {
        let shared = Arc::new(Shared::new(repository, cache));
        ensure_listening(&shared);
        Self { shared }
    }

    /// The repository inside, for what is not part of the contract. What is changed through it is seen here if the store
    /// [announces](TokenRepository::change_bus) its changes and the cache was made with [`Cache::new`].
    #[must_use]
    pub fn inner(&self) -> &R {
        &self.shared.repository
    }

    /// Says that something about this user was changed past this repository and past the triggers of the store: their level,
    /// whether they may log in, a column of an application's own table. When this returns, it holds here, and is on its way to the
    /// other nodes.
    ///
    /// # Errors
    /// Those of the bus. Then it holds on this node, and on the others after the maximal age at the latest.
    pub async fn user_changed(&self, user: &UserId) -> Result<(), Error> {
        self.shared.record(&[self.shared.changes.user(user)]);
        self.shared.announce_change(&Subject::from(user)).await
    }

    /// How old an answer may be at most, whatever happens: no validation that begins this long after a change has returned, on
    /// whichever node, gives an answer from before the change. Zero for a cache
    /// [for one process](Cache::for_one_process), and where nothing is kept.
    ///
    /// It is counted by a clock that stands still while a machine is suspended. It holds for changes that come to the bus: see
    /// the table of [`Cache`].
    #[must_use]
    pub fn max_staleness(&self) -> Duration {
        self.shared.max_staleness()
    }

    /// What the cache has done so far. With the feature `metrics`, `report_metrics` reports it.
    #[must_use]
    pub fn statistics(&self) -> CacheStatistics {
        self.shared.statistics()
    }
}

/// With the feature `metrics`.
#[cfg(feature = "metrics")]
impl<R: TokenRepository> CachedRepository<R> {
    /// Reports the [statistics](Self::statistics) to the recorder of the crate `metrics` that the application has installed. Without one
    /// it does nothing.
    ///
    /// Call it at each scrape, or every few seconds. A cache with a bus calls it itself at a heartbeat, at most once a second, and at each
    /// interruption. No hit and no miss reports anything, so that they cost no more than without it.
    ///
    /// | name | kind | what |
    /// |---|---|---|
    /// | `tower_tokens_cache_hits` | counter | requests that were answered from memory |
    /// | `tower_tokens_cache_look_ups` | counter | look-ups in the store |
    /// | `tower_tokens_cache_joined` | counter | requests that waited for the look-up of another request |
    /// | `tower_tokens_cache_evictions` | counter | answers that gave way because the cache was full |
    /// | `tower_tokens_cache_changes` | counter | changes of tokens and users through this cache |
    /// | `tower_tokens_cache_announced` | counter | changes that the bus brought |
    /// | `tower_tokens_cache_interruptions` | counter | interruptions of the bus |
    /// | `tower_tokens_cache_bus_lag_seconds` | gauge | how long the last heartbeat took through the bus and back |
    /// | `tower_tokens_cache_time_without_seconds` | gauge | how long the cache was not used because the bus was not proven alive; it only grows |
    /// | `tower_tokens_cache_is_used` | gauge | 1 while kept answers are used, otherwise 0 |
    /// | `tower_tokens_cache_tokens` | gauge | answers that are kept |
    ///
    /// They have no labels: no token, no user, nothing of a request. Of two caches in one process report one, because both have the
    /// same names.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::repository::{Cache, MemoryRepository, RepositoryExt};
    ///
    /// let repository = MemoryRepository::new().cached(Cache::for_one_process());
    /// // In the handler of `/metrics`, before it renders what the recorder holds:
    /// repository.report_metrics();
    /// ```
    pub fn report_metrics(&self) {
        crate::repository::cache::metrics::report(&self.statistics());
    }
}

impl<R> Clone for CachedRepository<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}
