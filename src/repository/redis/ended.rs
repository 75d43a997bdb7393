//! What ended tokens leave behind, in bounded steps.
//!
//! When all tokens of a user end, their list is moved away in one step, after which they are over. Removing them is a
//! matter of room: some at once, the rest with each new token and each pruning.

use crate::error::Error;
use crate::random;
use crate::repository::redis::RedisRepository;
use crate::repository::redis::scripts;

/// How many tokens one script removes at most: Redis answers no other call meanwhile. Our choice: about a millisecond.
pub(super) const BATCH: u64 = 250;

/// How many further scripts the call that ended them runs. Our choice: 5,000 tokens, in well under a second.
const STEPS: usize = 20;

/// A new name for a list that is moved away.
pub(super) fn list_name() -> Result<[u8; 16], Error> {
    let mut name = [0; 16];
    random::fill(&mut name)?;
    Ok(name)
}

impl RedisRepository {
    /// Removes some of the `left` tokens of a list that was moved away. Says how many tokens there were: of those that
    /// it did not get to, each counts. A failure does not concern the caller: the tokens are over already.
    pub(super) async fn remove_ended(&self, name: &[u8], mut left: u64) -> u64 {
        let mut removed = 0;
        for _ in 0..STEPS {
            if left == 0 {
                break;
            }
            match self.sweep(name, BATCH).await {
                Ok((count, still_left, _)) => (removed, left) = (removed + count, still_left),
                Err(_) => break,
            }
        }
        removed + left
    }

    /// Removes up to about `limit` tokens that have ended with all of their user's.
    pub(super) async fn sweep_ended(&self, limit: u32) -> Result<(), Error> {
        let mut room = u64::from(limit);
        while room > 0 {
            let batch = room.min(BATCH);
            let (_, _, lists) = self.sweep(b"", batch).await?;
            if lists == 0 {
                break;
            }
            room -= batch;
        }
        Ok(())
    }

    /// How many tokens of this list (without a name: the oldest) were there and were removed, how many are left in it,
    /// and how many lists there are.
    async fn sweep(&self, name: &[u8], limit: u64) -> Result<(u64, u64, u64), Error> {
        self.change(&scripts::SWEEP, &[name, limit.to_string().as_bytes()]).await
    }
}
