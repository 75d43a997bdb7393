use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use time::Duration;
use tower_tokens::clock::{Clock, ManualClock, Timestamp};
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::sealed::{
    MemoryRedemptions, Redemption, RedemptionRepository, ReserveOutcome, SealedToken, Sealer, TokenUuid,
    USED_NUMBERS_MARGIN,
};
use tower_tokens::token::Expiry;

use super::{clock, ring, sealer};

fn voucher(sealer: &Sealer) -> SealedToken {
    sealer.seal(&500, Duration::days(1)).unwrap()
}

async fn succeed(sealer: &Sealer, text: &str, store: &MemoryRedemptions) -> Result<i32, Error> {
    sealer.redeem(text, store, async |voucher| Ok(voucher.into_payload())).await
}

#[tokio::test]
async fn a_token_works_once() {
    let (sealer, store) = (sealer("voucher"), MemoryRedemptions::new());
    let (first, second) = (voucher(&sealer), voucher(&sealer));
    assert_eq!(succeed(&sealer, first.expose_secret(), &store).await.unwrap(), 500);
    let again = succeed(&sealer, first.expose_secret(), &store).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyUsed);
    assert!(succeed(&sealer, second.expose_secret(), &store).await.is_ok(), "another token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_redeemers_one_wins() {
    for _ in 0..50 {
        let (sealer, store) = (sealer("voucher"), Arc::new(MemoryRedemptions::new()));
        let text: Arc<str> = voucher(&sealer).expose_secret().into();
        let done = Arc::new(AtomicUsize::new(0));
        let mut redeemers = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (sealer, store, text, done) =
                (sealer.clone(), Arc::clone(&store), Arc::clone(&text), Arc::clone(&done));
            redeemers.spawn(async move {
                let work = async |_| {
                    tokio::task::yield_now().await;
                    done.fetch_add(1, Ordering::SeqCst);
                    Ok::<(), Error>(())
                };
                sealer.redeem::<i32, _, _, _, _>(&text, &*store, work).await
            });
        }
        let outcomes = redeemers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(
            outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|e| e.kind() == ErrorKind::AlreadyUsed)
        );
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn work_that_fails_does_not_burn_the_token() {
    let (sealer, store) = (sealer("voucher"), MemoryRedemptions::new());
    let token = voucher(&sealer);
    let fail = async |_| Err::<(), Error>(ErrorKind::UserNotFound.into());
    let failed = sealer.redeem::<i32, _, _, _, _>(token.expose_secret(), &store, fail).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::UserNotFound, "the work's own error");
    assert!(succeed(&sealer, token.expose_secret(), &store).await.is_ok());
}

#[tokio::test]
async fn what_does_not_open_does_not_burn_the_token() {
    let (voucher_sealer, store) = (sealer("voucher"), MemoryRedemptions::new());
    let token = voucher(&voucher_sealer);
    assert!(succeed(&sealer("another purpose"), token.expose_secret(), &store).await.is_err());
    assert!(succeed(&voucher_sealer, &token.expose_secret()[1..], &store).await.is_err());
    assert!(succeed(&voucher_sealer, token.expose_secret(), &store).await.is_ok());
}

#[tokio::test]
async fn an_expired_token_is_not_redeemed() {
    let (clock, store) = (clock(), MemoryRedemptions::new());
    let sealer = Sealer::new(ring(), "voucher").unwrap().with_clock(clock.clone());
    let token = voucher(&sealer);
    clock.advance(Duration::days(1));
    assert_eq!(succeed(&sealer, token.expose_secret(), &store).await.unwrap_err().kind(), ErrorKind::Expired);
    let opened = sealer.open_even_if_expired::<i32>(token.expose_secret()).unwrap();
    let redeemed = opened.redeem(&store, async |_| Ok::<(), Error>(())).await;
    assert_eq!(redeemed.unwrap_err().kind(), ErrorKind::Expired);
}

#[tokio::test]
async fn a_redeemer_who_vanishes_holds_the_token_for_the_lease_alone() {
    let (clock, store) = (clock(), MemoryRedemptions::new());
    let sealer = Sealer::new(ring(), "voucher").unwrap().with_clock(clock.clone());
    let token = voucher(&sealer);
    {
        let forever = async |_| std::future::pending::<Result<(), Error>>().await;
        let redeeming = sealer.redeem::<i32, _, _, _, _>(token.expose_secret(), &store, forever);
        let mut redeeming = std::pin::pin!(redeeming);
        assert!(futures_now(redeeming.as_mut()).is_none(), "reserved, and at work");
    }
    clock.advance(Duration::seconds(59));
    assert_eq!(succeed(&sealer, token.expose_secret(), &store).await.unwrap_err().kind(), ErrorKind::AlreadyUsed);
    clock.advance(Duration::seconds(1));
    assert!(succeed(&sealer, token.expose_secret(), &store).await.is_ok());
}

/// Work that says when it begins and goes on until the test ends it.
struct Work {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    end: Arc<tokio::sync::Notify>,
}

impl Work {
    fn new() -> Self {
        Self { running: Arc::default(), most: Arc::default(), end: Arc::default() }
    }

    async fn run(&self) -> Result<(), Error> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.end.notified().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn the_lease_runs_from_reserving_and_not_from_opening() {
    let (clock, store, work) = (clock(), MemoryRedemptions::new(), Work::new());
    let sealer = Sealer::new(ring(), "voucher").unwrap().with_clock(clock.clone());
    let token = voucher(&sealer);
    let opened_early = sealer.open::<i32>(token.expose_secret()).unwrap();
    clock.advance(Duration::seconds(61));
    let opened_late = sealer.open::<i32>(token.expose_secret()).unwrap();

    let mut first = std::pin::pin!(opened_early.redeem(&store, |_| work.run()));
    assert!(futures_now(first.as_mut()).is_none(), "reserved, and at work");
    let mut second = std::pin::pin!(opened_late.redeem(&store, |_| work.run()));
    let refused = futures_now(second.as_mut());
    assert_eq!(work.most.load(Ordering::SeqCst), 1, "two redeemers work at once");
    assert_eq!(refused.unwrap().unwrap_err().kind(), ErrorKind::AlreadyUsed);
    work.end.notify_waiters();
    first.await.unwrap();
}

#[tokio::test]
async fn expiry_is_judged_when_the_token_is_used() {
    let (clock, store) = (clock(), MemoryRedemptions::new());
    let sealer = Sealer::new(ring(), "password reset").unwrap().with_clock(clock.clone());
    let token = sealer.seal(&500, Duration::minutes(15)).unwrap();
    let opened = sealer.open::<i32>(token.expose_secret()).unwrap();

    let bound = sealer.clone().bound_to_state();
    let bound_token = bound.seal(&500, Duration::minutes(15), "old hash").unwrap();
    let open_bound = || bound.open::<i32>(bound_token.expose_secret()).unwrap();
    let (unconfirmed, confirmed) = (open_bound(), open_bound().confirm("old hash").unwrap());

    clock.advance(Duration::hours(2));
    let work = async |_| -> Result<(), Error> { panic!("the work was started two hours later") };
    assert_eq!(opened.redeem(&store, work).await.unwrap_err().kind(), ErrorKind::Expired);
    assert_eq!(confirmed.redeem(&store, work).await.unwrap_err().kind(), ErrorKind::Expired);
    assert_eq!(unconfirmed.confirm("old hash").unwrap_err().kind(), ErrorKind::Expired);
}

#[tokio::test]
async fn a_node_whose_clock_is_ahead_revives_no_used_token() {
    let (clock, store) = (clock(), MemoryRedemptions::new());
    let sealer = Sealer::new(ring(), "voucher").unwrap().with_clock(clock.clone());
    let token = sealer.seal(&500, Duration::minutes(15)).unwrap();
    succeed(&sealer, token.expose_secret(), &store).await.unwrap();

    clock.advance(Duration::minutes(15) - Duration::seconds(5));
    // The last second in which the token opens is one before its end.
    for ahead in [Duration::seconds(5), Duration::hours(26), USED_NUMBERS_MARGIN] {
        assert_eq!(store.delete_expired(clock.now() + ahead, 100).await.unwrap(), 0, "{ahead}");
        let again = succeed(&sealer, token.expose_secret(), &store).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyUsed, "{ahead}");
    }
    let expiry = clock.now() + Duration::seconds(5);
    assert_eq!(store.delete_expired(expiry + USED_NUMBERS_MARGIN, 100).await.unwrap(), 1, "it is forgotten in the end");
}

#[tokio::test]
async fn what_was_revoked_after_it_was_opened_is_not_redeemed() {
    let (list, store) = (tower_tokens::sealed::RevocationList::new(), MemoryRedemptions::new());
    let sealer = sealer("voucher").with_revocation_list(list.clone());
    let token = voucher(&sealer);
    let opened = sealer.open::<i32>(token.expose_secret()).unwrap();
    list.revoke(opened.uuid(), opened.expires_at());
    let redeemed = opened.redeem(&store, async |_| Ok::<(), Error>(())).await;
    assert_eq!(redeemed.unwrap_err().kind(), ErrorKind::InvalidToken);

    let keys = ring();
    let sealer = Sealer::new(keys.clone(), "voucher").unwrap().with_clock(clock());
    let token = voucher(&sealer);
    let opened = sealer.open::<i32>(token.expose_secret()).unwrap();
    keys.rotate(super::key("k2", 2)).unwrap();
    keys.revoke("k1").unwrap();
    let redeemed = opened.redeem(&store, async |_| Ok::<(), Error>(())).await;
    assert_eq!(redeemed.unwrap_err().kind(), ErrorKind::InvalidToken);
}

/// A store whose `reserve` takes so long that a second redeemer may come before the first has begun.
#[derive(Debug)]
struct Slow {
    inner: MemoryRedemptions,
    clock: ManualClock,
    wait: std::time::Duration,
    clock_moves: Duration,
}

#[async_trait]
impl RedemptionRepository for Slow {
    async fn reserve(&self, redemption: &Redemption) -> Result<ReserveOutcome, Error> {
        let reserved = self.inner.reserve(redemption).await;
        tokio::time::sleep(self.wait).await;
        self.clock.advance(self.clock_moves);
        reserved
    }

    async fn commit(&self, redemption: &Redemption) -> Result<bool, Error> {
        self.inner.commit(redemption).await
    }

    async fn release(&self, redemption: &Redemption) -> Result<(), Error> {
        self.inner.release(redemption).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.inner.delete_expired(now, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_store_is_a_part_of_the_works_time() {
    // Slow by the timer, and by the clock alone, as after the machine was suspended.
    for (wait, clock_moves) in [(45, 0), (0, 45), (0, 61)] {
        let clock = clock();
        let store = Slow {
            inner: MemoryRedemptions::new(),
            clock: clock.clone(),
            wait: std::time::Duration::from_secs(wait),
            clock_moves: Duration::seconds(clock_moves),
        };
        let sealer = Sealer::new(ring(), "voucher").unwrap().with_clock(clock);
        let token = voucher(&sealer);
        let work = async |_| -> Result<(), Error> { panic!("the work was started too late") };
        let redeemed = sealer.redeem::<i32, _, _, _, _>(token.expose_secret(), &store, work).await;
        assert_eq!(redeemed.unwrap_err().kind(), ErrorKind::TimedOut, "{wait} s, {clock_moves} s");
        assert!(succeed(&sealer, token.expose_secret(), &store.inner).await.is_ok(), "it was given back");
    }
}

#[tokio::test]
async fn of_two_redeemers_that_both_did_the_work_one_learns_that_it_lost() {
    let (clock, store, work) = (clock(), MemoryRedemptions::new(), Work::new());
    let sealer = Sealer::new(ring(), "voucher").unwrap().with_clock(clock.clone());
    let token = voucher(&sealer);
    let redeem = || sealer.open::<i32>(token.expose_secret()).unwrap().redeem(&store, |_| work.run());
    let mut first = std::pin::pin!(redeem());
    assert!(futures_now(first.as_mut()).is_none(), "at work, when its machine is suspended");
    clock.advance(Duration::seconds(60));
    let mut second = std::pin::pin!(redeem());
    assert!(futures_now(second.as_mut()).is_none(), "took it over");
    work.end.notify_waiters();
    let lost = first.await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::AlreadyUsed);
    assert!(std::error::Error::source(&lost).unwrap().to_string().contains("twice"));
    second.await.unwrap();
}

#[tokio::test]
async fn a_lapsed_lease_that_was_not_taken_over_is_committed() {
    let (clock, store, work) = (clock(), MemoryRedemptions::new(), Work::new());
    let sealer = Sealer::new(ring(), "voucher").unwrap().with_clock(clock.clone());
    let token = voucher(&sealer);
    let opened = sealer.open::<i32>(token.expose_secret()).unwrap();
    let mut redeeming = std::pin::pin!(opened.redeem(&store, |_| work.run()));
    assert!(futures_now(redeeming.as_mut()).is_none());
    clock.advance(Duration::hours(1));
    work.end.notify_waiters();
    redeeming.await.unwrap();
    assert_eq!(succeed(&sealer, token.expose_secret(), &store).await.unwrap_err().kind(), ErrorKind::AlreadyUsed);
}

/// What a future gives when it is polled once.
fn futures_now<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_too_long_is_ended_and_gives_the_token_back() {
    let (sealer, store) = (sealer("voucher"), MemoryRedemptions::new());
    let token = voucher(&sealer);
    let forever = async |_| std::future::pending::<Result<(), Error>>().await;
    let redeemed = sealer.redeem::<i32, _, _, _, _>(token.expose_secret(), &store, forever).await;
    assert_eq!(redeemed.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(succeed(&sealer, token.expose_secret(), &store).await.is_ok());
}

#[tokio::test]
async fn a_confirmed_token_is_redeemed_after_its_state() {
    let store = MemoryRedemptions::new();
    let resets = sealer("password reset").bound_to_state();
    let token = resets.seal(&42, Duration::minutes(15), "old hash").unwrap();
    let open = || resets.open::<i32>(token.expose_secret()).unwrap();
    assert!(open().confirm("new hash").is_err());
    let reset = async |reset: tower_tokens::sealed::Opened<i32>| Ok::<i32, Error>(reset.into_payload());
    assert_eq!(open().confirm("old hash").unwrap().redeem(&store, reset).await.unwrap(), 42);
    let again = open().confirm("old hash").unwrap().redeem(&store, reset).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyUsed);
}

#[tokio::test]
async fn a_store_that_does_not_answer_starts_no_work() {
    #[derive(Debug)]
    struct Down;
    #[async_trait]
    impl RedemptionRepository for Down {
        async fn reserve(&self, _: &Redemption) -> Result<ReserveOutcome, Error> {
            Err(ErrorKind::Unavailable.into())
        }
        async fn commit(&self, _: &Redemption) -> Result<bool, Error> {
            unreachable!()
        }
        async fn release(&self, _: &Redemption) -> Result<(), Error> {
            unreachable!()
        }
        async fn delete_expired(&self, _: Timestamp, _: u32) -> Result<u64, Error> {
            unreachable!()
        }
    }
    let sealer = sealer("voucher");
    let token = voucher(&sealer);
    let work = async |_| -> Result<(), Error> { panic!("the work was started") };
    let redeemed = sealer.redeem::<i32, _, _, _, _>(token.expose_secret(), &Down, work).await;
    assert_eq!(redeemed.unwrap_err().kind(), ErrorKind::Unavailable);
}

fn redemption(uuid: u8, clock: &ManualClock, keep_until: Expiry) -> Redemption {
    Redemption::new(TokenUuid::from_bytes([uuid; 16]), clock.now(), keep_until).unwrap()
}

async fn memory() -> (MemoryRedemptions, ()) {
    (MemoryRedemptions::new(), ())
}

async fn shared() -> (Arc<dyn RedemptionRepository>, ()) {
    (Arc::new(MemoryRedemptions::new()), ())
}

async fn boxed() -> (Box<dyn RedemptionRepository>, ()) {
    (Box::new(MemoryRedemptions::new()), ())
}

tower_tokens::redemption_conformance!(memory_redemptions, super::memory());
tower_tokens::redemption_conformance!(shared_dyn_redemptions, super::shared());
tower_tokens::redemption_conformance!(boxed_dyn_redemptions, super::boxed());

#[cfg(feature = "sqlite")]
mod sqlite {
    use tempfile::TempDir;
    use tower_tokens::repository::SqliteRepository;
    use tower_tokens::sealed::SqliteRedemptions;

    use super::*;

    async fn open(directory: &TempDir) -> SqliteRedemptions {
        let repository = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
        SqliteRedemptions::with_pool(repository.pool().clone()).await.unwrap()
    }

    async fn fresh() -> (SqliteRedemptions, TempDir) {
        let directory = TempDir::new().unwrap();
        (open(&directory).await, directory)
    }

    tower_tokens::redemption_conformance!(sqlite_redemptions, super::fresh());

    #[tokio::test]
    async fn claims_end_at_one_deadline_while_another_process_writes() {
        let directory = TempDir::new().unwrap();
        let store = open(&directory).await;
        let other_process = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
        let lock = other_process.begin().await.unwrap();
        let end = Expiry::At(clock().now() + Duration::days(1));
        let started = std::time::Instant::now();
        let mut claims = tokio::task::JoinSet::new();
        for uuid in 0..4 {
            let (store, redemption) = (store.clone(), redemption(uuid, &clock(), end));
            claims.spawn(async move { store.reserve(&redemption).await.unwrap_err().kind() });
        }
        while let Some(kind) = claims.join_next().await {
            assert_eq!(kind.unwrap(), ErrorKind::TimedOut);
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(7), "{:?}", started.elapsed());
        drop(lock);
        assert_eq!(store.reserve(&redemption(0, &clock(), end)).await.unwrap(), ReserveOutcome::Reserved);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_claims_in_sqlite_one_wins_and_is_remembered() {
        let directory = TempDir::new().unwrap();
        let stores = [open(&directory).await, open(&directory).await];
        let end = Expiry::At(clock().now() + Duration::days(1));
        for uuid in 0..10 {
            let mut claims = tokio::task::JoinSet::new();
            for number in 0..8 {
                let (store, redemption) = (stores[number % 2].clone(), redemption(uuid, &clock(), end));
                claims.spawn(async move {
                    let reserved = store.reserve(&redemption).await.unwrap() == ReserveOutcome::Reserved;
                    reserved && store.commit(&redemption).await.unwrap()
                });
            }
            let winners = claims.join_all().await.into_iter().filter(|won| *won).count();
            assert_eq!(winners, 1);
        }
        drop(stores);
        let reopened = open(&directory).await;
        assert_eq!(reopened.reserve(&redemption(0, &clock(), end)).await.unwrap(), ReserveOutcome::Used);
    }
}
