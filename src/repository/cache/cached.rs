//! The contract with a cache in front.

use std::sync::Arc;

use crate::repository::TokenRepository;
use crate::repository::cache::settings::Cache;
use crate::repository::cache::shared::Shared;
use crate::repository::cache::statistics::CacheStatistics;
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
/// # Errors
/// As the repository inside. An outage is never kept. If a change fails, or its caller goes away before it is done, nothing
/// says whether the store has made it: then what it concerns is asked for in the store for 10 seconds.
#[derive(Debug)]
pub struct CachedRepository<R> {
    pub(super) shared: Arc<Shared<R>>,
}

impl<R: TokenRepository> CachedRepository<R> {
    fn new(repository: R, cache: &Cache) -> Self {
        Self { shared: Arc::new(Shared::new(repository, cache)) }
    }

    /// The repository inside, for what is not part of the contract. What is changed through it is not seen here.
    #[must_use]
    pub fn inner(&self) -> &R {
        &self.shared.repository
    }

    /// Says that something about this user was changed past this repository: their level, whether they may log in, a column
    /// of an application's own table. It holds when this returns.
    pub fn user_changed(&self, user: &UserId) {
        self.shared.record(&[self.shared.changes.user(user)]);
    }

    /// What the cache has done so far.
    #[must_use]
    pub fn statistics(&self) -> CacheStatistics {
        self.shared.statistics()
    }
}

impl<R> Clone for CachedRepository<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}
