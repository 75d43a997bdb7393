//! The uses of tokens that wait to be written.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::Duration;

use crate::clock::Timestamp;
use crate::token::{TokenDigest, TokenId, TokenKey};
use crate::user::UserId;

/// The uses that wait to be written, and whether a task is writing them.
#[derive(Default)]
pub(super) struct UsageRecorder {
    queue: Mutex<Queue>,
    /// How many uses wait, readable without the lock.
    pub(super) waiting: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Queue {
    /// Each token once, in the order of their first waiting use: every token gets its turn, however slow the store is.
    pub(super) order: VecDeque<TokenDigest>,
    pub(super) uses: HashMap<TokenDigest, WaitingUse>,
    pub(super) has_writer: bool,
}

/// The newest use of a token, which is not in the store yet.
#[derive(Clone)]
pub(super) struct WaitingUse {
    pub(super) user: UserId,
    pub(super) id: TokenId,
    pub(super) used_at: Timestamp,
    /// In seconds: how often a use is due to be written.
    pub(super) interval: i64,
    pub(super) idle_limit: Option<Duration>,
}

impl WaitingUse {
    /// Whether this use keeps the token from being idle at `now`.
    fn keeps_alive(&self, now: Timestamp) -> bool {
        self.idle_limit.is_some_and(|limit| now < self.used_at + limit)
    }
}

impl UsageRecorder {
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn waiting_use(&self, token: TokenKey<'_>, now: Timestamp) -> Option<WaitingUse> {
        let digest = token.digest();
        self.queue().uses.get(&digest).filter(|waiting| waiting.keeps_alive(now)).cloned()
    }

    /// Removes the first entry of the queue, and puts it at the end if it must be written again: because writing failed
    /// and its token would end, or because of a newer use.
    pub(super) fn settle(&self, written: &WaitingUse, is_written: bool, now: Timestamp) {
        let mut queue = self.queue();
        let Some(digest) = queue.order.pop_front() else { return };
        let is_due_again = queue.uses.get(&digest).is_some_and(|waiting| {
            let since = waiting.used_at.unix_seconds() - written.used_at.unix_seconds();
            if is_written { since >= waiting.interval } else { waiting.keeps_alive(now) }
        });
        if is_due_again {
            queue.order.push_back(digest);
        } else {
            queue.uses.remove(&digest);
        }
        self.waiting.store(queue.order.len(), Ordering::Release);
    }
}
