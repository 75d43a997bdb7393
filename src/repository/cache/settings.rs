//! How much a cache keeps, and for how long.

use std::time::Duration;

/// The settings of a cache in front of a store.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use tower_tokens::repository::Cache;
///
/// let cache = Cache::for_one_process().with_capacity(1_000_000).with_max_age(Duration::from_secs(20));
/// # let _ = cache;
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    pub(super) capacity: usize,
    pub(super) max_age: Duration,
}

impl Cache {
    /// For an application that is one process: no other process, and no other handle of the store, changes its tokens and
    /// users. At most 100,000 tokens, each for at most 60 seconds.
    ///
    /// What is changed through the [`CachedRepository`](super::CachedRepository) holds at once. What is changed past it holds
    /// after [`user_changed`](super::CachedRepository::user_changed), or else after the maximal age.
    #[must_use]
    pub const fn for_one_process() -> Self {
        Self { capacity: 100_000, max_age: Duration::from_secs(60) }
    }

    /// How many tokens are kept. A token takes about 500 bytes. Default: 100,000.
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
}
