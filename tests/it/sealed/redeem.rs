use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use time::Duration;
use tower_tokens::clock::{Clock, ManualClock, Timestamp};
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::sealed::{
    Claim, MemoryRedemptions, RedemptionRepository, Reservation, SealedToken, Sealer, TokenUuid,
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
        async fn reserve(&self, _: &Claim) -> Result<Reservation, Error> {
            Err(ErrorKind::Unavailable.into())
        }
        async fn commit(&self, _: &Claim) -> Result<bool, Error> {
            unreachable!()
        }
        async fn release(&self, _: &Claim) -> Result<(), Error> {
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

fn claim(uuid: u8, clock: &ManualClock, keep_until: Expiry) -> Claim {
    Claim::new(TokenUuid::from_bytes([uuid; 16]), clock.now(), keep_until).unwrap()
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    keeps_the_contract(&MemoryRedemptions::new()).await;
}

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

    #[tokio::test]
    async fn sqlite_keeps_the_contract() {
        let directory = TempDir::new().unwrap();
        keeps_the_contract(&open(&directory).await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_claims_in_sqlite_one_wins_and_is_remembered() {
        let directory = TempDir::new().unwrap();
        let stores = [open(&directory).await, open(&directory).await];
        let end = Expiry::At(clock().now() + Duration::days(1));
        for uuid in 0..10 {
            let mut claims = tokio::task::JoinSet::new();
            for number in 0..8 {
                let (store, claim) = (stores[number % 2].clone(), claim(uuid, &clock(), end));
                claims.spawn(async move {
                    let reserved = store.reserve(&claim).await.unwrap() == Reservation::Reserved;
                    reserved && store.commit(&claim).await.unwrap()
                });
            }
            let winners = claims.join_all().await.into_iter().filter(|won| *won).count();
            assert_eq!(winners, 1);
        }
        drop(stores);
        let reopened = open(&directory).await;
        assert_eq!(reopened.reserve(&claim(0, &clock(), end)).await.unwrap(), Reservation::Used);
    }
}

/// The four clauses of [`RedemptionRepository`], for any store.
pub(crate) async fn keeps_the_contract(store: &dyn RedemptionRepository) {
    let clock = clock();
    let end = Expiry::At(clock.now() + Duration::days(1));
    let first = claim(1, &clock, end);
    assert_eq!(store.reserve(&first).await.unwrap(), Reservation::Reserved);
    assert_eq!(store.reserve(&claim(1, &clock, end)).await.unwrap(), Reservation::InUse);

    clock.set(first.lease_ends_at);
    let second = claim(1, &clock, end);
    assert_eq!(store.reserve(&second).await.unwrap(), Reservation::Reserved, "the lease has ended");
    assert!(!store.commit(&first).await.unwrap(), "the first came back too late");
    store.release(&first).await.unwrap();
    assert_eq!(store.reserve(&claim(1, &clock, end)).await.unwrap(), Reservation::InUse, "and released nothing");
    store.release(&second).await.unwrap();

    let third = claim(1, &clock, end);
    assert_eq!(store.reserve(&third).await.unwrap(), Reservation::Reserved);
    assert!(store.commit(&third).await.unwrap());
    store.release(&third).await.unwrap();
    clock.advance(Duration::hours(12));
    assert_eq!(store.reserve(&claim(1, &clock, end)).await.unwrap(), Reservation::Used, "for good");

    let never = claim(2, &clock, Expiry::Never);
    assert_eq!(store.reserve(&never).await.unwrap(), Reservation::Reserved);
    assert!(store.commit(&never).await.unwrap());

    let other = claim(3, &clock, end);
    assert_eq!(store.reserve(&other).await.unwrap(), Reservation::Reserved);
    let end = end.timestamp().unwrap();
    assert_eq!(store.delete_expired(end + Duration::seconds(-1), 10).await.unwrap(), 0);
    assert_eq!(store.delete_expired(end, 1).await.unwrap(), 1, "bounded");
    assert_eq!(store.delete_expired(end, 10).await.unwrap(), 1);
    assert_eq!(store.reserve(&never).await.unwrap(), Reservation::Used, "never forgotten");
}
