//! Prune: remove expired tokens.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, timeout};

use crate::error::{Error, ErrorKind};
use crate::lifecycle::Tokens;
use crate::log::{log_debug, log_warn};

/// How many tokens one statement removes at most. Our choice: few enough that locks are held only for a short time.
const BATCH: u32 = 1_000;

/// How long the task prunes at most at one time. Our choice: a connection that hangs must not stop pruning for ever,
/// and tokens that were removed until then stay removed.
const PRUNE_TIMEOUT: Duration = Duration::from_secs(60);

impl Tokens {
    /// Removes every token that ended longer ago than the [margin](Self::with_pruning_margin), 1,000 at a time. Returns
    /// how many.
    ///
    /// An expired token is never valid, pruned or not: pruning only frees space. The margin, 48 hours, protects tokens
    /// against a clock that runs ahead, by which they seem to have ended.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the store does not answer; tokens that were removed
    /// until then stay removed.
    ///
    /// # Source
    /// Trongate's `delete_old_tokens`.
    pub async fn prune(&self) -> Result<u64, Error> {
        let now = self.now() - self.inner().longer_pruning_margin;
        let mut total = 0;
        loop {
            let removed = self.inner().repository.delete_expired(now, BATCH).await?;
            total += removed;
            if removed < u64::from(BATCH) {
                return Ok(total);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Prunes at once and then every `interval`, in a separate task, until [`PruningTask::stop`] or the end of the
    /// runtime. An error is logged, and so is a run that takes longer than a minute; the next interval tries again.
    ///
    /// # Panics
    /// If it is called outside of a Tokio runtime with its time driver, or if `interval` is zero.
    #[expect(clippy::must_use_candidate, reason = "the task continues when its handle is dropped")]
    pub fn spawn_pruning(&self, interval: Duration) -> PruningTask {
        let tokens = self.clone();
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        PruningTask(tokio::spawn(async move {
            loop {
                ticks.tick().await;
                match timeout(PRUNE_TIMEOUT, tokens.prune())
                    .await
                    .unwrap_or_else(|_elapsed| Err(ErrorKind::TimedOut.into()))
                {
                    Ok(_removed) => {
                        log_debug!(removed = _removed, "pruned expired tokens");
                    }
                    Err(_error) => {
                        log_warn!(error = &_error as &dyn std::error::Error, "expired tokens were not pruned");
                    }
                }
            }
        }))
    }
}

/// The task that [`Tokens::spawn_pruning`] started. It continues when this handle is dropped.
#[derive(Debug)]
pub struct PruningTask(JoinHandle<()>);

impl PruningTask {
    /// Stops the task.
    pub fn stop(self) {
        self.0.abort();
    }
}
