//! Single flight: one request for any number of callers, who may leave, panic, or lose their runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::advance;
use tower_tokens::client::{
    ClientError, ClientErrorKind, FakeCall, FakeEndpoint, FakeFault, FakeStoreCall, FakeTokenStore, IssuedTokens,
    MemoryTokenStore, StoredTokens, TokenEndpoint, TokenManager, TokenStore,
};

use crate::client::{calls, seconds, settle};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_tasks_that_need_the_first_token_cause_one_login() {
    let endpoint = FakeEndpoint::new();
    endpoint.once(FakeCall::LogIn, FakeFault::Delay(Duration::from_millis(50)));
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let manager = manager.clone();
            tokio::spawn(async move { manager.access_token().await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().expose_secret(), "access-1");
    }
    assert_eq!(calls(&endpoint), (1, 0));
}

#[test]
fn twenty_threads_read_while_tokens_expire_every_50_milliseconds() {
    const LIFETIME: Duration = Duration::from_millis(50);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let endpoint = FakeEndpoint::new();
    endpoint.set_access_lifetime(LIFETIME);
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    let start = Instant::now();
    let newest = Arc::new(AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..20 {
            let (manager, handle, newest) = (manager.clone(), runtime.handle().clone(), Arc::clone(&newest));
            scope.spawn(move || {
                for read in 0..4_000 {
                    let seen_before = newest.load(Ordering::SeqCst);
                    let token = handle.block_on(manager.access_token()).unwrap();
                    // Whole, and not older than one that was given before this read began.
                    let number: u64 = token.expose_secret().strip_prefix("access-").unwrap().parse().unwrap();
                    assert!(number >= seen_before, "thread {thread}, read {read}: {number} after {seen_before}");
                    newest.fetch_max(number, Ordering::SeqCst);
                    if read % 100 == 0 {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
    });
    let (logins, refreshes) = calls(&endpoint);
    let allowed = start.elapsed().as_micros() / LIFETIME.as_micros() + 1;
    assert_eq!(logins, 1);
    assert!(u128::from(refreshes) <= allowed, "{refreshes} refreshes, {allowed} allowed in {:?}", start.elapsed());
    assert!(refreshes >= 5, "{refreshes}: the tokens have to expire meanwhile");
}

#[tokio::test(start_paused = true)]
async fn callers_that_leave_end_nothing() {
    let endpoint = FakeEndpoint::new();
    endpoint.once(FakeCall::LogIn, FakeFault::Delay(seconds(5)));
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    // The first caller, who started the flight, leaves, and so do others.
    for _ in 0..10 {
        let leaving = tokio::time::timeout(Duration::from_millis(100), manager.access_token()).await;
        assert!(leaving.is_err());
    }
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
    assert_eq!(calls(&endpoint), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_everybody_left_is_still_saved() {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    endpoint.once(FakeCall::LogIn, FakeFault::Delay(seconds(5)));
    let manager = TokenManager::new(endpoint.clone(), store.clone());
    assert!(tokio::time::timeout(seconds(1), manager.access_token()).await.is_err());
    drop(manager);
    tokio::time::sleep(seconds(10)).await;
    assert_eq!(store.calls(FakeStoreCall::Save), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_endpoint_or_the_store_is_an_error_for_all_callers() {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    let manager = TokenManager::new(endpoint.clone(), store.clone());
    endpoint.once(FakeCall::LogIn, FakeFault::Panic);
    let reads = (0..50).map(|_| manager.access_token());
    for result in futures_util::future::join_all(reads).await {
        assert_eq!(result.unwrap_err().kind(), ClientErrorKind::Unavailable);
    }
    assert_eq!(calls(&endpoint), (1, 0), "a panic counts as a failure: no storm");
    advance(seconds(2)).await;
    store.once(FakeStoreCall::Save, FakeFault::Panic);
    manager.access_token().await.unwrap_err();
    advance(seconds(3)).await;
    // The lock of the store was given back.
    assert!(endpoint.accepts(&manager.access_token().await.unwrap()));
}

#[test]
fn the_end_of_the_runtime_of_a_renewal_does_not_hold_other_runtimes() {
    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    endpoint.once(FakeCall::LogIn, FakeFault::Hang);
    let first = runtime();
    let leaving =
        first.block_on(async { tokio::time::timeout(Duration::from_millis(20), manager.access_token()).await });
    assert!(leaving.is_err());
    let waiting = {
        let manager = manager.clone();
        std::thread::spawn(move || runtime().block_on(manager.access_token()))
    };
    std::thread::sleep(Duration::from_millis(50));
    drop(first);
    assert!(endpoint.accepts(&waiting.join().unwrap().unwrap()));
    // A runtime that comes later takes over, too.
    assert!(endpoint.accepts(&runtime().block_on(manager.access_token()).unwrap()));
    assert_eq!(endpoint.calls(FakeCall::LogIn), 2);
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let manager = TokenManager::new(FakeEndpoint::new(), MemoryTokenStore::new());
    let future = std::pin::pin!(manager.access_token());
    let std::task::Poll::Ready(Err(error)) = future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    else {
        panic!("it waits")
    };
    assert_eq!(error.kind(), ClientErrorKind::Configuration);
    // And with a runtime, the same manager works.
    assert!(runtime().block_on(manager.access_token()).is_ok());
}

#[test]
fn a_living_token_serves_without_a_runtime() {
    let endpoint = FakeEndpoint::new();
    endpoint.set_access_lifetime(seconds(5));
    let manager = TokenManager::new(endpoint, MemoryTokenStore::new());
    runtime().block_on(manager.access_token()).unwrap();
    std::thread::sleep(Duration::from_millis(4_600));
    let future = std::pin::pin!(manager.access_token());
    let result = future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(result, std::task::Poll::Ready(Ok(_))), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn finish_waits_for_a_renewal_in_the_background() {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    let manager = TokenManager::new(endpoint.clone(), store.clone());
    manager.finish().await;
    manager.access_token().await.unwrap();
    advance(seconds(541)).await;
    endpoint.once(FakeCall::Refresh, FakeFault::Delay(seconds(3)));
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
    settle().await;
    assert_eq!(store.calls(FakeStoreCall::Save), 1);
    manager.finish().await;
    assert_eq!(store.calls(FakeStoreCall::Save), 2);
}

/// A store of a single manager, whose lock does nothing.
#[derive(Debug)]
struct Lockless(MemoryTokenStore);

#[async_trait::async_trait]
impl TokenStore for Lockless {
    async fn load(&self) -> Result<Option<StoredTokens>, ClientError> {
        self.0.load().await
    }

    async fn save(&self, tokens: &StoredTokens) -> Result<(), ClientError> {
        self.0.save(tokens).await
    }

    async fn clear(&self) -> Result<(), ClientError> {
        self.0.clear().await
    }
}

#[test]
fn a_renewal_on_a_runtime_that_stands_still_is_given_up() {
    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(endpoint.clone(), Lockless(MemoryTokenStore::new()));
    endpoint.once(FakeCall::LogIn, FakeFault::Hang);
    let standing = runtime();
    standing.block_on(async { _ = tokio::time::timeout(Duration::from_millis(20), manager.access_token()).await });
    let other = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    other.block_on(async {
        assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Unavailable);
        assert!(endpoint.accepts(&manager.access_token().await.unwrap()));
    });
    drop(standing);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_waits_for_its_own_manager_is_bounded() {
    #[derive(Debug)]
    struct Circle(Arc<std::sync::OnceLock<TokenManager>>);

    #[async_trait::async_trait]
    impl TokenEndpoint for Circle {
        async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
            let token = self.0.get().unwrap().access_token().await?;
            Ok(IssuedTokens::new(token.expose_secret()))
        }

        async fn refresh(&self, _: &StoredTokens) -> Result<IssuedTokens, ClientError> {
            self.log_in().await
        }
    }

    let own = Arc::new(std::sync::OnceLock::new());
    let manager = TokenManager::new(Circle(Arc::clone(&own)), MemoryTokenStore::new());
    own.set(manager.clone()).unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Unavailable);
    assert!(start.elapsed() < seconds(11), "{:?}", start.elapsed());
}
