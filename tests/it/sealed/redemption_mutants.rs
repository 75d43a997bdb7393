//! The suite for redemptions fails on stores that are broken on purpose, each in one way.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Mutex;

use async_trait::async_trait;
use time::Duration;
use tower_tokens::clock::{Clock, SystemClock, Timestamp};
use tower_tokens::conformance;
use tower_tokens::error::Error;
use tower_tokens::sealed::{Redemption, RedemptionRepository, ReserveOutcome, TokenUuid};
use tower_tokens::token::Expiry;

/// What is wrong with a [`Mutant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    ReserveIsTwoSteps,
    ReserveIgnoresTheLease,
    ReserveTakesUsedTokens,
    ReserveCallsUsedTokensInUse,
    LeaseNeverEnds,
    LeaseEndsOneSecondEarly,
    LeaseEndsOneSecondLate,
    TakeoverKeepsTheOldLease,
    TakeoverKeepsTheOldHolder,
    CommitIgnoresTheHolder,
    CommitRefusesALapsedLease,
    CommitMarksNothing,
    CommitAlwaysSaysYes,
    CommitIgnoresTheToken,
    ReleaseIgnoresTheHolder,
    ReleaseFreesUsedTokens,
    ReleaseDoesNothing,
    DeleteExpiredIsUnbounded,
    DeleteExpiredIsOneSecondEarly,
    DeleteExpiredIsOneSecondLate,
    DeleteExpiredKeepsWhatIsReserved,
    DeleteExpiredCountsToTheLimit,
    DeleteExpiredForgetsWhatNeverExpires,
    KeepsTheFirstEnd,
    KeepsTheLastEnd,
    AsksTheSystemForTheTime,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    holder: TokenUuid,
    lease_ends_at: Timestamp,
    keep_until: Expiry,
    used: bool,
}

/// A store with one flaw.
#[derive(Debug)]
struct Mutant {
    flaw: Flaw,
    rows: Mutex<HashMap<TokenUuid, Row>>,
}

impl Mutant {
    fn new(flaw: Flaw) -> Self {
        Self { flaw, rows: Mutex::default() }
    }

    fn now(&self, now: Timestamp) -> Timestamp {
        if self.flaw == Flaw::AsksTheSystemForTheTime { SystemClock.now() } else { now }
    }

    /// Whether the redemption gets the token, as the rows stand.
    fn answer(&self, row: Option<&Row>, redemption: &Redemption) -> ReserveOutcome {
        let Some(row) = row else { return ReserveOutcome::Reserved };
        let shift = match self.flaw {
            Flaw::LeaseEndsOneSecondEarly => Duration::seconds(-1),
            Flaw::LeaseEndsOneSecondLate => Duration::seconds(1),
            _ => Duration::ZERO,
        };
        let in_use = self.now(redemption.now) < row.lease_ends_at + shift || self.flaw == Flaw::LeaseNeverEnds;
        match self.flaw {
            Flaw::ReserveTakesUsedTokens if row.used => ReserveOutcome::Reserved,
            Flaw::ReserveCallsUsedTokensInUse if row.used => ReserveOutcome::InUse,
            _ if row.used => ReserveOutcome::Used,
            Flaw::ReserveIgnoresTheLease => ReserveOutcome::Reserved,
            _ if in_use => ReserveOutcome::InUse,
            _ => ReserveOutcome::Reserved,
        }
    }

    /// The row of a redemption that got the token.
    fn row(&self, before: Option<Row>, redemption: &Redemption) -> Row {
        let keep_until = match (self.flaw, before.map(|row| row.keep_until), redemption.keep_until) {
            (Flaw::KeepsTheFirstEnd, Some(first), _) => first,
            (Flaw::KeepsTheLastEnd, ..) => redemption.keep_until,
            (_, Some(Expiry::At(one)), Expiry::At(other)) => Expiry::At(one.max(other)),
            (_, Some(_), _) => Expiry::Never,
            (_, None, end) => end,
        };
        let mut row =
            Row { holder: redemption.holder, lease_ends_at: redemption.lease_ends_at, keep_until, used: false };
        match (self.flaw, before) {
            (Flaw::TakeoverKeepsTheOldLease, Some(before)) => row.lease_ends_at = before.lease_ends_at,
            (Flaw::TakeoverKeepsTheOldHolder, Some(before)) => row.holder = before.holder,
            _ => {}
        }
        row
    }
}

#[async_trait]
impl RedemptionRepository for Mutant {
    async fn reserve(&self, redemption: &Redemption) -> Result<ReserveOutcome, Error> {
        if self.flaw == Flaw::ReserveIsTwoSteps {
            let before = self.rows.lock().unwrap().get(&redemption.uuid).copied();
            let answer = self.answer(before.as_ref(), redemption);
            tokio::task::yield_now().await;
            if answer == ReserveOutcome::Reserved {
                self.rows.lock().unwrap().insert(redemption.uuid, self.row(before, redemption));
            }
            return Ok(answer);
        }
        let mut rows = self.rows.lock().unwrap();
        let before = rows.get(&redemption.uuid).copied();
        let answer = self.answer(before.as_ref(), redemption);
        if answer == ReserveOutcome::Reserved {
            rows.insert(redemption.uuid, self.row(before, redemption));
        }
        Ok(answer)
    }

    async fn commit(&self, redemption: &Redemption) -> Result<bool, Error> {
        let mut rows = self.rows.lock().unwrap();
        let always = self.flaw == Flaw::CommitAlwaysSaysYes;
        let uuid = match self.flaw {
            Flaw::CommitIgnoresTheToken => {
                rows.iter().find(|(_, row)| row.holder == redemption.holder).map_or(redemption.uuid, |(uuid, _)| *uuid)
            }
            _ => redemption.uuid,
        };
        let Some(row) = rows.get_mut(&uuid) else { return Ok(always) };
        let is_holder = row.holder == redemption.holder || self.flaw == Flaw::CommitIgnoresTheHolder;
        // A commit has no time of its own: such a store would take its own clock.
        let has_lapsed = self.flaw == Flaw::CommitRefusesALapsedLease && SystemClock.now() >= row.lease_ends_at;
        if row.used || !is_holder || has_lapsed {
            return Ok(always);
        }
        row.used = self.flaw != Flaw::CommitMarksNothing;
        Ok(true)
    }

    async fn release(&self, redemption: &Redemption) -> Result<(), Error> {
        let mut rows = self.rows.lock().unwrap();
        if self.flaw == Flaw::ReleaseDoesNothing {
            return Ok(());
        }
        let is_ours = rows.get(&redemption.uuid).is_some_and(|row| {
            (row.holder == redemption.holder || self.flaw == Flaw::ReleaseIgnoresTheHolder)
                && (!row.used || self.flaw == Flaw::ReleaseFreesUsedTokens)
        });
        if is_ours {
            rows.remove(&redemption.uuid);
        }
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut rows = self.rows.lock().unwrap();
        let now = match self.flaw {
            Flaw::DeleteExpiredIsOneSecondEarly => now + Duration::seconds(1),
            Flaw::DeleteExpiredIsOneSecondLate => now + Duration::seconds(-1),
            _ => self.now(now),
        };
        let has_expired = |row: &Row| match row.keep_until {
            Expiry::At(end) => end <= now && (row.used || self.flaw != Flaw::DeleteExpiredKeepsWhatIsReserved),
            Expiry::Never => self.flaw == Flaw::DeleteExpiredForgetsWhatNeverExpires,
        };
        let most = if self.flaw == Flaw::DeleteExpiredIsUnbounded { usize::MAX } else { limit as usize };
        let expired: Vec<_> =
            rows.iter().filter(|(_, row)| has_expired(row)).map(|(uuid, _)| *uuid).take(most).collect();
        rows.retain(|uuid, _| !expired.contains(uuid));
        let counts_wrongly = self.flaw == Flaw::DeleteExpiredCountsToTheLimit;
        Ok(if counts_wrongly { u64::from(limit) } else { expired.len() as u64 })
    }
}

async fn flawless() -> (Mutant, ()) {
    (Mutant::new(Flaw::None), ())
}

tower_tokens::redemption_conformance!(without_a_flaw, super::flawless());

/// Whether the case fails on a store with this flaw. It has to pass without one.
async fn catches<C: Future<Output = ()> + Send + 'static>(case: impl Fn(Mutant) -> C, flaw: Flaw) -> bool {
    tokio::spawn(case(Mutant::new(Flaw::None))).await.unwrap();
    tokio::spawn(case(Mutant::new(flaw))).await.is_err_and(|error| error.is_panic())
}

macro_rules! mutants {
    ($($name:ident: $flaw:ident is caught by $($case:ident),+;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                $(assert!(catches(conformance::$case, Flaw::$flaw).await, stringify!($case));)+
            }
        )+
    };
}

mutants! {
    a_reserve_that_is_not_atomic: ReserveIsTwoSteps is caught by
        of_racing_claims_exactly_one_is_reserved, of_racing_takeovers_exactly_one_is_reserved;
    a_reserve_that_ignores_the_lease: ReserveIgnoresTheLease is caught by
        a_token_in_use_is_not_a_used_one, a_lease_ends_at_its_edge, of_racing_claims_exactly_one_is_reserved;
    a_reserve_of_used_tokens: ReserveTakesUsedTokens is caught by
        a_used_token_stays_used, a_lapsed_lease_commits_until_it_is_taken_over;
    a_reserve_that_calls_used_tokens_in_use: ReserveCallsUsedTokensInUse is caught by
        a_token_in_use_is_not_a_used_one, a_used_token_stays_used;
    a_lease_without_an_end: LeaseNeverEnds is caught by
        a_lease_ends_at_its_edge, of_racing_takeovers_exactly_one_is_reserved;
    a_lease_that_ends_a_second_early: LeaseEndsOneSecondEarly is caught by a_lease_ends_at_its_edge;
    a_lease_that_ends_a_second_late: LeaseEndsOneSecondLate is caught by a_lease_ends_at_its_edge;
    a_takeover_without_a_lease: TakeoverKeepsTheOldLease is caught by of_racing_takeovers_exactly_one_is_reserved;
    a_takeover_without_a_holder: TakeoverKeepsTheOldHolder is caught by
        a_holder_that_lost_the_token_changes_nothing, of_racing_takeovers_exactly_one_is_reserved;
    a_commit_by_anybody: CommitIgnoresTheHolder is caught by
        commit_is_for_the_holder_alone, a_holder_that_lost_the_token_changes_nothing;
    a_commit_that_refuses_a_lapsed_lease: CommitRefusesALapsedLease is caught by
        a_lapsed_lease_commits_until_it_is_taken_over;
    a_commit_that_marks_nothing: CommitMarksNothing is caught by
        a_token_in_use_is_not_a_used_one, a_used_token_stays_used;
    a_commit_that_always_says_yes: CommitAlwaysSaysYes is caught by
        commit_is_for_the_holder_alone, a_released_token_is_free;
    a_commit_of_another_token: CommitIgnoresTheToken is caught by tokens_do_not_mix;
    a_release_by_anybody: ReleaseIgnoresTheHolder is caught by
        release_is_for_the_holder_alone, a_holder_that_lost_the_token_changes_nothing;
    a_release_of_used_tokens: ReleaseFreesUsedTokens is caught by release_never_frees_a_used_token;
    a_release_that_does_nothing: ReleaseDoesNothing is caught by a_released_token_is_free;
    a_pruning_without_bound: DeleteExpiredIsUnbounded is caught by delete_expired_forgets_no_more_than_asked;
    a_pruning_a_second_early: DeleteExpiredIsOneSecondEarly is caught by delete_expired_forgets_at_the_edge;
    a_pruning_a_second_late: DeleteExpiredIsOneSecondLate is caught by delete_expired_forgets_at_the_edge;
    a_pruning_of_used_tokens_alone: DeleteExpiredKeepsWhatIsReserved is caught by delete_expired_forgets_at_the_edge;
    a_pruning_that_counts_to_the_limit: DeleteExpiredCountsToTheLimit is caught by
        delete_expired_forgets_no_more_than_asked, delete_expired_forgets_at_the_edge;
    a_pruning_of_what_never_expires: DeleteExpiredForgetsWhatNeverExpires is caught by
        what_never_expires_is_never_forgotten;
    an_end_that_stays_the_first: KeepsTheFirstEnd is caught by what_is_kept_is_never_kept_shorter;
    an_end_that_is_the_last: KeepsTheLastEnd is caught by what_is_kept_is_never_kept_shorter;
    a_store_that_asks_for_the_time: AsksTheSystemForTheTime is caught by
        a_claims_time_is_the_callers, a_lease_ends_at_its_edge;
}
