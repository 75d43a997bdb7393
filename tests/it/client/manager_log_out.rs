//! Logging out: first the server, then here, whatever fails.

use std::time::Duration;

use tokio::time::{Instant, advance};
use tower_tokens::client::{
    ClientError, ClientErrorKind, FakeCall, FakeEndpoint, FakeFault, FakeStoreCall, FakeTokenStore, TokenManager,
    TokenStore,
};

use crate::client::{calls, seconds};

fn rig() -> (FakeEndpoint, FakeTokenStore, TokenManager) {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    (endpoint.clone(), store.clone(), TokenManager::new(endpoint, store))
}

fn error(kind: ClientErrorKind) -> FakeFault {
    FakeFault::Error(ClientError::new(kind, "a fault of the test"))
}

#[tokio::test(start_paused = true)]
async fn the_server_revokes_and_then_the_store_forgets() {
    let (endpoint, store, manager) = rig();
    let token = manager.access_token().await.unwrap();
    manager.log_out().await.unwrap();
    assert!(!endpoint.accepts(&token));
    assert_eq!(store.inner().load().await.unwrap(), None);
    // The credentials are still there: the next call logs in.
    let next = manager.access_token().await.unwrap();
    assert!(endpoint.accepts(&next) && next != token);
    assert_eq!(calls(&endpoint), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn without_tokens_nothing_is_sent() {
    let (endpoint, _store, manager) = rig();
    manager.log_out().await.unwrap();
    assert_eq!(endpoint.calls(FakeCall::LogOut), 0);
}

#[tokio::test(start_paused = true)]
async fn tokens_of_an_earlier_run_are_revoked_too() {
    let (endpoint, store, manager) = rig();
    let token = manager.access_token().await.unwrap();
    TokenManager::new(endpoint.clone(), store.clone()).log_out().await.unwrap();
    assert!(!endpoint.accepts(&token));
    assert_eq!(store.inner().load().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn if_the_server_is_down_the_tokens_are_forgotten_and_the_error_is_returned() {
    for fault in
        [error(ClientErrorKind::Unavailable), error(ClientErrorKind::Refused), FakeFault::Hang, FakeFault::Panic]
    {
        let (endpoint, store, manager) = rig();
        let token = manager.access_token().await.unwrap();
        endpoint.always(FakeCall::LogOut, fault.clone());
        let start = Instant::now();
        manager.log_out().await.unwrap_err();
        assert!(start.elapsed() < seconds(11), "{:?}", start.elapsed());
        let next = manager.access_token().await.unwrap();
        assert_ne!(next, token, "{fault:?}");
        let stored = store.inner().load().await.unwrap().unwrap();
        assert_eq!(stored.access_token().expose_secret(), next.expose_secret(), "{fault:?}");
        assert_eq!(endpoint.calls(FakeCall::Refresh), 0, "{fault:?}: a session that was logged out is not refreshed");
    }
}

#[tokio::test(start_paused = true)]
async fn if_the_store_fails_the_tokens_are_revoked_and_not_used_again() {
    for call in [FakeStoreCall::Lock, FakeStoreCall::Load, FakeStoreCall::Clear] {
        let (endpoint, store, manager) = rig();
        let token = manager.access_token().await.unwrap();
        store.once(call, error(ClientErrorKind::Store));
        assert_eq!(manager.log_out().await.unwrap_err().kind(), ClientErrorKind::Store, "{call:?}");
        assert!(!endpoint.accepts(&token), "{call:?}");
        let next = manager.access_token().await.unwrap();
        assert!(endpoint.accepts(&next), "{call:?}");
        assert_eq!(calls(&endpoint), (2, 0), "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_it_goes_on_other_callers_wait_and_then_log_in() {
    let (endpoint, _store, manager) = rig();
    let token = manager.access_token().await.unwrap();
    endpoint.once(FakeCall::LogOut, FakeFault::Delay(seconds(2)));
    let (logged_out, next) = tokio::join!(manager.log_out(), async {
        tokio::time::sleep(seconds(1)).await;
        manager.access_token().await
    });
    logged_out.unwrap();
    assert!(endpoint.accepts(next.as_ref().unwrap()));
    assert_eq!(manager.access_token_after_rejection(&token).await.unwrap(), next.unwrap());
    assert_eq!(calls(&endpoint), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn two_log_outs_at_once_send_one_request() {
    let (endpoint, _store, manager) = rig();
    manager.access_token().await.unwrap();
    endpoint.once(FakeCall::LogOut, FakeFault::Delay(seconds(1)));
    let (one, two) = tokio::join!(manager.log_out(), manager.log_out());
    one.and(two).unwrap();
    assert_eq!(endpoint.calls(FakeCall::LogOut), 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_out_during_a_refresh_revokes_the_new_tokens() {
    let (endpoint, store, manager) = rig();
    manager.access_token().await.unwrap();
    advance(seconds(541)).await;
    endpoint.once(FakeCall::Refresh, FakeFault::Delay(seconds(1)));
    manager.access_token().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    manager.log_out().await.unwrap();
    assert_eq!(store.inner().load().await.unwrap(), None);
    let refused = tower_tokens::client::AccessToken::new("access-2").unwrap();
    assert!(!endpoint.accepts(&refused), "the refresh came first, and its tokens are revoked");
    assert_eq!(calls(&endpoint), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_does_not_stop_a_log_out() {
    let (endpoint, store, manager) = rig();
    let token = manager.access_token().await.unwrap();
    endpoint.once(FakeCall::LogOut, FakeFault::Delay(seconds(2)));
    assert!(tokio::time::timeout(seconds(1), manager.log_out()).await.is_err());
    tokio::time::sleep(seconds(2)).await;
    assert!(!endpoint.accepts(&token));
    assert_eq!(store.inner().load().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_on_its_way_does_not_log_in_again() {
    let (endpoint, store, manager) = rig();
    let token = manager.access_token().await.unwrap();
    endpoint.once(FakeCall::LogOut, FakeFault::Delay(seconds(2)));
    let (logged_out, during) = tokio::join!(manager.log_out(), async {
        tokio::time::sleep(seconds(1)).await;
        manager.access_token_after_rejection(&token).await
    });
    logged_out.unwrap();
    assert_eq!(during.unwrap_err().kind(), ClientErrorKind::Refused);
    let after = manager.access_token_after_rejection(&token).await;
    assert_eq!(after.unwrap_err().kind(), ClientErrorKind::Refused);
    assert_eq!((calls(&endpoint), store.inner().load().await.unwrap()), ((1, 0), None));
    // A new login is a decision, and then the late request gets its token.
    let next = manager.access_token().await.unwrap();
    assert_eq!(manager.access_token_after_rejection(&token).await.unwrap(), next);
}
