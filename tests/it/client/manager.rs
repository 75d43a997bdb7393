//! The life of a manager's tokens: first login, refresh ahead of time, expiry, rotation, store.

use std::time::Duration;

use tokio::time::advance;
use tower_tokens::client::{
    AccessToken, ClientErrorKind, FakeCall, FakeEndpoint, FakeStoreCall, FakeTokenStore, IssuedTokens,
    MemoryTokenStore, StoredTokens, TokenEndpoint, TokenManager, TokenStore,
};
use tower_tokens::clock::{ManualClock, Timestamp};

use crate::client::{calls, seconds, settle};

const WALL: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

#[tokio::test(start_paused = true)]
async fn a_fresh_token_is_given_without_a_request() {
    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    assert_eq!(calls(&endpoint), (0, 0));
    for _ in 0..100 {
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
        advance(seconds(4)).await;
    }
    assert_eq!(calls(&endpoint), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn near_its_end_a_token_serves_while_a_task_renews_it() {
    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    manager.access_token().await.unwrap();
    advance(seconds(479)).await; // 600 s, of which the last 60 to 120 are the lead
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
    settle().await;
    assert_eq!(calls(&endpoint), (1, 0));
    advance(seconds(62)).await;
    for _ in 0..5 {
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
    }
    settle().await;
    assert_eq!(calls(&endpoint), (1, 1));
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-2");
}

#[tokio::test(start_paused = true)]
async fn ahead_of_time_is_225_seconds_at_most() {
    let endpoint = FakeEndpoint::new();
    endpoint.set_access_lifetime(seconds(86_400));
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    manager.access_token().await.unwrap();
    advance(seconds(86_400 - 226)).await;
    manager.access_token().await.unwrap();
    settle().await;
    assert_eq!(calls(&endpoint), (1, 0));
    advance(seconds(226 - 112)).await;
    manager.access_token().await.unwrap();
    settle().await;
    assert_eq!(calls(&endpoint), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn managers_do_not_renew_at_one_moment() {
    let endpoint = FakeEndpoint::new();
    endpoint.set_access_lifetime(seconds(1_000));
    let managers: Vec<_> = (0..40).map(|_| TokenManager::new(endpoint.clone(), MemoryTokenStore::new())).collect();
    for manager in &managers {
        manager.access_token().await.unwrap();
    }
    advance(seconds(850)).await; // the middle of the jitter
    for manager in &managers {
        manager.access_token().await.unwrap();
        manager.finish().await;
    }
    let renewed = managers.iter().filter(|manager| manager.statistics().refreshes() == 1).count();
    assert!((5..=35).contains(&renewed), "{renewed} of 40");
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_refreshed_while_callers_wait_and_the_refresh_token_rotates() {
    let endpoint = FakeEndpoint::new();
    let store = FakeTokenStore::new();
    let manager = TokenManager::new(endpoint.clone(), store.clone());
    for round in 1..=5 {
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), format!("access-{round}"));
        let stored = store.inner().load().await.unwrap().unwrap();
        assert_eq!(stored.access_token().expose_secret(), format!("access-{round}"));
        assert_eq!(stored.refresh_token().unwrap().expose_secret(), format!("refresh-{round}"));
        advance(seconds(601)).await;
    }
    assert_eq!(calls(&endpoint), (1, 4));
    assert_eq!(store.calls(FakeStoreCall::Save), 5);
    let statistics = manager.statistics();
    assert_eq!((statistics.logins(), statistics.refreshes(), statistics.failures()), (1, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn an_expired_refresh_token_is_not_sent_and_a_revoked_one_leads_to_a_login() {
    let endpoint = FakeEndpoint::new();
    endpoint.set_refresh_lifetime(seconds(1_000));
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    manager.access_token().await.unwrap();
    advance(seconds(1_001)).await;
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-2");
    assert_eq!(calls(&endpoint), (2, 0));
    endpoint.revoke_refresh_tokens();
    advance(seconds(601)).await;
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-3");
    assert_eq!(calls(&endpoint), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_refresh_token_keeps_the_former() {
    let endpoint = FakeEndpoint::new();
    endpoint.keep_refresh_tokens();
    let store = MemoryTokenStore::new();
    let manager = TokenManager::new(endpoint.clone(), store.clone());
    for _ in 0..4 {
        manager.access_token().await.unwrap();
        let stored = store.load().await.unwrap().unwrap();
        assert_eq!(stored.refresh_token().unwrap().expose_secret(), "refresh-1");
        advance(seconds(601)).await;
    }
    assert_eq!(calls(&endpoint), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_refresh_tokens_is_logged_in_to_again() {
    #[derive(Debug)]
    struct LoginOnly(FakeEndpoint);

    #[async_trait::async_trait]
    impl TokenEndpoint for LoginOnly {
        async fn log_in(&self) -> Result<IssuedTokens, tower_tokens::client::ClientError> {
            self.0.log_in().await?;
            Ok(IssuedTokens::new("only").expires_in(seconds(60)))
        }

        async fn refresh(&self, _: &StoredTokens) -> Result<IssuedTokens, tower_tokens::client::ClientError> {
            panic!("there is no refresh token")
        }
    }

    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(LoginOnly(endpoint.clone()), MemoryTokenStore::new());
    for _ in 0..3 {
        manager.access_token().await.unwrap();
        advance(seconds(61)).await;
    }
    assert_eq!(calls(&endpoint), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn the_same_token_handed_back_at_a_refresh_serves_for_its_new_lifetime() {
    let endpoint = FakeEndpoint::new();
    endpoint.repeat_access_tokens();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    for _ in 0..3 {
        for _ in 0..50 {
            assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
        }
        advance(seconds(601)).await;
    }
    assert_eq!(calls(&endpoint), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_lifetime_or_with_a_lifetime_of_zero_serves_until_the_api_refuses_it() {
    for lifetime in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
        let endpoint = FakeEndpoint::new();
        endpoint.set_access_lifetime(lifetime);
        let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
        for _ in 0..100 {
            assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
            advance(seconds(86_400)).await;
        }
        assert_eq!(calls(&endpoint), (1, 0), "{lifetime:?}");
        let rejected = manager.access_token().await.unwrap();
        assert_eq!(
            manager.access_token_after_rejection(&rejected).await.unwrap().expose_secret(),
            "access-2",
            "{lifetime:?}"
        );
        assert_eq!(calls(&endpoint), (1, 1), "{lifetime:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_manager_takes_what_the_store_has() {
    let (endpoint, store) = (FakeEndpoint::new(), MemoryTokenStore::new());
    let first = TokenManager::new(endpoint.clone(), store.clone());
    let token = first.access_token().await.unwrap();
    let second = TokenManager::new(endpoint.clone(), store.clone());
    assert_eq!(second.access_token().await.unwrap(), token);
    assert_eq!(calls(&endpoint), (1, 0));
    assert_eq!((second.statistics().logins(), second.statistics().adoptions()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn stored_tokens_are_judged_by_the_wall_clock() {
    for (access_left, refresh_left, expected) in [
        (60, 60, (0, 0)),
        (1, -1, (0, 0)),
        (0, 60, (0, 1)),
        (-3_600, 60, (0, 1)),
        (0, 0, (1, 0)),
        (-3_600, -3_600, (1, 0)),
    ] {
        let (endpoint, store) = (FakeEndpoint::new(), MemoryTokenStore::new());
        endpoint.log_in().await.unwrap();
        let at = |left: i64| WALL + time::Duration::seconds(left);
        let stored = StoredTokens::new("access-1")
            .with_access_expiry(at(access_left))
            .with_refresh_token("refresh-1")
            .with_refresh_expiry(at(refresh_left));
        store.save(&stored).await.unwrap();
        let manager = TokenManager::new(endpoint.clone(), store).with_clock(ManualClock::at(WALL));
        manager.access_token().await.unwrap();
        let (logins, refreshes) = calls(&endpoint);
        assert_eq!((logins - 1, refreshes), expected, "{access_left} {refresh_left}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_managers_of_one_store_share_each_refresh() {
    let (endpoint, store) = (FakeEndpoint::new(), MemoryTokenStore::new());
    // The wall clock follows tokio's, which is paused.
    let clock = ManualClock::at(WALL);
    let managers: Vec<_> =
        (0..8).map(|_| TokenManager::new(endpoint.clone(), store.clone()).with_clock(clock.clone())).collect();
    for round in 1..=6_u64 {
        let reads = managers.iter().map(|manager| manager.access_token());
        for token in futures_util::future::join_all(reads).await {
            assert_eq!(token.unwrap().expose_secret(), format!("access-{round}"));
        }
        assert_eq!(calls(&endpoint), (1, round - 1));
        advance(seconds(601)).await;
        clock.advance(time::Duration::seconds(601));
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_malformed_and_replaces_nothing() {
    #[derive(Debug)]
    struct Broken;

    #[async_trait::async_trait]
    impl TokenEndpoint for Broken {
        async fn log_in(&self) -> Result<IssuedTokens, tower_tokens::client::ClientError> {
            Ok(IssuedTokens::new("a\r\nx-evil: 1"))
        }

        async fn refresh(&self, _: &StoredTokens) -> Result<IssuedTokens, tower_tokens::client::ClientError> {
            Ok(IssuedTokens::new(""))
        }
    }

    let store = MemoryTokenStore::new();
    let manager = TokenManager::new(Broken, store.clone());
    assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Malformed);
    assert_eq!(store.load().await.unwrap(), None);
    let old = StoredTokens::new("a b").with_refresh_token("r");
    store.save(&old).await.unwrap();
    let manager = TokenManager::new(Broken, store.clone());
    assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Malformed);
    assert_eq!(store.load().await.unwrap(), Some(old));
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_can_be_an_hour_wrong_and_can_be_set() {
    for wrong in [-3_600, 0, 3_600, 86_400 * 365, -86_400 * 365 * 60] {
        let clock = ManualClock::at(WALL + time::Duration::seconds(wrong));
        let (endpoint, store) = (FakeEndpoint::new(), MemoryTokenStore::new());
        endpoint.set_refresh_lifetime(seconds(3_000));
        let manager = TokenManager::new(endpoint.clone(), store).with_clock(clock.clone());
        for minute in 0..120 {
            let token = manager.access_token().await.unwrap();
            assert!(endpoint.accepts(&token), "{wrong} {minute}");
            // Somebody sets the clock, there and back.
            if minute % 20 == 10 {
                clock.advance(time::Duration::seconds(if minute % 40 == 10 { 3_600 } else { -3_600 }));
            }
            settle().await;
            advance(seconds(60)).await;
        }
        let (logins, refreshes) = calls(&endpoint);
        assert!(logins == 1 && refreshes <= 15, "{wrong}: {logins} logins, {refreshes} refreshes in two hours");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_token_that_a_wrong_clock_takes_for_fresh_heals_when_the_api_refuses_it() {
    let (endpoint, store) = (FakeEndpoint::new(), MemoryTokenStore::new());
    let first = TokenManager::new(endpoint.clone(), store.clone()).with_clock(ManualClock::at(WALL));
    first.access_token().await.unwrap();
    advance(seconds(1_800)).await;
    // The right time would be 1,800 seconds later.
    let second = TokenManager::new(endpoint.clone(), store).with_clock(ManualClock::at(WALL));
    let stale = second.access_token().await.unwrap();
    assert!(!endpoint.accepts(&stale));
    let healed = second.access_token_after_rejection(&stale).await.unwrap();
    assert!(endpoint.accepts(&healed));
    assert_eq!(calls(&endpoint), (1, 1));
}

#[tokio::test]
async fn a_header_is_cloned_without_an_allocation() {
    let manager = TokenManager::new(FakeEndpoint::new(), MemoryTokenStore::new());
    let token: AccessToken = manager.access_token().await.unwrap();
    let mut values = Vec::with_capacity(200);
    let allocations = allocation_counter::measure(|| {
        for _ in 0..100 {
            values.push(token.header_value());
            values.push(token.clone().header_value());
        }
    });
    assert_eq!(allocations.count_total, 0);
}

#[tokio::test]
async fn the_way_of_a_fresh_token_allocates_nothing() {
    use std::task::{Context, Poll, Waker};

    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    manager.access_token().await.unwrap();
    let read = || {
        let future = std::pin::pin!(manager.access_token());
        let Poll::Ready(Ok(token)) = future.poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
        drop(token.header_value());
    };
    read();
    assert_eq!(allocation_counter::measure(read).count_total, 0);
    assert_eq!(endpoint.calls(FakeCall::LogIn), 1);
}

#[tokio::test]
async fn an_endpoint_and_a_store_can_be_chosen_at_run_time() {
    use std::sync::Arc;

    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    let chosen: (Arc<dyn TokenEndpoint>, Arc<dyn TokenStore>) = (Arc::new(endpoint.clone()), Arc::new(store.clone()));
    let manager = TokenManager::new(chosen.0, chosen.1);
    let token = manager.access_token().await.unwrap();
    manager.access_token_after_rejection(&token).await.unwrap();
    manager.log_out().await.unwrap();
    assert_eq!((calls(&endpoint), endpoint.calls(FakeCall::LogOut)), ((1, 1), 1));
    let store_calls = [FakeStoreCall::Load, FakeStoreCall::Save, FakeStoreCall::Clear, FakeStoreCall::Lock];
    assert_eq!(store_calls.map(|call| store.calls(call)), [3, 2, 1, 3]);
}
