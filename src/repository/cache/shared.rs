//! What the clones of a cached repository share.

use std::sync::atomic::Ordering;

use crate::clock::Timestamp;
use crate::repository::Found;
use crate::repository::cache::changes::{Changes, Slot, Ticket};
use crate::repository::cache::entries::Entries;
use crate::repository::cache::questions::Questions;
use crate::repository::cache::settings::Cache;
use crate::repository::cache::statistics::{CacheStatistics, Counters};
use crate::repository::keyed_hash::{HashKey, LookupHash};
use crate::token::TokenKey;
use crate::user::UserId;

#[derive(Debug)]
pub(super) struct Shared<R> {
    pub(super) repository: R,
    pub(super) changes: Changes,
    pub(super) questions: Questions,
    pub(super) counters: Counters,
    entries: Entries,
    /// `None`: the operating system gave no random bytes, and nothing is kept.
    hash_key: Option<HashKey>,
}

impl<R> Shared<R> {
    pub(super) fn new(repository: R, cache: &Cache) -> Self {
        Self {
            repository,
            changes: Changes::new(),
            questions: Questions::default(),
            counters: Counters::default(),
            entries: Entries::new(cache),
            hash_key: HashKey::generate().ok(),
        }
    }

    pub(super) fn statistics(&self) -> CacheStatistics {
        self.counters.snapshot(self.entries.len())
    }

    pub(super) fn hash(&self, token: TokenKey<'_>) -> Option<LookupHash> {
        self.hash_key.as_ref().map(|key| key.hash(token))
    }

    pub(super) fn slots(&self, user: &UserId, token: LookupHash) -> [Slot; 2] {
        [self.changes.user(user), self.changes.token(token)]
    }

    #[inline]
    pub(super) fn cached(&self, hash: LookupHash, now: Timestamp) -> Option<Found> {
        let found = self.entries.get(hash, &self.changes, now)?;
        self.counters.hit();
        Some(found)
    }

    pub(super) fn keep(&self, hash: LookupHash, found: &Found, ticket: Ticket, now: Timestamp) {
        let slots = self.slots(found.user(), hash);
        for slot in slots {
            self.changes.unbar(slot);
        }
        let evicted = self.entries.put(hash, found, slots, ticket, now);
        self.counters.evictions.fetch_add(evicted, Ordering::Relaxed);
    }

    pub(super) fn record(&self, slots: &[Slot]) {
        self.changes.record(slots);
        self.counters.changes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn forget(&self, hash: LookupHash) {
        self.entries.remove(hash);
    }

    pub(super) fn sweep(&self, now: Timestamp) {
        self.entries.sweep(now);
    }
}
