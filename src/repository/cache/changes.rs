//! Which entries are older than the last change of their user or token.
//!
//! Each change gets a number, one higher than the last. A slot holds the number of the last change of all users and tokens
//! that share it. An entry keeps the number that was the last when its look-up began: it is current if neither of its two
//! slots has a higher one. So an answer that was read before a change and is kept after it is never used, and a change
//! does not have to find the entries that it makes stale.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::token::TokenDigest;
use crate::user::UserId;

/// Our choice: 128 KiB, and a change of one user makes the entries of one user in 16,384 stale besides.
/// Few in unit tests, which make hundreds of thousands of these.
const SLOTS: usize = if cfg!(test) { 64 } else { 16_384 };

/// How long a slot stays barred after a change whose outcome is not known: twice as long as a call to a store may take.
const DOUBT: Duration = Duration::from_secs(10);

/// How long a change may take that was announced before it is made. Our choice: the others are barred for longer, and a message may
/// take as long as the difference.
pub(super) const LONGEST_CHANGE: Duration = Duration::from_secs(8);

/// This bit of a slot says that no entry is current. The others hold the number of its last change.
const BARRED: u64 = 1 << 63;

/// The number of the last change when a look-up began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

impl Ticket {
    pub(super) const fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(super) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }
}

/// The place of the last change of a user or of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Slot(u16);

#[derive(Debug)]
pub(super) struct Changes {
    last: AtomicU64,
    slots: Box<[AtomicU64; SLOTS]>,
    hasher: RandomState,
    /// Until when which slots are barred.
    barred: Mutex<HashMap<Slot, Instant>>,
}

impl Changes {
    pub(super) fn new() -> Self {
        Self {
            last: AtomicU64::new(0),
            slots: Box::new([const { AtomicU64::new(0) }; SLOTS]),
            hasher: RandomState::new(),
            barred: Mutex::default(),
        }
    }

    pub(super) fn user(&self, user: &UserId) -> Slot {
        match user.as_text() {
            Some(text) => self.user_called(text),
            None => self.user_called(&user.to_string()),
        }
    }

    /// The integer and the text of the same digits share a place.
    pub(super) fn user_called(&self, text: &str) -> Slot {
        slot(self.hasher.hash_one(text))
    }

    pub(super) fn token(&self, token: &TokenDigest) -> Slot {
        slot(self.hasher.hash_one(token))
    }

    /// To be taken before the store is asked.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.last.load(Ordering::SeqCst))
    }

    /// Whether an answer to a question of this time is still the present one.
    #[inline]
    pub(super) fn is_current(&self, slot: Slot, ticket: Ticket) -> bool {
        self.last_change(slot).load(Ordering::SeqCst) <= ticket.0
    }

    /// Whether there was no change at all since.
    pub(super) fn is_latest(&self, ticket: Ticket) -> bool {
        self.ticket() == ticket
    }

    /// A change was made, and what was read before it is stale.
    pub(super) fn record(&self, slots: &[Slot]) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        for slot in slots {
            self.update(*slot, |last| last.max(number | last & BARRED));
        }
    }

    /// Everything that was read before is stale.
    pub(super) fn record_all(&self) {
        self.record(&all().collect::<Vec<_>>());
    }

    /// Anything may be changed a little later.
    pub(super) fn bar_all(&self) {
        self.bar(&all().collect::<Vec<_>>());
    }

    /// A change may have been made, or may be made a little later.
    pub(super) fn bar(&self, slots: &[Slot]) {
        self.record(slots);
        let mut barred = self.barred();
        for slot in slots {
            barred.insert(*slot, Instant::now() + DOUBT);
            self.update(*slot, |last| last | BARRED);
        }
    }

    /// Ends what has been barred long enough. For the slow path.
    pub(super) fn unbar(&self, slot: Slot) {
        if self.last_change(slot).load(Ordering::SeqCst) & BARRED == 0 {
            return;
        }
        let mut barred = self.barred();
        if barred.get(&slot).is_none_or(|until| *until <= Instant::now()) {
            barred.remove(&slot);
            // What was read while it was barred may be older than a change that came late.
            self.record(&[slot]);
            self.update(slot, |last| last & !BARRED);
        }
    }

    fn update(&self, slot: Slot, change: impl Fn(u64) -> u64) {
        _ = self.last_change(slot).fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(change(last)));
    }

    #[inline]
    fn last_change(&self, slot: Slot) -> &AtomicU64 {
        &self.slots[usize::from(slot.0) % SLOTS]
    }

    fn barred(&self) -> MutexGuard<'_, HashMap<Slot, Instant>> {
        self.barred.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn all() -> impl Iterator<Item = Slot> {
    (0..SLOTS as u64).map(slot)
}

fn slot(hash: u64) -> Slot {
    // SLOTS is a power of two that fits.
    #[expect(clippy::cast_possible_truncation, reason = "the upper bits are cut off on purpose")]
    Slot((hash & (SLOTS as u64 - 1)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_in_doubt_is_asked_for_until_a_late_change_can_no_longer_come() {
        let changes = Changes::new();
        let slot = changes.user(&UserId::from(7));
        changes.bar(&[slot]);
        assert!(!changes.is_current(slot, changes.ticket()));
        tokio::time::advance(DOUBT - Duration::from_millis(1)).await;
        changes.unbar(slot);
        assert!(!changes.is_current(slot, changes.ticket()), "too early");
        let before = changes.ticket();
        tokio::time::advance(Duration::from_millis(1)).await;
        changes.unbar(slot);
        assert!(changes.is_current(slot, changes.ticket()));
        assert!(!changes.is_current(slot, before), "what was read meanwhile is not used");
    }

    #[test]
    fn a_change_of_a_barred_user_is_not_lost() {
        let changes = Changes::new();
        let slot = changes.user(&UserId::from(7));
        changes.bar(&[slot]);
        let before = changes.ticket();
        changes.record(&[slot]);
        changes.update(slot, |last| last & !BARRED);
        assert!(!changes.is_current(slot, before));
        assert!(changes.is_current(slot, changes.ticket()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_doubt_is_as_long_as_the_first() {
        let changes = Changes::new();
        let slot = changes.user(&UserId::from(7));
        changes.bar(&[slot]);
        tokio::time::advance(DOUBT / 2).await;
        changes.bar(&[slot]);
        tokio::time::advance(DOUBT / 2).await;
        changes.unbar(slot);
        assert!(!changes.is_current(slot, changes.ticket()));
    }
}
