//! Tokens that work once.

use std::future::Future;

use serde::de::DeserializeOwned;
use time::Duration;
use tokio::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::sealed::once::redemption::{Redemption, RedemptionRepository, ReserveOutcome};
use crate::sealed::opened::Opened;
use crate::sealed::sealer::Sealer;

/// How long the work may take: shorter than the lease, so that two never work at once though their clocks differ a little.
const WORK_LIMIT: std::time::Duration = std::time::Duration::from_secs(45);

/// The same by the sealer's clock, which counts while a machine is suspended.
const CLAIMED_WORK_LIMIT: Duration = Duration::seconds(45);

impl Sealer {
    /// Opens a token and uses it up, in one step: reserves it, does `work`, and marks it used if the work succeeded.
    ///
    /// Of any number of concurrent redeemers one wins. What fails does not burn the token: neither a text that does not
    /// open, nor work that fails, which gives the token back.
    ///
    /// The token is reserved for 60 seconds, and the work has 45 of them: both run from the moment of reserving, by this
    /// process's clock. So two redeemers never work at once while the clocks of the nodes differ by less than 15 seconds.
    ///
    /// A crash in the middle leaves the token reserved for 60 seconds; then it works again. So the work may have been done
    /// when it is started a second time: work that must not be done twice should be bound to the state that it changes
    /// ([`bound_to_state`](Sealer::bound_to_state)), as a password reset is to the old password.
    ///
    /// # Errors
    /// As [`open`](Sealer::open). [`ErrorKind::AlreadyUsed`] for a token that was used, or is being used at this moment. A
    /// redeemer that is held up (by a suspended machine) until another one takes the token over gets the same error, with a
    /// source that says so: its work was done, and may have been done twice. [`ErrorKind::TimedOut`] for work that is
    /// not done 45 seconds after reserving began. [`ErrorKind::Unavailable`] when the store does not answer: if that is
    /// after the work, the work stays done and the token works again after 60 seconds.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with its time driver (`enable_time`), which measures the 45 seconds.
    ///
    /// # Cancel safety
    /// A future that is dropped during the work leaves the token reserved for 60 seconds; then it works again.
    ///
    /// # Example
    /// ```
    /// use time::Duration;
    /// use tower_tokens::error::{Error, ErrorKind};
    /// use tower_tokens::sealed::{Key, KeyRing, MemoryRedemptions, Sealer};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
    /// let sealer = Sealer::new(KeyRing::new(Key::generate("2026-11")?), "voucher")?;
    /// let store = MemoryRedemptions::new();
    /// let voucher = sealer.seal(&500, Duration::days(30))?;
    ///
    /// let credit = async |amount: i64| Ok::<i64, Error>(100 + amount);
    /// let balance = sealer.redeem(voucher.expose_secret(), &store, |voucher| credit(voucher.into_payload())).await?;
    /// assert_eq!(balance, 600);
    ///
    /// let again = sealer.redeem(voucher.expose_secret(), &store, |voucher| credit(voucher.into_payload())).await;
    /// assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyUsed);
    /// # Ok(()) }
    /// ```
    pub async fn redeem<P, R, Work, T, E>(
        &self,
        text: &str,
        store: &R,
        work: impl FnOnce(Opened<P>) -> Work + Send,
    ) -> Result<T, E>
    where
        P: DeserializeOwned + Send,
        R: RedemptionRepository + ?Sized,
        Work: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        self.open(text)?.redeem(store, work).await
    }
}

impl<P: Send> Opened<P> {
    /// Uses an opened token up: the second half of [`Sealer::redeem`], for a token whose state was
    /// [confirmed](super::Unverified::confirm) in between.
    ///
    /// The token is judged again, as it stands at this moment: how long ago it was opened does not matter.
    ///
    /// # Errors
    /// As [`Sealer::redeem`].
    ///
    /// # Panics
    /// As [`Sealer::redeem`].
    ///
    /// # Cancel safety
    /// As [`Sealer::redeem`].
    pub async fn redeem<R, Work, T, E>(self, store: &R, work: impl FnOnce(Self) -> Work + Send) -> Result<T, E>
    where
        R: RedemptionRepository + ?Sized,
        Work: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        // Before the redemption's time is taken, so that waiting for the store is a part of the work's time.
        let deadline = Instant::now() + WORK_LIMIT;
        let redemption = Redemption::new(self.uuid(), self.judge()?, self.expires_at())?;
        let clock = self.sealer.clone();
        match store.reserve(&redemption).await? {
            ReserveOutcome::Reserved => {}
            ReserveOutcome::InUse => {
                let why = "the token is being used at this moment";
                return Err(Error::with_source(ErrorKind::AlreadyUsed, why).into());
            }
            ReserveOutcome::Used => return Err(Error::new(ErrorKind::AlreadyUsed).into()),
        }
        // A time-out polls what it bounds once before it looks at the time.
        let is_late = Instant::now() >= deadline || clock.now() >= redemption.now + CLAIMED_WORK_LIMIT;
        let done = if is_late { None } else { tokio::time::timeout_at(deadline, work(self)).await.ok() };
        match done.unwrap_or_else(|| Err(Error::new(ErrorKind::TimedOut).into())) {
            Ok(value) => match store.commit(&redemption).await? {
                true => Ok(value),
                false => {
                    crate::log::log_warn!(uuid = %redemption.uuid, "a one-time token was taken over while it was used");
                    let why = "another redeemer took the token over: the work may have been done twice";
                    Err(Error::with_source(ErrorKind::AlreadyUsed, why).into())
                }
            },
            Err(error) => {
                // The work's own error is what the caller needs; the lease gives the token back if the store does not.
                if let Err(_error) = store.release(&redemption).await {
                    crate::log::log_warn!(uuid = %redemption.uuid, error = %_error, "a one-time token was not given back");
                }
                Err(error)
            }
        }
    }
}
