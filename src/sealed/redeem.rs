//! Tokens that work once.

use std::future::Future;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::sealed::opened::Opened;
use crate::sealed::sealer::Sealer;
use crate::sealed::uuid::TokenUuid;
use crate::token::Expiry;

/// How long a redeemer holds a token. Our choice: longer than any request that a browser waits for.
const LEASE: Duration = Duration::seconds(60);

/// How long the work may take: shorter than the lease, so that two never work at once though their clocks differ a little.
const WORK_LIMIT: std::time::Duration = std::time::Duration::from_secs(45);

/// Where the numbers of redeemed tokens are kept: a table with the UUID as its primary key.
///
/// 1. [`reserve`](Self::reserve) is one atomic step: of any number of racing claims for one token exactly one gets
///    [`Reserved`](Reservation::Reserved). A lease that has ended (`now >= lease_ends_at`) counts as given back.
/// 2. [`commit`](Self::commit) and [`release`](Self::release) work for the claim that holds the token and for no other:
///    who comes back after the lease and finds another holder changes nothing.
/// 3. After a commit, `reserve` answers [`Used`](Reservation::Used) until [`keep_until`](Claim::keep_until).
/// 4. Time is the caller's: no store asks its database for the time.
///
/// # Errors
/// Every method gives [`ErrorKind::Unavailable`] when the store does not answer.
#[async_trait]
pub trait RedemptionRepository: std::fmt::Debug + Send + Sync + 'static {
    /// Takes the token for this claim, if nobody has used it or is using it.
    ///
    /// # Errors
    /// As at the trait.
    async fn reserve(&self, claim: &Claim) -> Result<Reservation, Error>;

    /// Marks the token used, for good. `false`: this claim does not hold it any more.
    ///
    /// # Errors
    /// As at the trait.
    async fn commit(&self, claim: &Claim) -> Result<bool, Error>;

    /// Gives the token back, if this claim still holds it.
    ///
    /// # Errors
    /// As at the trait.
    async fn release(&self, claim: &Claim) -> Result<(), Error>;

    /// Forgets up to `limit` tokens that are expired at `now`, which open no more anyhow, and says how many it were.
    ///
    /// # Errors
    /// As at the trait.
    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error>;
}

/// One redeemer's claim to one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The token.
    pub uuid: TokenUuid,
    /// Who claims it: a number of this claim alone.
    pub holder: TokenUuid,
    /// The present time.
    pub now: Timestamp,
    /// When the claim ends by itself, should its holder have crashed.
    pub lease_ends_at: Timestamp,
    /// When the token expires, and need not be remembered any longer.
    pub keep_until: Expiry,
}

/// What a store says to a [`Claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a store has nothing else to say")]
pub enum Reservation {
    /// The token is this claim's until its lease ends.
    Reserved,
    /// Somebody else is using it at this moment.
    InUse,
    /// It was used.
    Used,
}

impl Claim {
    /// A claim to the token with this number.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the operating system gives no random bytes.
    pub fn new(uuid: TokenUuid, now: Timestamp, keep_until: Expiry) -> Result<Self, Error> {
        let mut holder = [0; 16];
        random::fill(&mut holder)?;
        let holder = TokenUuid::from_random(holder);
        Ok(Self { uuid, holder, now, lease_ends_at: now + LEASE, keep_until })
    }
}

impl Sealer {
    /// Opens a token and uses it up, in one step: reserves it, does `work`, and marks it used if the work succeeded.
    ///
    /// Of any number of concurrent redeemers one wins. What fails does not burn the token: neither a text that does not
    /// open, nor work that fails, which gives the token back.
    ///
    /// A crash in the middle leaves the token reserved for 60 seconds; then it works again. So the work may have been done
    /// when it is started a second time: work that must not be done twice should be bound to the state that it changes
    /// ([`bound_to_state`](Sealer::bound_to_state)), as a password reset is to the old password.
    ///
    /// # Errors
    /// As [`open`](Sealer::open). [`ErrorKind::AlreadyUsed`] for a token that was used, or is being used at this moment.
    /// [`ErrorKind::TimedOut`] for work that takes more than 45 seconds. [`ErrorKind::Unavailable`] when the store does not
    /// answer: if that is after the work, the work stays done and the token works again after 60 seconds.
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
    /// [confirmed](super::Unconfirmed::confirm) in between.
    ///
    /// # Errors
    /// As [`Sealer::redeem`]; [`ErrorKind::Expired`] for a token that was opened though it had expired.
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
        if self.is_expired() {
            return Err(Error::new(ErrorKind::Expired).into());
        }
        let claim = Claim::new(self.uuid(), self.checked_at_timestamp(), self.expires_at())?;
        match store.reserve(&claim).await? {
            Reservation::Reserved => {}
            Reservation::InUse => {
                let why = "the token is being used at this moment";
                return Err(Error::with_source(ErrorKind::AlreadyUsed, why).into());
            }
            Reservation::Used => return Err(Error::new(ErrorKind::AlreadyUsed).into()),
        }
        let done = tokio::time::timeout(WORK_LIMIT, work(self)).await;
        match done.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut).into())) {
            Ok(value) => {
                if !store.commit(&claim).await? {
                    crate::log::log_warn!(uuid = %claim.uuid, "a one-time token outlived its lease while it was used");
                }
                Ok(value)
            }
            Err(error) => {
                // The work's own error is what the caller needs; the lease gives the token back if the store does not.
                if let Err(_error) = store.release(&claim).await {
                    crate::log::log_warn!(uuid = %claim.uuid, error = %_error, "a one-time token was not given back");
                }
                Err(error)
            }
        }
    }
}
