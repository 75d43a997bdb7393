//! What the clones of a cached repository share.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::{Timestamp, monotonic_milliseconds};
use crate::error::Error;
use crate::log::log_warn;
use crate::repository::cache::changes::{Changes, Slot, Ticket};
use crate::repository::cache::entries::Entries;
use crate::repository::cache::lease::Lease;
use crate::repository::cache::link::Link;
use crate::repository::cache::questions::Questions;
use crate::repository::cache::settings::{Cache, Changing};
use crate::repository::cache::statistics::{CacheStatistics, Counters};
use crate::repository::keyed_hash::{HashKey, LookupHash};
use crate::repository::{Found, Subject, TokenRepository};
use crate::token::{TokenDigest, TokenKey};
use crate::user::UserId;

#[derive(Debug)]
pub(super) struct Shared<R> {
    pub(super) repository: R,
    pub(super) changes: Changes,
    pub(super) questions: Questions,
    pub(super) counters: Counters,
    entries: Entries,
    lease: Lease,
    link: Option<Link>,
    max_age: Duration,
    /// `None`: the operating system gave no random bytes, and nothing is kept.
    hash_key: Option<HashKey>,
}

impl<R: TokenRepository> Shared<R> {
    pub(super) fn new(repository: R, cache: &Cache) -> Self {
        let (bus, announces) = match cache.changing(|| repository.change_bus()) {
            Changing::Here => (None, false),
            Changing::OfStore(bus) => (Some(bus), false),
            Changing::Beside(bus) => (Some(bus), true),
            Changing::Unseen => {
                log_warn!("nothing is cached: this store does not announce its changes");
                let cache = cache.clone().with_capacity(0);
                return Self::with(repository, &cache, Lease::of(Duration::ZERO, monotonic_milliseconds()), None);
            }
        };
        let Some(bus) = bus else { return Self::with(repository, cache, Lease::for_ever(), None) };
        let (interval, lease) = cache.heartbeat(&*bus);
        let link = Link::new(bus, interval, lease, announces);
        Self::with(repository, cache, Lease::of(lease, monotonic_milliseconds()), Some(link))
    }

    fn with(repository: R, cache: &Cache, lease: Lease, link: Option<Link>) -> Self {
        Self {
            repository,
            changes: Changes::new(),
            questions: Questions::default(),
            counters: Counters::default(),
            entries: Entries::new(cache),
            lease,
            link,
            max_age: cache.max_age,
            hash_key: HashKey::generate().ok(),
        }
    }
}

impl<R> Shared<R> {
    pub(super) fn statistics(&self) -> CacheStatistics {
        self.counters.snapshot(
            self.entries.len(),
            self.lease.is_held(),
            self.lease.time_without(monotonic_milliseconds()),
        )
    }

    pub(super) fn max_staleness(&self) -> Duration {
        self.link.as_ref().map_or(Duration::ZERO, |link| link.lease.min(self.max_age))
    }

    pub(super) fn hash(&self, token: TokenKey<'_>) -> Option<LookupHash> {
        self.hash_key.as_ref().map(|key| key.hash(token))
    }

    pub(super) fn slots(&self, user: &UserId, token: &TokenDigest) -> [Slot; 2] {
        [self.changes.user(user), self.changes.token(token)]
    }

    /// Whether every change that was made up to a moment ago has been recorded here.
    #[inline]
    pub(super) fn sees_changes(&self) -> bool {
        self.lease.is_held()
    }

    #[inline]
    pub(super) fn cached(&self, hash: LookupHash, now: Timestamp) -> Option<Found> {
        if !self.sees_changes() {
            return None;
        }
        let found = self.entries.get(hash, &self.changes, now)?;
        self.counters.hit();
        Some(found)
    }

    pub(super) fn keep(&self, hash: LookupHash, token: &TokenDigest, found: &Found, ticket: Ticket, now: Timestamp) {
        let slots = self.slots(found.user(), token);
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

    /// Whether this node announces its changes before it makes them.
    pub(super) fn announces(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.announces)
    }

    pub(super) const fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Says on the bus beside the store what is about to be changed. Without one it does nothing.
    pub(super) async fn announce(&self, subjects: &[Subject]) -> Result<(), Error> {
        let Some(link) = self.link.as_ref().filter(|link| link.announces) else { return Ok(()) };
        for subject in subjects {
            link.bus.announce(subject).await?;
        }
        Ok(())
    }

    /// Says on the bus, whichever it is, that something was changed past every cache.
    pub(super) async fn announce_change(&self, subject: &Subject) -> Result<(), Error> {
        match &self.link {
            None => Ok(()),
            Some(link) => link.bus.announce(subject).await,
        }
    }

    fn slots_of(&self, subject: &Subject) -> Option<Slot> {
        match subject {
            Subject::User(id) => Some(self.changes.user_called(id)),
            Subject::Token(digest) => Some(self.changes.token(digest)),
            Subject::Everything => None,
        }
    }

    /// A change that the bus brought.
    pub(super) fn announced(&self, subject: &Subject) {
        match self.slots_of(subject) {
            Some(slot) => self.changes.record(&[slot]),
            None => self.changes.record_all(),
        }
        self.counters.announced.fetch_add(1, Ordering::Relaxed);
    }

    /// A change that the bus brought, and that is not made yet.
    pub(super) fn being_changed(&self, subject: &Subject) {
        match self.slots_of(subject) {
            Some(slot) => self.changes.bar(&[slot]),
            None => self.changes.bar_all(),
        }
        self.counters.announced.fetch_add(1, Ordering::Relaxed);
    }

    /// A heartbeat that was sent at this time has come back. Gives how long it took.
    pub(super) fn proven(&self, sent: u64) -> Duration {
        let now = monotonic_milliseconds();
        self.lease.extend(sent, now);
        let took = now.saturating_sub(sent);
        self.counters.bus_lag.store(took, Ordering::Relaxed);
        Duration::from_millis(took)
    }

    /// Changes may have been lost.
    pub(super) fn interrupted(&self) {
        self.lease.end(monotonic_milliseconds());
        self.counters.interruptions.fetch_add(1, Ordering::Relaxed);
    }

    /// Uses nothing any more that was asked for until now.
    pub(super) fn drop_all(&self) {
        self.changes.record_all();
    }

    /// Frees what is kept, which takes a while.
    pub(super) fn clear(&self) {
        self.entries.clear();
    }
}
