//! "Last used", written off the request's path.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::timeout;

use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::log::log_warn;
use crate::token::TokenId;
use crate::tokens::Tokens;
use crate::user::{CurrentUser, UserId};

/// The most uses that wait to be written. Our choice: when the store is too slow for more, the rest is not noted now
/// but at the token's next use.
const MAX_WAITING: usize = 4_096;

/// How long the writer rests after an error.
const REST: std::time::Duration = std::time::Duration::from_secs(1);

/// How long the writer waits for one note to be written. Our choice: a connection that hangs must not end all notes, and
/// with them every token that has an idle limit.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The uses that wait to be written, each token once, and whether somebody is writing them.
#[derive(Debug, Default)]
pub(super) struct Toucher {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<(UserId, TokenId), Timestamp>,
    has_writer: bool,
}

impl Tokens {
    /// Has this use noted if the last note is old enough. Costs a hit that is not due two comparisons.
    #[inline]
    pub(super) fn touch_if_due(&self, user: &CurrentUser) {
        let record = user.token();
        let for_idle_limit = record.idle_limit().map_or(i64::MAX, |limit| limit.whole_seconds() / 4);
        let interval = self.inner().touch_seconds.min(for_idle_limit).max(1);
        if user.checked().unix_seconds().saturating_sub(record.last_active().unix_seconds()) >= interval {
            self.touch_later(user);
        }
    }

    #[cold]
    fn touch_later(&self, user: &CurrentUser) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut queue = self.inner().toucher.queue();
        if queue.waiting.len() < MAX_WAITING {
            queue.waiting.entry((user.id().clone(), user.token().id())).or_insert(user.checked());
        }
        // Also for what waits already: the writer before may have ended with its runtime.
        if !queue.has_writer {
            queue.has_writer = true;
            runtime.spawn(Writer { tokens: self.clone(), is_done: false }.write());
        }
    }
}

impl Toucher {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one task that writes. When its runtime ends before it is done, it makes room for the next one.
struct Writer {
    tokens: Tokens,
    is_done: bool,
}

impl Writer {
    /// Writes what waits, one after the other, until nothing does.
    async fn write(mut self) {
        let tokens = self.tokens.clone();
        let inner = tokens.inner();
        while let Some(((user, id), used_at)) = self.next() {
            let written = timeout(PATIENCE, inner.repository.touch(&user, id, used_at)).await;
            if let Err(_error) = written.unwrap_or_else(|_elapsed| Err(ErrorKind::TimedOut.into())) {
                log_warn!(error = &_error as &dyn std::error::Error, "the last use of a token was not noted");
                tokio::time::sleep(REST).await;
            }
            // Only now: a use in the meantime is this one.
            inner.toucher.queue().waiting.remove(&(user, id));
        }
    }

    fn next(&mut self) -> Option<((UserId, TokenId), Timestamp)> {
        let mut queue = self.tokens.inner().toucher.queue();
        let next = queue.waiting.first_key_value().map(|(key, used_at)| (key.clone(), *used_at));
        queue.has_writer = next.is_some();
        self.is_done = next.is_none();
        next
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_done {
            self.tokens.inner().toucher.queue().has_writer = false;
        }
    }
}
