//! Writes when a token was last used, in the background.

use std::sync::atomic::Ordering;

use tokio::time::timeout;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::Tokens;
use crate::lifecycle::usage_recorder::WaitingUse;
use crate::log::log_warn;
use crate::repository::Found;
use crate::token::TokenKey;
use crate::user::CurrentUser;

/// How many uses wait to be written at most. Our choice: a limit on memory if the store is too slow for more. Beyond
/// it, a use is recorded at the token's next use, or before the response if the token would otherwise end by its idle
/// limit.
const MAX_WAITING: usize = 4_096;

/// How long the writer pauses after an error.
const REST: std::time::Duration = std::time::Duration::from_secs(1);

/// The time-out for writing one use. Our choice: a connection that hangs must not stop all writing, because then every
/// token with an idle limit would end.
const WRITE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// How long a request waits for its use to be written if the queue is full. Our choice: well within the layer's
/// time-out for all look-ups.
const WRITE_NOW_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

impl Tokens {
    /// Queues this use if the last recorded one is old enough. A hit whose use is not due costs two comparisons.
    ///
    /// `true` if the queue is full, and the use must be written before the response.
    #[inline]
    pub(super) fn touch_if_due(&self, token: TokenKey<'_>, user: &CurrentUser) -> bool {
        let record = user.token();
        let for_idle_limit = record.idle_limit().map_or(i64::MAX, |limit| limit.whole_seconds() / 4);
        let interval = self.inner().touch_seconds.min(for_idle_limit).max(1);
        let age = user.checked_at().unix_seconds().saturating_sub(record.last_active().unix_seconds());
        age >= interval && self.queue_touch(token, user, interval, age)
    }

    #[cold]
    fn queue_touch(&self, token: TokenKey<'_>, user: &CurrentUser, interval: i64, age: i64) -> bool {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return false };
        let idle_limit = user.token().idle_limit();
        let (digest, used_at) = (token.digest(), user.checked_at());
        let mut locked = self.inner().usage_recorder.queue();
        let queue = &mut *locked;
        let mut is_new = false;
        let is_queued = match queue.uses.get_mut(&digest) {
            Some(waiting) => {
                waiting.used_at = waiting.used_at.max(used_at);
                true
            }
            None if queue.order.len() < MAX_WAITING => {
                is_new = true;
                let (user, id) = (user.id().clone(), user.token().id());
                queue.uses.insert(digest, WaitingUse { user, id, used_at, interval, idle_limit });
                queue.order.push_back(digest);
                self.inner().usage_recorder.waiting.store(queue.order.len(), Ordering::Release);
                true
            }
            None => false,
        };
        // Also for uses that wait already: the previous writer may have ended with its runtime.
        if !queue.has_writer {
            queue.has_writer = true;
            runtime.spawn(Writer { tokens: self.clone(), is_done: false }.write());
        }
        drop(locked);
        if is_new {
            self.report_use(user);
        }
        !is_queued && idle_limit.is_some_and(|limit| age >= limit.whole_seconds() / 2)
    }

    /// Writes this use now, while its request waits, for a second at most. If the use cannot be written, a valid token
    /// stays valid.
    pub(super) async fn touch_now(&self, user: &CurrentUser) {
        let touch = self.inner().repository.touch(user.id(), user.token().id(), user.checked_at());
        let written =
            timeout(WRITE_NOW_TIMEOUT, touch).await.unwrap_or_else(|_elapsed| Err(ErrorKind::TimedOut.into()));
        if let Err(_error) = written {
            log_warn!(error = &_error as &dyn std::error::Error, "the last use of a token was not recorded");
        }
    }

    /// Whether a use of this token waits that the store needs before it can decide that the token is idle.
    pub(super) fn has_waiting_use(&self, token: TokenKey<'_>, now: Timestamp) -> bool {
        let usage_recorder = &self.inner().usage_recorder;
        usage_recorder.waiting.load(Ordering::Acquire) > 0 && usage_recorder.waiting_use(token, now).is_some()
    }

    /// Looks up a token again that was not found, after its waiting use is written. The store did not have that use
    /// when it found the token idle.
    ///
    /// This does not revive an ended token: the store records a use only of a token that was valid at that time and
    /// still exists.
    pub(super) async fn find_after_waiting_use(
        &self,
        token: TokenKey<'_>,
        now: Timestamp,
    ) -> Result<Option<Found>, Error> {
        let inner = self.inner();
        if let Some(waiting) = inner.usage_recorder.waiting_use(token, now) {
            inner.repository.touch(&waiting.user, waiting.id, waiting.used_at).await?;
        }
        inner.repository.find_in_store(token, now).await
    }
}

/// The only task that writes. If its runtime ends before it is done, it makes room for the next one.
struct Writer {
    tokens: Tokens,
    is_done: bool,
}

impl Writer {
    /// Writes the waiting uses, one after the other, until the queue is empty.
    async fn write(mut self) {
        let tokens = self.tokens.clone();
        let inner = tokens.inner();
        while let Some(waiting) = self.next() {
            let touch = inner.repository.touch(&waiting.user, waiting.id, waiting.used_at);
            let written =
                timeout(WRITE_TIMEOUT, touch).await.unwrap_or_else(|_elapsed| Err(ErrorKind::TimedOut.into()));
            if let Err(_error) = &written {
                log_warn!(error = _error as &dyn std::error::Error, "the last use of a token was not recorded");
                tokio::time::sleep(REST).await;
            }
            // Only after writing: a use in the meantime is this one, or a newer one of the same entry.
            inner.usage_recorder.settle(&waiting, written.is_ok(), tokens.now());
        }
    }

    fn next(&mut self) -> Option<WaitingUse> {
        let mut queue = self.tokens.inner().usage_recorder.queue();
        let next = queue.order.front().and_then(|digest| queue.uses.get(digest)).cloned();
        queue.has_writer = next.is_some();
        self.is_done = next.is_none();
        next
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_done {
            self.tokens.inner().usage_recorder.queue().has_writer = false;
        }
    }
}
