//! A store that fails on command fails in every method, and recovers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{FaultyRepository, Lookup, MemoryRepository, NewToken, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenRecord};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);

async fn with_one_token() -> Arc<FaultyRepository<MemoryRepository>> {
    let store = FaultyRepository::new(MemoryRepository::new());
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let record = TokenRecord::new(TokenId::new(1), NOW, Lifetime::default());
    store.insert(NewToken { key: TokenKey::new("token"), user: &user, record }).await.unwrap();
    Arc::new(store)
}

#[tokio::test]
async fn look_ups_are_counted_once_by_either_method() {
    let store = with_one_token().await;
    assert_eq!(store.look_ups(), 0, "an insert is no look-up");
    assert!(matches!(store.find_now(TokenKey::new("token"), NOW), Some(Lookup::Found(_))));
    assert_eq!(store.look_ups(), 1);
    store.fail();
    assert!(store.find_now(TokenKey::new("token"), NOW).is_none(), "a faulty store does not know at once");
    assert_eq!(store.look_ups(), 1);
    let error = store.find(TokenKey::new("token"), NOW).await.unwrap_err();
    assert_eq!((error.kind(), store.look_ups()), (ErrorKind::Unavailable, 2));
    store.heal();
    assert!(store.find(TokenKey::new("token"), NOW).await.unwrap().is_some());
    assert_eq!(store.look_ups(), 3);
}

#[tokio::test]
async fn the_synchronous_method_can_be_turned_off_on_a_healthy_store() {
    let store = FaultyRepository::new(with_one_token().await).without_find_now();
    assert!(store.find_now(TokenKey::new("token"), NOW).is_none());
    assert!(store.find(TokenKey::new("token"), NOW).await.unwrap().is_some());
    assert_eq!((store.look_ups(), store.inner().look_ups()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_delayed_answer_comes_late_and_is_right() {
    let store = with_one_token().await;
    store.delay(Duration::from_secs(3));
    let started = Instant::now();
    assert!(store.find(TokenKey::new("token"), NOW).await.unwrap().is_some());
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_answered_once_the_store_is_healed() {
    let store = with_one_token().await;
    store.hang();
    let asked = Arc::clone(&store);
    let asked = tokio::spawn(async move { asked.find(TokenKey::new("token"), NOW).await });
    let waited = tokio::time::timeout(Duration::from_secs(3_600), store.levels()).await;
    assert!(waited.is_err(), "no answer within an hour");
    assert!(!asked.is_finished());
    store.heal();
    assert!(asked.await.unwrap().unwrap().is_some());
}
