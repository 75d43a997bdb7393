//! Redeemed tokens in this process's memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::sealed::redeem::{Claim, RedemptionRepository, Reservation};
use crate::sealed::uuid::TokenUuid;
use crate::token::Expiry;

/// Redeemed tokens in this process's memory: for tests, and for a server of one process whose one-time tokens may work
/// again after a restart.
#[derive(Debug, Default)]
pub struct MemoryRedemptions(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    by_uuid: HashMap<TokenUuid, Entry>,
    by_expiry: BTreeSet<(Timestamp, TokenUuid)>,
}

#[derive(Debug)]
enum Entry {
    Reserved(Claim),
    Used,
}

impl MemoryRedemptions {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Every change is one insert or one remove: a panic of another thread leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RedemptionRepository for MemoryRedemptions {
    async fn reserve(&self, claim: &Claim) -> Result<Reservation, Error> {
        let mut ledger = self.ledger();
        match ledger.by_uuid.get(&claim.uuid) {
            Some(Entry::Used) => return Ok(Reservation::Used),
            Some(Entry::Reserved(held)) if claim.now < held.lease_ends_at => return Ok(Reservation::InUse),
            Some(Entry::Reserved(_)) | None => {}
        }
        ledger.by_uuid.insert(claim.uuid, Entry::Reserved(*claim));
        if let Expiry::At(end) = claim.keep_until {
            ledger.by_expiry.insert((end, claim.uuid));
        }
        Ok(Reservation::Reserved)
    }

    async fn commit(&self, claim: &Claim) -> Result<bool, Error> {
        let mut ledger = self.ledger();
        let is_ours = ledger.holds(claim);
        if is_ours {
            ledger.by_uuid.insert(claim.uuid, Entry::Used);
        }
        Ok(is_ours)
    }

    async fn release(&self, claim: &Claim) -> Result<(), Error> {
        let mut ledger = self.ledger();
        if ledger.holds(claim) {
            ledger.forget(claim.uuid, claim.keep_until);
        }
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut ledger = self.ledger();
        let expired = ledger.by_expiry.iter().take_while(|(end, _)| *end <= now).take(limit as usize);
        let expired: Vec<_> = expired.copied().collect();
        for (end, uuid) in &expired {
            ledger.forget(*uuid, Expiry::At(*end));
        }
        Ok(expired.len() as u64)
    }
}

impl Ledger {
    fn holds(&self, claim: &Claim) -> bool {
        matches!(self.by_uuid.get(&claim.uuid), Some(Entry::Reserved(held)) if held.holder == claim.holder)
    }

    fn forget(&mut self, uuid: TokenUuid, keep_until: Expiry) {
        self.by_uuid.remove(&uuid);
        if let Expiry::At(end) = keep_until {
            self.by_expiry.remove(&(end, uuid));
        }
    }
}
