//! The clauses of [`RedemptionRepository`]: tokens that work once.

use std::sync::Arc;

use time::Duration;
use tokio::sync::Barrier;

use crate::clock::Timestamp;
use crate::conformance::helpers::{RACERS, at};
use crate::sealed::{Redemption, RedemptionRepository, ReserveOutcome, TokenUuid};
use crate::token::Expiry;

/// The number of token `n`.
fn uuid(n: u8) -> TokenUuid {
    TokenUuid::from_bytes([n; 16])
}

/// A redemption of its own, of token `n`, which expires a day after the start.
fn redemption(n: u8, now: Timestamp) -> Redemption {
    claim_until(n, now, Expiry::At(at(86_400)))
}

fn claim_until(n: u8, now: Timestamp, expires_at: Expiry) -> Redemption {
    Redemption::new(uuid(n), now, expires_at).expect("the operating system gives random bytes")
}

/// When the token of this redemption may be forgotten.
fn keep_until(redemption: &Redemption) -> Timestamp {
    redemption.keep_until.at().expect("the token expires")
}

async fn reserve<R: RedemptionRepository + ?Sized>(store: &R, redemption: &Redemption) -> ReserveOutcome {
    store.reserve(redemption).await.expect("the store answers")
}

/// A redemption that holds token `n` from `now` on.
async fn reserved<R: RedemptionRepository + ?Sized>(store: &R, n: u8, now: Timestamp) -> Redemption {
    let redemption = redemption(n, now);
    assert_eq!(reserve(store, &redemption).await, ReserveOutcome::Reserved, "a token that is free can be reserved");
    redemption
}

async fn commit<R: RedemptionRepository + ?Sized>(store: &R, redemption: &Redemption) -> bool {
    store.commit(redemption).await.expect("the store answers")
}

async fn release<R: RedemptionRepository + ?Sized>(store: &R, redemption: &Redemption) {
    store.release(redemption).await.expect("the store answers");
}

async fn delete_expired<R: RedemptionRepository + ?Sized>(store: &R, now: Timestamp, limit: u32) -> u64 {
    store.delete_expired(now, limit).await.expect("the store answers")
}

/// What a new redemption of token `n` at `now` gets.
async fn asked<R: RedemptionRepository + ?Sized>(store: &R, n: u8, now: Timestamp) -> ReserveOutcome {
    reserve(store, &redemption(n, now)).await
}

/// A token that this store marked used, and the redemption that did it.
async fn used<R: RedemptionRepository + ?Sized>(store: &R, n: u8) -> Redemption {
    let redemption = reserved(store, n, at(0)).await;
    assert!(commit(store, &redemption).await, "the holder commits");
    redemption
}

/// The redemptions of [`RACERS`] tasks that reserve token `n` at once, and what each got.
async fn race<R: RedemptionRepository>(store: &Arc<R>, n: u8, now: Timestamp) -> Vec<(Redemption, ReserveOutcome)> {
    let line = Arc::new(Barrier::new(RACERS));
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let (line, store, redemption) = (Arc::clone(&line), Arc::clone(store), redemption(n, now));
            tokio::spawn(async move {
                line.wait().await;
                (redemption, reserve(&*store, &redemption).await)
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(RACERS);
    for racer in racers {
        answers.push(racer.await.expect("a racer comes home"));
    }
    answers
}

/// The one redemption of a race that was reserved; all others were answered that the token is in use.
fn winner(answers: &[(Redemption, ReserveOutcome)]) -> Redemption {
    let reserved: Vec<_> = answers.iter().filter(|(_, answer)| *answer == ReserveOutcome::Reserved).collect();
    assert_eq!(reserved.len(), 1, "exactly one of the racing claims is reserved");
    let in_use = answers.iter().filter(|(_, answer)| *answer == ReserveOutcome::InUse).count();
    assert_eq!(in_use, answers.len() - 1, "the others learn that the token is in use");
    reserved[0].0
}

/// Clause 1: of any number of redemptions that race for one token exactly one reserves it.
pub async fn of_racing_claims_exactly_one_is_reserved<R: RedemptionRepository>(store: R) {
    let store = Arc::new(store);
    for n in 0..10 {
        let winner = winner(&race(&store, n, at(0)).await);
        assert!(commit(&*store, &winner).await, "the winner holds it");
        assert_eq!(asked(&*store, n, at(0)).await, ReserveOutcome::Used);
    }
}

/// Clause 1: a redemption of a token that is reserved, or used, gets that answer.
pub async fn a_token_in_use_is_not_a_used_one<R: RedemptionRepository>(store: R) {
    let holder = reserved(&store, 1, at(0)).await;
    assert_eq!(asked(&store, 1, at(0)).await, ReserveOutcome::InUse);
    assert_eq!(asked(&store, 1, at(1)).await, ReserveOutcome::InUse);
    assert!(commit(&store, &holder).await);
    assert_eq!(asked(&store, 1, at(1)).await, ReserveOutcome::Used);
}

/// Clause 2: a lease ends when `now >= lease_ends_at`.
pub async fn a_lease_ends_at_its_edge<R: RedemptionRepository>(store: R) {
    let first = reserved(&store, 1, at(0)).await;
    let last_second = first.lease_ends_at + Duration::seconds(-1);
    assert_eq!(asked(&store, 1, last_second).await, ReserveOutcome::InUse, "a second before its end");
    assert_eq!(asked(&store, 1, first.lease_ends_at).await, ReserveOutcome::Reserved, "at its end");
}

/// Clause 2: of any number of redemptions that race for a token whose lease has ended exactly one takes it over, for a lease
/// of its own.
pub async fn of_racing_takeovers_exactly_one_is_reserved<R: RedemptionRepository>(store: R) {
    let store = Arc::new(store);
    for n in 0..10 {
        let vanished = reserved(&*store, n, at(0)).await;
        let winner = winner(&race(&store, n, vanished.lease_ends_at).await);
        let last_second = winner.lease_ends_at + Duration::seconds(-1);
        assert_eq!(asked(&*store, n, last_second).await, ReserveOutcome::InUse, "the new lease runs");
        assert!(!commit(&*store, &vanished).await, "the token was taken over");
        assert!(commit(&*store, &winner).await, "the winner holds it");
    }
}

/// Clause 3: a redemption that does not hold the token commits nothing.
pub async fn commit_is_for_the_holder_alone<R: RedemptionRepository>(store: R) {
    assert!(!commit(&store, &redemption(1, at(0))).await, "nothing is reserved");
    let holder = reserved(&store, 1, at(0)).await;
    assert!(!commit(&store, &redemption(1, at(0))).await, "another redemption holds it");
    assert_eq!(asked(&store, 1, at(0)).await, ReserveOutcome::InUse, "and it is not used");
    assert!(commit(&store, &holder).await);
    assert!(!commit(&store, &redemption(1, at(0))).await, "it is used");
}

/// Clause 3: a holder whose lease has ended commits, if the token was not taken over.
pub async fn a_lapsed_lease_commits_until_it_is_taken_over<R: RedemptionRepository>(store: R) {
    let late = reserved(&store, 1, at(0)).await;
    assert!(commit(&store, &late).await, "no other redemption came");
    let long_after = late.lease_ends_at + Duration::hours(1);
    assert_eq!(asked(&store, 1, long_after).await, ReserveOutcome::Used, "what was done is not done again");
}

/// Clauses 3 and 4: a holder that comes back after a takeover changes nothing.
pub async fn a_holder_that_lost_the_token_changes_nothing<R: RedemptionRepository>(store: R) {
    let first = reserved(&store, 1, at(0)).await;
    let second = reserved(&store, 1, first.lease_ends_at).await;
    assert!(!commit(&store, &first).await, "the second holds it");
    release(&store, &first).await;
    assert_eq!(asked(&store, 1, first.lease_ends_at).await, ReserveOutcome::InUse, "the second still holds it");
    assert!(commit(&store, &second).await, "and commits");
    release(&store, &first).await;
    assert_eq!(asked(&store, 1, first.lease_ends_at).await, ReserveOutcome::Used);
}

/// Clause 4: what its holder gives back can be reserved at once.
pub async fn a_released_token_is_free<R: RedemptionRepository>(store: R) {
    let first = reserved(&store, 1, at(0)).await;
    release(&store, &first).await;
    assert!(!commit(&store, &first).await, "what was given back is not held");
    let second = reserved(&store, 1, at(0)).await;
    assert!(commit(&store, &second).await);
}

/// Clause 4: a redemption that does not hold the token releases nothing.
pub async fn release_is_for_the_holder_alone<R: RedemptionRepository>(store: R) {
    release(&store, &redemption(1, at(0))).await;
    let holder = reserved(&store, 1, at(0)).await;
    release(&store, &redemption(1, at(0))).await;
    assert_eq!(asked(&store, 1, at(0)).await, ReserveOutcome::InUse);
    assert!(commit(&store, &holder).await);
}

/// Clause 4: a release after the commit changes nothing.
pub async fn release_never_frees_a_used_token<R: RedemptionRepository>(store: R) {
    let holder = used(&store, 1).await;
    release(&store, &holder).await;
    assert_eq!(asked(&store, 1, at(0)).await, ReserveOutcome::Used);
}

/// Clause 5: a used token is used for a redemption of any time.
pub async fn a_used_token_stays_used<R: RedemptionRepository>(store: R) {
    let holder = used(&store, 1).await;
    let end = keep_until(&holder);
    for now in [at(0), holder.lease_ends_at, at(86_400), end + Duration::seconds(-1)] {
        assert_eq!(asked(&store, 1, now).await, ReserveOutcome::Used, "{now}");
    }
    // By a clock that is behind.
    assert_eq!(asked(&store, 1, at(-3_600)).await, ReserveOutcome::Used);
}

/// Clause 6: a token is forgotten when `now >= keep_until`.
pub async fn delete_expired_forgets_at_the_edge<R: RedemptionRepository>(store: R) {
    let holder = used(&store, 1).await;
    reserved(&store, 2, at(0)).await;
    let end = keep_until(&holder);
    assert_eq!(delete_expired(&store, end + Duration::seconds(-1), 10).await, 0, "a second before");
    assert_eq!(asked(&store, 1, end + Duration::seconds(-1)).await, ReserveOutcome::Used);
    assert_eq!(delete_expired(&store, end, 10).await, 2, "the used and the reserved one");
    assert_eq!(delete_expired(&store, end, 10).await, 0, "they are gone");
}

/// Clause 6: at most as many as asked for, and it says how many.
pub async fn delete_expired_forgets_no_more_than_asked<R: RedemptionRepository>(store: R) {
    let mut end = at(0);
    for n in 0..5 {
        end = keep_until(&used(&store, n).await);
    }
    assert_eq!(delete_expired(&store, end, 0).await, 0);
    assert_eq!(delete_expired(&store, end, 2).await, 2);
    assert_eq!(delete_expired(&store, end, 2).await, 2);
    assert_eq!(delete_expired(&store, end, 2).await, 1);
}

/// Clause 6: the number of a token that never expires is kept.
pub async fn what_never_expires_is_never_forgotten<R: RedemptionRepository>(store: R) {
    let never = claim_until(1, at(0), Expiry::Never);
    assert_eq!(reserve(&store, &never).await, ReserveOutcome::Reserved);
    assert!(commit(&store, &never).await);
    assert_eq!(delete_expired(&store, Timestamp::from_unix_seconds(i64::MAX), 10).await, 0);
    assert_eq!(asked(&store, 1, at(0)).await, ReserveOutcome::Used);
}

/// Clause 7: the later of two ends counts, whichever redemption brings it.
pub async fn what_is_kept_is_never_kept_shorter<R: RedemptionRepository>(store: R) {
    let ends = [Expiry::At(at(100)), Expiry::At(at(200)), Expiry::Never];
    let mut n = 0;
    for first_end in ends {
        for second_end in ends {
            n += 1;
            let first = claim_until(n, at(0), first_end);
            assert_eq!(reserve(&store, &first).await, ReserveOutcome::Reserved);
            let second = claim_until(n, first.lease_ends_at, second_end);
            assert_eq!(reserve(&store, &second).await, ReserveOutcome::Reserved);
            assert!(commit(&store, &second).await);

            let end = [&first, &second].map(|redemption| redemption.keep_until.at());
            let [Some(first), Some(second)] = end else {
                assert_eq!(delete_expired(&store, Timestamp::from_unix_seconds(i64::MAX), 10).await, 0, "never");
                continue;
            };
            let end = first.max(second);
            assert_eq!(delete_expired(&store, end + Duration::seconds(-1), 10).await, 0, "the later end counts");
            assert_eq!(asked(&store, n, end + Duration::seconds(-1)).await, ReserveOutcome::Used);
            assert_eq!(delete_expired(&store, end, 10).await, 1);
        }
    }
}

/// Clause 8: what happens to one token changes no other.
pub async fn tokens_do_not_mix<R: RedemptionRepository>(store: R) {
    let [one, other] = [reserved(&store, 1, at(0)).await, reserved(&store, 2, at(0)).await];
    release(&store, &one).await;
    assert_eq!(asked(&store, 2, at(0)).await, ReserveOutcome::InUse);
    assert!(commit(&store, &other).await);
    let again = reserved(&store, 1, at(0)).await;
    // The same holder's redemption of another token.
    let mut crossed = again;
    crossed.uuid = uuid(3);
    assert!(!commit(&store, &crossed).await);
    assert_eq!(asked(&store, 3, at(0)).await, ReserveOutcome::Reserved);
    assert!(commit(&store, &again).await);
}

/// Clause 9: no store asks for the time; redemptions of any century are judged by their own `now`.
pub async fn a_claims_time_is_the_callers<R: RedemptionRepository>(store: R) {
    for (n, start) in [(1, -5_000_000_000), (2, 0), (3, 9_000_000_000), (4, 200_000_000_000)] {
        let start = Timestamp::from_unix_seconds(start);
        let expires = Expiry::At(start + Duration::minutes(15));
        let first = claim_until(n, start, expires);
        assert_eq!(reserve(&store, &first).await, ReserveOutcome::Reserved);
        let soon = claim_until(n, start + Duration::seconds(1), expires);
        assert_eq!(reserve(&store, &soon).await, ReserveOutcome::InUse, "{start}");
        let late = claim_until(n, first.lease_ends_at, expires);
        assert_eq!(reserve(&store, &late).await, ReserveOutcome::Reserved, "{start}");
        assert!(commit(&store, &late).await);
        let end = keep_until(&late);
        assert_eq!(delete_expired(&store, end + Duration::seconds(-1), 10).await, 0, "{start}");
        assert_eq!(delete_expired(&store, end, 10).await, 1, "{start}");
    }
}
