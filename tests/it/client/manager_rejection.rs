//! What a manager does when the API refuses a token that looks fresh.

use std::time::Duration;

use tokio::time::{Instant, advance};
use tower_tokens::client::{
    AccessToken, ClientError, ClientErrorKind, FakeCall, FakeEndpoint, FakeFault, FakeTokenStore, MemoryTokenStore,
    TokenManager, TokenStore,
};

use crate::client::{calls, seconds};

fn manager() -> (FakeEndpoint, TokenManager) {
    let endpoint = FakeEndpoint::new();
    (endpoint.clone(), TokenManager::new(endpoint, MemoryTokenStore::new()))
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_revoked_behind_our_back_is_replaced_once_for_all_callers() {
    let (endpoint, manager) = manager();
    let token = manager.access_token().await.unwrap();
    endpoint.revoke_access_tokens();
    let reads = (0..50).map(|_| manager.access_token_after_rejection(&token));
    for next in futures_util::future::join_all(reads).await {
        assert!(endpoint.accepts(&next.unwrap()));
    }
    // One that comes late gets the token that is there.
    assert!(endpoint.accepts(&manager.access_token_after_rejection(&token).await.unwrap()));
    assert_eq!(calls(&endpoint), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn if_the_refresh_token_was_revoked_too_it_logs_in() {
    let (endpoint, manager) = manager();
    let token = manager.access_token().await.unwrap();
    endpoint.revoke_access_tokens();
    endpoint.revoke_refresh_tokens();
    assert!(endpoint.accepts(&manager.access_token_after_rejection(&token).await.unwrap()));
    assert_eq!(calls(&endpoint), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn other_callers_wait_for_the_new_token_and_do_not_get_the_refused_one() {
    let (endpoint, manager) = manager();
    let token = manager.access_token().await.unwrap();
    endpoint.revoke_access_tokens();
    endpoint.once(FakeCall::Refresh, FakeFault::Delay(seconds(1)));
    let (next, other) = tokio::join!(manager.access_token_after_rejection(&token), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        manager.access_token().await
    });
    assert!(endpoint.accepts(&next.unwrap()) && endpoint.accepts(&other.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waited_for_a_renewal_in_vain_gets_the_token_that_still_lives() {
    let (endpoint, manager) = manager();
    let token = manager.access_token().await.unwrap();
    endpoint.always(FakeCall::Refresh, FakeFault::Error(ClientError::new(ClientErrorKind::Unavailable, "500")));
    let (rejected, other) = tokio::join!(manager.access_token_after_rejection(&token), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        manager.access_token().await
    });
    assert_eq!(rejected.unwrap_err().kind(), ClientErrorKind::Unavailable);
    assert_eq!(other.unwrap(), token);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_goes_on_serving_others_if_there_is_no_way_to_another() {
    let (endpoint, manager) = manager();
    let token = manager.access_token().await.unwrap();
    endpoint.always(FakeCall::Refresh, FakeFault::Error(ClientError::new(ClientErrorKind::Unavailable, "500")));
    let error = manager.access_token_after_rejection(&token).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Unavailable);
    // One resource may refuse it, and another accept it.
    assert_eq!(manager.access_token().await.unwrap(), token);
    let refreshes = endpoint.calls(FakeCall::Refresh);
    assert_eq!(manager.access_token_after_rejection(&token).await.unwrap_err().kind(), ClientErrorKind::Unavailable);
    assert_eq!(endpoint.calls(FakeCall::Refresh), refreshes);
    endpoint.heal();
    advance(seconds(2)).await;
    assert_ne!(manager.access_token().await.unwrap(), token);
}

#[tokio::test(start_paused = true)]
async fn the_same_token_again_comes_back_after_one_refresh() {
    let (endpoint, manager) = manager();
    endpoint.repeat_access_tokens();
    let token = manager.access_token().await.unwrap();
    let reads = (0..50).map(|_| manager.access_token_after_rejection(&token));
    for next in futures_util::future::join_all(reads).await {
        assert_eq!(next.unwrap(), token);
    }
    assert_eq!(calls(&endpoint), (1, 1));
}

/// Requests to an API that refuses every token, each repeated once: the number of refreshes in this time.
async fn refuse_everything(manager: &TokenManager, endpoint: &FakeEndpoint, duration: Duration) -> u64 {
    let before = endpoint.calls(FakeCall::Refresh) + endpoint.calls(FakeCall::LogIn);
    let start = Instant::now();
    while start.elapsed() < duration {
        let Ok(token) = manager.access_token().await else { continue };
        let next = manager.access_token_after_rejection(&token).await.unwrap();
        if next != token {
            manager.access_token_after_rejection(&next).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    endpoint.calls(FakeCall::Refresh) + endpoint.calls(FakeCall::LogIn) - before
}

#[tokio::test(start_paused = true)]
async fn an_api_that_refuses_every_new_token_causes_no_storm() {
    for same in [false, true] {
        let (endpoint, manager) = manager();
        if same {
            endpoint.repeat_access_tokens();
        }
        manager.access_token().await.unwrap();
        let first = refuse_everything(&manager, &endpoint, seconds(4)).await;
        assert!((2..=5).contains(&first), "{first} in the first 4 seconds");
        let rest = refuse_everything(&manager, &endpoint, seconds(600)).await;
        assert!(rest <= 25, "{rest} in ten minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_api_accepted_ends_the_wait() {
    let (endpoint, manager) = manager();
    let mut token = manager.access_token().await.unwrap();
    // Somebody revokes it a hundred times, and each new one works.
    for round in 0..100 {
        endpoint.revoke_access_tokens();
        token = manager.access_token_after_rejection(&token).await.unwrap();
        assert!(endpoint.accepts(&token), "round {round}");
        manager.accepted(&token);
    }
    assert_eq!(calls(&endpoint), (1, 100));
}

#[tokio::test(start_paused = true)]
async fn after_a_calm_time_a_refusal_is_renewed_at_once_again() {
    let (endpoint, manager) = manager();
    manager.access_token().await.unwrap();
    refuse_everything(&manager, &endpoint, seconds(120)).await;
    tokio::time::sleep(seconds(400)).await;
    let token = manager.access_token().await.unwrap();
    assert!(endpoint.accepts(&manager.access_token_after_rejection(&token).await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expired_in_mid_flight_is_replaced_at_once_however_often() {
    let (endpoint, manager) = manager();
    endpoint.set_access_lifetime(seconds(2));
    for round in 0..50 {
        let token = manager.access_token().await.unwrap();
        tokio::time::sleep(seconds(2)).await; // the request is on its way
        assert!(!endpoint.accepts(&token));
        let next = manager.access_token_after_rejection(&token).await.unwrap();
        assert!(endpoint.accepts(&next), "round {round}");
        advance(seconds(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_is_in_the_store_is_not_adopted_again() {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    let first = TokenManager::new(endpoint.clone(), store.clone());
    let token = first.access_token().await.unwrap();
    endpoint.revoke_access_tokens();
    // Another process, which has nothing in memory yet, gets the refused token out of a request of its own.
    let second = TokenManager::new(endpoint.clone(), store.clone());
    let next = second.access_token_after_rejection(&token).await.unwrap();
    assert!(endpoint.accepts(&next));
    // And the first takes what the second has saved.
    assert_eq!(first.access_token_after_rejection(&token).await.unwrap(), next);
    assert_eq!(calls(&endpoint), (1, 1));
    let stored = store.inner().load().await.unwrap().unwrap();
    assert_eq!(stored.access_token().expose_secret(), next.expose_secret());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_is_in_the_store_is_not_adopted_after_an_outage_either() {
    let (endpoint, store) = (FakeEndpoint::new(), MemoryTokenStore::new());
    let token = TokenManager::new(endpoint.clone(), store.clone()).access_token().await.unwrap();
    endpoint.revoke_access_tokens();
    endpoint.always(FakeCall::Refresh, FakeFault::Error(ClientError::new(ClientErrorKind::Unavailable, "500")));
    // After a restart, a caller still has the token, and the manager has nothing.
    let second = TokenManager::new(endpoint.clone(), store);
    second.access_token_after_rejection(&token).await.unwrap_err();
    endpoint.heal();
    advance(seconds(2)).await;
    assert!(endpoint.accepts(&second.access_token().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_token_gets_the_one_that_is_there() {
    let (endpoint, manager) = manager();
    let token = manager.access_token().await.unwrap();
    let foreign = AccessToken::new("somebody-else").unwrap();
    for _ in 0..10 {
        assert_eq!(manager.access_token_after_rejection(&foreign).await.unwrap(), token);
    }
    assert_eq!(calls(&endpoint), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_during_a_first_renewal_of_the_same_token_leads_to_a_second() {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    let first = TokenManager::new(endpoint.clone(), store.clone());
    let token = first.access_token().await.unwrap();
    endpoint.revoke_access_tokens();
    // A manager that adopts the revoked token, while a caller already knows that it is refused.
    store.once(tower_tokens::client::FakeStoreCall::Load, FakeFault::Delay(seconds(1)));
    let second = TokenManager::new(endpoint.clone(), store);
    let (adopted, next) = tokio::join!(second.access_token(), second.access_token_after_rejection(&token));
    assert_eq!(adopted.unwrap(), token);
    assert!(endpoint.accepts(&next.unwrap()));
}
