//! Redeemed tokens in this process's memory.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::sealed::once::redemption::{Redemption, RedemptionRepository, ReserveOutcome, later};
use crate::token::{Expiry, TokenUuid};

/// Redeemed tokens in this process's memory: for tests, and for a server of one process whose one-time tokens may work
/// again after a restart.
#[derive(Default)]
pub struct MemoryRedemptions(Mutex<Index>);

#[derive(Default)]
struct Index {
    by_uuid: HashMap<TokenUuid, Entry>,
    by_expiry: BTreeSet<(Timestamp, TokenUuid)>,
}

struct Entry {
    state: State,
    keep_until: Expiry,
}

enum State {
    Reserved { holder: TokenUuid, lease_ends_at: Timestamp },
    Used,
}

/// How many numbers it remembers, and not which.
impl fmt::Debug for MemoryRedemptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut summary = f.debug_struct("MemoryRedemptions");
        // Who prints a store must not wait for who changes it, who may be the same.
        if let Ok(ledger) = self.0.try_lock() {
            summary.field("numbers", &ledger.by_uuid.len());
        }
        summary.finish_non_exhaustive()
    }
}

impl MemoryRedemptions {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn ledger(&self) -> MutexGuard<'_, Index> {
        // Nothing that is done under the lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RedemptionRepository for MemoryRedemptions {
    async fn reserve(&self, redemption: &Redemption) -> Result<ReserveOutcome, Error> {
        let mut ledger = self.ledger();
        let before = ledger.by_uuid.get(&redemption.uuid);
        match before.map(|entry| &entry.state) {
            Some(State::Used) => return Ok(ReserveOutcome::Used),
            Some(State::Reserved { lease_ends_at, .. }) if redemption.now < *lease_ends_at => {
                return Ok(ReserveOutcome::InUse);
            }
            Some(State::Reserved { .. }) | None => {}
        }
        let keep_until = before.map_or(redemption.keep_until, |entry| later(entry.keep_until, redemption.keep_until));
        let state = State::Reserved { holder: redemption.holder, lease_ends_at: redemption.lease_ends_at };
        ledger.forget(redemption.uuid);
        ledger.remember(redemption.uuid, Entry { state, keep_until });
        Ok(ReserveOutcome::Reserved)
    }

    async fn commit(&self, redemption: &Redemption) -> Result<bool, Error> {
        let mut ledger = self.ledger();
        let held = ledger.held_by(redemption);
        Ok(held.map(|entry| entry.state = State::Used).is_some())
    }

    async fn release(&self, redemption: &Redemption) -> Result<(), Error> {
        let mut ledger = self.ledger();
        if ledger.held_by(redemption).is_some() {
            ledger.forget(redemption.uuid);
        }
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut ledger = self.ledger();
        let expired = ledger.by_expiry.iter().take_while(|(end, _)| *end <= now).take(limit as usize);
        let expired: Vec<_> = expired.copied().collect();
        for (_, uuid) in &expired {
            ledger.forget(*uuid);
        }
        Ok(expired.len() as u64)
    }
}

impl Index {
    /// The entry of a token that this redemption holds.
    fn held_by(&mut self, redemption: &Redemption) -> Option<&mut Entry> {
        let entry = self.by_uuid.get_mut(&redemption.uuid)?;
        matches!(entry.state, State::Reserved { holder, .. } if holder == redemption.holder).then_some(entry)
    }

    fn remember(&mut self, uuid: TokenUuid, entry: Entry) {
        if let Expiry::At(end) = entry.keep_until {
            self.by_expiry.insert((end, uuid));
        }
        self.by_uuid.insert(uuid, entry);
    }

    fn forget(&mut self, uuid: TokenUuid) {
        if let Some(Entry { keep_until: Expiry::At(end), .. }) = self.by_uuid.remove(&uuid) {
            self.by_expiry.remove(&(end, uuid));
        }
    }
}
