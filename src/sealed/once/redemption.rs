//! What a store of redeemed tokens must do, and what it is asked.

use async_trait::async_trait;
use time::Duration;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::random;
use crate::token::{Expiry, TokenUuid};

/// How long a redeemer holds a token, from the moment of reserving it. Our choice: longer than any request that a browser
/// waits for.
pub(in crate::sealed) const LEASE: Duration = Duration::seconds(60);

/// How long the number of a used or revoked token is kept after the token has expired: 48 hours.
///
/// Our choice, and the same as the `PRUNING_MARGIN` of stored tokens. Whoever prunes may have a clock that runs ahead: a
/// number that it forgot too early would let a used token work again wherever the clock is right. Two days cover every
/// mistake with a time zone or a date, and cost the space of two more days' tokens.
pub const USED_NUMBERS_MARGIN: Duration = Duration::hours(48);

/// Where the numbers of redeemed tokens are kept: a table with the UUID as its primary key.
///
/// 1. [`reserve`](Self::reserve) is one atomic step: of any number of redemptions that race for one token exactly one gets
///    [`Reserved`](ReserveOutcome::Reserved). The others get [`InUse`](ReserveOutcome::InUse), or
///    [`Used`](ReserveOutcome::Used) if it was committed by then.
/// 2. A lease ends when `now >= lease_ends_at`, by the `now` of the redemption that comes then: that redemption takes the token over,
///    and again exactly one of any number that race.
/// 3. [`commit`](Self::commit) works for the redemption that holds the token and for no other. A holder whose lease has ended
///    still holds the token until another redemption takes it over: its commit is good, so that what was done once is not done
///    again. After a takeover its commit says `false` and changes nothing.
/// 4. [`release`](Self::release) works for the redemption that holds the token and for no other. After a commit it changes
///    nothing.
/// 5. After a commit, `reserve` answers [`Used`](ReserveOutcome::Used) until [`keep_until`](Redemption::keep_until), for a redemption of
///    any time.
/// 6. [`delete_expired`](Self::delete_expired) forgets a token when `now >= keep_until`, and not a second earlier. It is
///    bounded and says how many it forgot. A token whose `keep_until` is never is kept.
/// 7. Of two redemptions of one token the later `keep_until` counts: it never gets shorter.
/// 8. Tokens do not mix: what happens to one changes no other.
/// 9. Time is the caller's: no store asks its database for the time.
///
/// Each clause is one or more cases of [`redemption_conformance!`](crate::redemption_conformance) (feature `conformance`),
/// for your own store too.
///
/// # Errors
/// Every method gives [`ErrorKind::Unavailable`](crate::error::ErrorKind::Unavailable) when the store does not answer.
#[async_trait]
pub trait RedemptionRepository: std::fmt::Debug + Send + Sync + 'static {
    /// Takes the token for this redemption, unless it was used or is in use.
    ///
    /// # Errors
    /// As at the trait.
    async fn reserve(&self, redemption: &Redemption) -> Result<ReserveOutcome, Error>;

    /// Marks the token used, for good. `false`: this redemption does not hold it any more.
    ///
    /// # Errors
    /// As at the trait.
    async fn commit(&self, redemption: &Redemption) -> Result<bool, Error>;

    /// Gives the token back, if this redemption still holds it.
    ///
    /// # Errors
    /// As at the trait.
    async fn release(&self, redemption: &Redemption) -> Result<(), Error>;

    /// Forgets up to `limit` tokens whose [`keep_until`](Redemption::keep_until) has come at `now`, and says how many it
    /// forgot.
    ///
    /// # Errors
    /// As at the trait.
    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error>;
}

/// One attempt to redeem one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redemption {
    /// The token.
    pub uuid: TokenUuid,
    /// Who redeems it: a number of this redemption alone.
    pub holder: TokenUuid,
    /// The time of the redemption.
    pub now: Timestamp,
    /// When the redemption ends by itself, should its holder have crashed: 60 seconds after `now`.
    pub lease_ends_at: Timestamp,
    /// When the token need not be remembered any longer: [`USED_NUMBERS_MARGIN`] after it has expired.
    pub keep_until: Expiry,
}

/// What a store says to a [`Redemption`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a store has nothing else to say")]
pub enum ReserveOutcome {
    /// The token is this redemption's until its lease ends.
    Reserved,
    /// Another redemption is using it at this moment.
    InUse,
    /// It was used.
    Used,
}

impl Redemption {
    /// A redemption, made at `now`, of the token with this number, which expires at `expires_at`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::error::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn new(uuid: TokenUuid, now: Timestamp, expires_at: Expiry) -> Result<Self, Error> {
        let mut holder = [0; 16];
        random::fill(&mut holder)?;
        let holder = TokenUuid::from_random_bytes(holder);
        let keep_until = match expires_at {
            Expiry::At(end) => Expiry::At(end + USED_NUMBERS_MARGIN),
            Expiry::Never => Expiry::Never,
        };
        Ok(Self { uuid, holder, now, lease_ends_at: now + LEASE, keep_until })
    }
}

/// The later of two ends.
pub(in crate::sealed) fn later(one: Expiry, other: Expiry) -> Expiry {
    match (one, other) {
        (Expiry::At(one), Expiry::At(other)) => Expiry::At(one.max(other)),
        (Expiry::Never, _) | (_, Expiry::Never) => Expiry::Never,
    }
}
