//! What a cache keeps, and what gives way when it is full.

use std::collections::VecDeque;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::{PackedTime, Timestamp};
use crate::repository::Found;
use crate::repository::cache::changes::{Changes, Slot, Ticket};
use crate::repository::cache::settings::Cache;
use crate::repository::keyed_hash::{LookupHash, PassThroughHasher, ShortHash};
use crate::repository::packed::{Levels, Packed};

/// How many entries that are in use are passed over to find one that is not. Our choice: more would keep other look-ups waiting.
const SPARED: usize = 64;

/// An answer of the store, as it is kept.
type Entry = Packed<Mark>;

/// What the cache knows of an entry besides.
struct Mark {
    // As bytes: a number would be aligned to 8, which takes place in each entry.
    ticket: [u8; 8],
    use_from: PackedTime,
    /// For how many seconds.
    use_for: [u8; 4],
    slots: [Slot; 2],
    /// Whether it was used since it was last considered for removal.
    used: AtomicBool,
}

/// Reads take no lock. Writes, of which there is one for each look-up in the store, take one.
pub(super) struct Entries {
    by_token: papaya::HashMap<LookupHash, Entry, BuildHasherDefault<PassThroughHasher>>,
    /// In the order in which they came. What was removed meanwhile may still be in it.
    order: Mutex<VecDeque<ShortHash>>,
    levels: Levels,
    capacity: usize,
    max_age: time::Duration,
}

impl Entries {
    pub(super) fn new(settings: &Cache) -> Self {
        Self {
            by_token: papaya::HashMap::default(),
            order: Mutex::default(),
            levels: Levels::new(),
            capacity: settings.capacity,
            max_age: time::Duration::seconds(i64::try_from(settings.max_age.as_secs()).unwrap_or(i64::MAX)),
        }
    }

    #[inline]
    pub(super) fn get(&self, token: LookupHash, changes: &Changes, now: Timestamp) -> Option<Found> {
        let by_token = self.by_token.pin();
        let entry = by_token.get(&token)?;
        let Mark { ticket, slots: [user, token], used, .. } = &entry.mark;
        let ticket = Ticket::from_bytes(*ticket);
        let is_current = changes.is_current(*user, ticket) && changes.is_current(*token, ticket);
        if !is_current || !entry.mark.is_usable_at(now) {
            return None;
        }
        // One write between two considerations: otherwise readers would write to each other's memory.
        if !used.load(Ordering::Relaxed) {
            used.store(true, Ordering::Relaxed);
        }
        entry.found(&self.levels, now)
    }

    /// Keeps an answer. Gives how many others gave way.
    pub(super) fn put(
        &self,
        token: LookupHash,
        found: &Found,
        slots: [Slot; 2],
        ticket: Ticket,
        now: Timestamp,
    ) -> u64 {
        let Some((use_from, use_for)) = self.usable(found, now).filter(|_| self.capacity > 0) else { return 0 };
        let (use_from, use_for) = (use_from.into(), use_for.to_le_bytes());
        let mark = Mark { ticket: ticket.to_bytes(), use_from, use_for, slots, used: AtomicBool::new(false) };
        let entry = Packed::new(&self.levels, found.user(), found.level(), found.record(), found.data(), mark);
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let by_token = self.by_token.pin();
        if by_token.insert(token, entry).is_some() {
            return 0;
        }
        order.push_back(token.short());
        let (mut evicted, mut spared) = (0, 0);
        while order.len() > self.capacity {
            let Some(oldest) = order.pop_front() else { break };
            match by_token.get(&oldest) {
                None => {}
                Some(entry) if spared < SPARED && entry.mark.used.swap(false, Ordering::Relaxed) => {
                    spared += 1;
                    order.push_back(oldest);
                }
                Some(_) => {
                    by_token.remove(&oldest);
                    evicted += 1;
                }
            }
        }
        evicted
    }

    pub(super) fn remove(&self, token: LookupHash) {
        self.by_token.pin().remove(&token);
    }

    pub(super) fn clear(&self) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        order.clear();
        self.by_token.pin().clear();
    }

    /// Removes what has ended, or is to be asked for again.
    pub(super) fn sweep(&self, now: Timestamp) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let by_token = self.by_token.pin();
        order.retain(|token| {
            let is_kept = by_token.get(token).is_some_and(|entry| !entry.mark.has_ended(now));
            if !is_kept {
                by_token.remove(token);
            }
            is_kept
        });
    }

    pub(super) fn len(&self) -> usize {
        self.by_token.len()
    }

    /// From when on, and for how many seconds, an answer of this time is used: until its end, or until the store is asked again.
    fn usable(&self, found: &Found, asked_at: Timestamp) -> Option<(Timestamp, u32)> {
        let from = found.record().valid_from().max(asked_at);
        let ask_again = asked_at + self.max_age;
        let until = found.record().expires_at().at().map_or(ask_again, |end| end.min(ask_again));
        (from < until).then(|| (from, u32::try_from((until - from).whole_seconds()).unwrap_or(u32::MAX)))
    }
}

impl Mark {
    #[inline]
    fn is_usable_at(&self, now: Timestamp) -> bool {
        self.age(now) >= 0 && !self.has_ended(now)
    }

    #[inline]
    fn has_ended(&self, now: Timestamp) -> bool {
        self.age(now) >= i64::from(u32::from_le_bytes(self.use_for))
    }

    /// For how many seconds it has been used at `now`; negative before.
    #[inline]
    fn age(&self, now: Timestamp) -> i64 {
        now.unix_seconds() - self.use_from.time().unix_seconds()
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("tokens", &self.len()).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
