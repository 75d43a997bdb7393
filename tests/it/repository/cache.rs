//! A cache in front of a store: what it answers, whom it asks, and what it must never say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{
    Cache, CachedRepository, FaultyRepository, MemoryRepository, NewToken, RepositoryExt, SqliteRepository,
    TokenRepository, UserRepository,
};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

type Slow = FaultyRepository<MemoryRepository>;

async fn memory() -> (CachedRepository<MemoryRepository>, ()) {
    (MemoryRepository::new().cached(Cache::for_one_process()), ())
}

async fn sqlite() -> (CachedRepository<SqliteRepository>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    (store.cached(Cache::for_one_process()), directory)
}

/// Evicts all the time.
async fn tiny() -> (CachedRepository<MemoryRepository>, ()) {
    (MemoryRepository::new().cached(Cache::for_one_process().with_capacity(1)), ())
}

tower_tokens::repository_conformance!(memory_tokens, super::memory());
tower_tokens::family_conformance!(memory_families, super::memory());
tower_tokens::user_repository_conformance!(memory_users, super::memory());
tower_tokens::repository_conformance!(tiny_tokens, super::tiny());
tower_tokens::family_conformance!(tiny_families, super::tiny());
tower_tokens::repository_conformance!(sqlite_tokens, super::sqlite());
tower_tokens::family_conformance!(sqlite_families, super::sqlite());
tower_tokens::user_repository_conformance!(sqlite_users, super::sqlite());

/// A store of which each look-up is counted, with one user.
async fn slow(cache: Cache) -> (CachedRepository<Slow>, UserId) {
    let repository = FaultyRepository::new(MemoryRepository::new()).cached(cache);
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    (repository, user)
}

async fn add(repository: &impl TokenRepository, number: i64, user: &UserId) -> String {
    let text = format!("token-{number}");
    let record = TokenRecord::new(TokenId::new(number), NOW, Lifetime::days(1));
    repository.insert(NewToken { key: TokenKey::new(&text), user, record }).await.unwrap();
    text
}

async fn is_valid(repository: &impl TokenRepository, text: &str, now: Timestamp) -> bool {
    let token = TokenKey::new(text);
    match repository.find_now(token, now) {
        Some(lookup) => lookup.found().is_some(),
        None => repository.find(token, now).await.unwrap().is_some(),
    }
}

#[tokio::test]
async fn a_second_request_asks_the_store_no_more() {
    let (repository, user) = slow(Cache::for_one_process()).await;
    let text = add(&repository, 1, &user).await;
    for _ in 0..100 {
        assert!(is_valid(&repository, &text, NOW).await);
    }
    assert_eq!(repository.inner().look_ups(), 1);
    let statistics = repository.statistics();
    assert_eq!((statistics.hits, statistics.look_ups, statistics.tokens), (99, 1, 1));
}

#[tokio::test]
async fn an_answer_is_used_until_its_age_and_never_past_the_tokens_end() {
    let (repository, user) = slow(Cache::for_one_process().with_max_age(Duration::from_secs(20))).await;
    let text = add(&repository, 1, &user).await;
    for (second, look_ups) in [(0, 1), (19, 1), (20, 2), (39, 2), (40, 3)] {
        assert!(is_valid(&repository, &text, NOW + time::Duration::seconds(second)).await);
        assert_eq!(repository.inner().look_ups(), look_ups, "after {second} s");
    }
    let end = NOW + time::Duration::days(1);
    assert!(is_valid(&repository, &text, end - time::Duration::seconds(1)).await);
    assert!(!is_valid(&repository, &text, end).await);
    // A clock that was set back asks again.
    let look_ups = repository.inner().look_ups();
    assert!(is_valid(&repository, &text, NOW + time::Duration::hours(1)).await);
    assert_eq!(repository.inner().look_ups(), look_ups + 1);
}

#[tokio::test]
async fn no_age_and_no_capacity_ask_the_store_each_time() {
    for cache in [Cache::for_one_process().with_max_age(Duration::ZERO), Cache::for_one_process().with_capacity(0)] {
        let (repository, user) = slow(cache).await;
        let text = add(&repository, 1, &user).await;
        for _ in 0..3 {
            assert!(is_valid(&repository, &text, NOW).await);
        }
        assert_eq!(repository.inner().look_ups(), 3);
    }
}

#[tokio::test]
async fn ten_thousand_requests_with_one_cold_token_are_one_look_up() {
    let (repository, user) = slow(Cache::for_one_process()).await;
    let text: Arc<str> = add(&repository, 1, &user).await.into();
    repository.inner().delay(Duration::from_millis(300));
    let requests: Vec<_> = (0..10_000)
        .map(|_| {
            let (repository, text) = (repository.clone(), Arc::clone(&text));
            tokio::spawn(async move { is_valid(&repository, &text, NOW).await })
        })
        .collect();
    for request in requests {
        assert!(request.await.unwrap());
    }
    assert_eq!(repository.inner().look_ups(), 1);
    assert_eq!(repository.statistics().joined, 9_999);
}

#[tokio::test]
async fn a_request_that_leaves_takes_no_other_along() {
    let (repository, user) = slow(Cache::for_one_process()).await;
    let text = add(&repository, 1, &user).await;
    repository.inner().hang();
    let first = tokio::spawn({
        let (repository, text) = (repository.clone(), text.clone());
        async move { is_valid(&repository, &text, NOW).await }
    });
    tokio::task::yield_now().await;
    let second = tokio::spawn({
        let (repository, text) = (repository.clone(), text.clone());
        async move { is_valid(&repository, &text, NOW).await }
    });
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    repository.inner().heal();
    assert!(second.await.unwrap());
    assert!(is_valid(&repository, &text, NOW).await);
    assert_eq!(repository.statistics().look_ups, 2, "of the one that left, and of the next");
}

#[tokio::test]
async fn an_outage_is_the_answer_for_all_and_is_not_kept() {
    let (repository, user) = slow(Cache::for_one_process()).await;
    let text = add(&repository, 1, &user).await;
    repository.inner().hang();
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (repository, text) = (repository.clone(), text.clone());
            tokio::spawn(async move { repository.find(TokenKey::new(&text), NOW).await })
        })
        .collect();
    tokio::task::yield_now().await;
    repository.inner().fail();
    for request in requests {
        let error = request.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(format!("{:?}", error).contains("set to fail"), "the cause is there: {error:?}");
    }
    repository.inner().heal();
    assert!(is_valid(&repository, &text, NOW).await);
}

#[tokio::test]
async fn unknown_tokens_take_no_place() {
    let (repository, user) = slow(Cache::for_one_process().with_capacity(10)).await;
    let mut texts = Vec::new();
    for number in 0..10 {
        texts.push(add(&repository, number, &user).await);
    }
    for text in &texts {
        assert!(is_valid(&repository, text, NOW).await);
    }
    for number in 0..10_000 {
        assert!(!is_valid(&repository, &format!("unknown-{number}"), NOW).await);
    }
    let before = repository.inner().look_ups();
    for text in &texts {
        assert!(is_valid(&repository, text, NOW).await);
    }
    assert_eq!(repository.inner().look_ups(), before);
    assert_eq!((repository.statistics().evictions, repository.statistics().tokens), (0, 10));
}

#[tokio::test]
async fn a_token_in_use_stays_when_others_give_way() {
    let (repository, user) = slow(Cache::for_one_process().with_capacity(10)).await;
    let used = add(&repository, 0, &user).await;
    for number in 1..=1_000 {
        let text = add(&repository, number, &user).await;
        assert!(is_valid(&repository, &text, NOW).await);
        assert!(is_valid(&repository, &used, NOW).await);
    }
    let statistics = repository.statistics();
    assert_eq!((statistics.look_ups, statistics.tokens), (1_001, 10), "{statistics:?}");
    assert_eq!(statistics.evictions, 991);
}

#[tokio::test]
async fn what_ended_long_ago_leaves_with_the_pruning() {
    let (repository, user) = slow(Cache::for_one_process()).await;
    let text = add(&repository, 1, &user).await;
    assert!(is_valid(&repository, &text, NOW).await);
    repository.delete_expired(NOW + time::Duration::days(10), 100).await.unwrap();
    assert_eq!(repository.statistics().tokens, 0);
}

#[tokio::test]
async fn a_change_past_the_repository_holds_when_it_is_announced() {
    let (repository, user) = slow(Cache::for_one_process()).await;
    let text = add(&repository, 1, &user).await;
    assert!(is_valid(&repository, &text, NOW).await);
    repository.inner().set_disabled(&user, true).await.unwrap();
    assert!(is_valid(&repository, &text, NOW).await, "nothing says so yet");
    repository.user_changed(&user).await.unwrap();
    assert!(!is_valid(&repository, &text, NOW).await);
}

#[tokio::test(start_paused = true)]
async fn after_a_change_of_unknown_outcome_the_store_is_asked() {
    let (repository, user) = slow(Cache::for_one_process()).await;
    let text = add(&repository, 1, &user).await;
    let other = add(&repository, 2, &user).await;
    assert!(is_valid(&repository, &text, NOW).await && is_valid(&repository, &other, NOW).await);

    // The answer is lost, and the store has made the change all the same.
    repository.inner().fail();
    assert!(repository.delete(TokenKey::new(&text)).await.unwrap_err().is_outage());
    repository.inner().heal();
    repository.inner().inner().delete(TokenKey::new(&text)).await.unwrap();
    assert!(!is_valid(&repository, &text, NOW).await);

    // The caller goes away, and the store makes the change a little later.
    repository.inner().hang();
    let change = repository.delete_by_user(&user, TokenKinds::ALL, None);
    assert!(tokio::time::timeout(Duration::from_millis(10), change).await.is_err());
    repository.inner().heal();
    assert!(is_valid(&repository, &other, NOW).await);
    repository.inner().inner().delete_by_user(&user, TokenKinds::ALL, None).await.unwrap();
    assert!(!is_valid(&repository, &other, NOW).await);

    // A while later answers are kept again.
    let third = add(&repository, 3, &user).await;
    tokio::time::advance(Duration::from_secs(11)).await;
    let before = repository.inner().look_ups();
    for _ in 0..10 {
        assert!(is_valid(&repository, &third, NOW).await);
    }
    assert!(repository.inner().look_ups() <= before + 2, "{}", repository.inner().look_ups() - before);
}

/// Readers that never stop, against ends of every kind.
async fn no_reader_sees_an_ended_token<R>(repository: CachedRepository<R>)
where
    R: TokenRepository + UserRepository,
{
    repository.create_level("member").await.unwrap();
    for round in 0..200_i64 {
        let user = repository.create_user(None, "member").await.unwrap();
        let text: Arc<str> = add(&repository, round, &user).await.into();
        let (is_ended, stale) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (repository, text) = (repository.clone(), Arc::clone(&text));
                let (is_ended, stale) = (Arc::clone(&is_ended), Arc::clone(&stale));
                tokio::spawn(async move {
                    loop {
                        let was_ended = is_ended.load(Ordering::SeqCst);
                        let is_valid = is_valid(&repository, &text, NOW).await;
                        match (was_ended, is_valid) {
                            (true, true) => stale.fetch_add(1, Ordering::SeqCst),
                            (true, false) => return,
                            (false, _) => 0,
                        };
                        if stale.load(Ordering::SeqCst) > 0 {
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(200)).await;
        match round % 5 {
            0 => drop(repository.delete(TokenKey::new(&text)).await.unwrap()),
            1 => assert!(repository.delete_by_id(&user, TokenId::new(round)).await.unwrap()),
            2 => assert_eq!(repository.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap(), 1),
            3 => repository.set_disabled(&user, true).await.unwrap(),
            _ => assert!(repository.delete_user(&user).await.unwrap()),
        }
        is_ended.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
        assert_eq!(stale.load(Ordering::SeqCst), 0, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_reader_sees_an_ended_token_in_memory() {
    no_reader_sees_an_ended_token(memory().await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_reader_sees_an_ended_token_on_sqlite() {
    let (repository, _directory) = sqlite().await;
    no_reader_sees_an_ended_token(repository).await;
}
