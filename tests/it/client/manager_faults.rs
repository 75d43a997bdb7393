//! A manager when its endpoint or its store fails: nothing is lost, nothing hangs, and no storm begins.

use std::time::Duration;

use tokio::time::{Instant, advance};
use tower_tokens::client::{
    ClientError, ClientErrorKind, FakeCall, FakeEndpoint, FakeFault, FakeStoreCall, FakeTokenStore, MemoryTokenStore,
    TokenManager, TokenStore,
};

use crate::client::{calls, seconds, settle};

fn error(kind: ClientErrorKind) -> FakeFault {
    FakeFault::Error(ClientError::new(kind, "a fault of the test"))
}

fn unavailable() -> FakeFault {
    error(ClientErrorKind::Unavailable)
}

fn too_many_requests(wait: u64) -> FakeFault {
    FakeFault::Error(ClientError::new(ClientErrorKind::Unavailable, "429").retry_after(seconds(wait)))
}

/// A manager with a token that has expired.
async fn expired() -> (FakeEndpoint, FakeTokenStore, TokenManager) {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    let manager = TokenManager::new(endpoint.clone(), store.clone());
    manager.access_token().await.unwrap();
    advance(seconds(601)).await;
    (endpoint, store, manager)
}

/// Reads every 100 milliseconds; the numbers of reads that gave a token, and that gave none.
async fn read_for(manager: &TokenManager, duration: Duration) -> (u64, u64) {
    let (start, mut good, mut bad) = (Instant::now(), 0, 0);
    while start.elapsed() < duration {
        match manager.access_token().await {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (good, bad)
}

#[tokio::test(start_paused = true)]
async fn one_failed_refresh_makes_no_caller_fail() {
    for faults in [1, 2] {
        let (endpoint, _store, manager) = expired().await;
        for _ in 0..faults {
            endpoint.once(FakeCall::Refresh, unavailable());
        }
        let reads = (0..50).map(|_| manager.access_token());
        for token in futures_util::future::join_all(reads).await {
            assert_eq!(token.unwrap().expose_secret(), "access-2");
        }
        assert_eq!(calls(&endpoint), (1, 1 + faults));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_the_tokens_and_ends_by_itself() {
    for fault in [unavailable(), error(ClientErrorKind::Malformed), too_many_requests(2)] {
        let (endpoint, store, manager) = expired().await;
        let stored = store.inner().load().await.unwrap();
        endpoint.always(FakeCall::Refresh, fault.clone());
        endpoint.always(FakeCall::LogIn, fault.clone());
        let (good, bad) = read_for(&manager, seconds(600)).await;
        assert_eq!(good, 0);
        assert!(bad > 1_000, "{bad}");
        let (logins, refreshes) = calls(&endpoint);
        assert!(logins <= 15 && refreshes <= 25, "{fault:?}: {logins} {refreshes} in ten minutes");
        assert_eq!(store.inner().load().await.unwrap(), stored);
        endpoint.heal();
        read_for(&manager, seconds(61)).await;
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-2");
        assert_eq!(manager.statistics().logins(), 1, "{fault:?}");
        // After a success the waits begin again with the shortest.
        endpoint.always(FakeCall::Refresh, fault.clone());
        advance(seconds(601)).await;
        manager.access_token().await.unwrap_err();
        endpoint.heal();
        advance(seconds(2)).await;
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-3");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_still_lives_serves_through_an_outage() {
    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    manager.access_token().await.unwrap();
    endpoint.always(FakeCall::Refresh, unavailable());
    advance(seconds(541)).await;
    let (good, bad) = read_for(&manager, seconds(58)).await;
    assert!(good > 500 && bad == 0, "{good} {bad}");
    let refreshes = endpoint.calls(FakeCall::Refresh);
    assert!((2..=9).contains(&refreshes), "{refreshes}");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_refresh_is_bounded_for_callers_and_does_not_touch_a_living_token() {
    let (endpoint, store, manager) = expired().await;
    let stored = store.inner().load().await.unwrap();
    endpoint.always(FakeCall::Refresh, FakeFault::Hang);
    let start = Instant::now();
    let reads = (0..50).map(|_| manager.access_token());
    for result in futures_util::future::join_all(reads).await {
        assert_eq!(result.unwrap_err().kind(), ClientErrorKind::Unavailable);
    }
    assert!(start.elapsed() < seconds(11), "{:?}", start.elapsed());
    assert_eq!(calls(&endpoint), (1, 1));
    assert_eq!(store.inner().load().await.unwrap(), stored);

    // Within the wait after the failure: the same error, at once.
    let start = Instant::now();
    manager.access_token().await.unwrap_err();
    assert_eq!((start.elapsed(), calls(&endpoint)), (Duration::ZERO, (1, 1)));

    let manager = manager.with_time_out(Duration::from_millis(200));
    advance(seconds(2)).await;
    let start = Instant::now();
    manager.access_token().await.unwrap_err();
    assert!(start.elapsed() < seconds(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn while_a_refresh_ahead_of_time_hangs_the_former_token_serves() {
    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    manager.access_token().await.unwrap();
    endpoint.always(FakeCall::Refresh, FakeFault::Hang);
    advance(seconds(541)).await;
    for _ in 0..40 {
        let start = Instant::now();
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::time::sleep(seconds(1)).await;
    }
    assert!(endpoint.calls(FakeCall::Refresh) <= 5, "{}", endpoint.calls(FakeCall::Refresh));
}

#[tokio::test(start_paused = true)]
async fn a_slow_endpoint_is_waited_for() {
    let (endpoint, _store, manager) = expired().await;
    endpoint.once(FakeCall::Refresh, FakeFault::Delay(seconds(9)));
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-2");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_whose_answer_is_lost_leads_to_a_login() {
    let (endpoint, _store, manager) = expired().await;
    // The server has rotated the refresh token, and the client does not know the new one.
    endpoint.once(FakeCall::Refresh, FakeFault::HangAfterwards);
    assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Unavailable);
    advance(seconds(2)).await;
    let token = manager.access_token().await.unwrap();
    assert!(endpoint.accepts(&token));
    assert_eq!(calls(&endpoint), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_clear_the_store_and_cause_no_storm() {
    let (endpoint, store, manager) = expired().await;
    endpoint.refuse_credentials();
    endpoint.revoke_refresh_tokens();
    let error = manager.access_token().await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Refused);
    assert_eq!(store.inner().load().await.unwrap(), None);
    assert_eq!(calls(&endpoint), (2, 1));

    let start = Instant::now();
    while start.elapsed() < seconds(600) {
        let reads = (0..50).map(|_| manager.access_token());
        for result in futures_util::future::join_all(reads).await {
            assert_eq!(result.unwrap_err().kind(), ClientErrorKind::Refused);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (logins, refreshes) = calls(&endpoint);
    assert!((5..=12).contains(&logins) && refreshes == 1, "{logins} logins, {refreshes} refreshes");

    endpoint.accept_credentials();
    tokio::time::sleep(seconds(300)).await;
    assert!(endpoint.accepts(&manager.access_token().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_at_the_first_login_are_an_error_at_once() {
    let endpoint = FakeEndpoint::new();
    endpoint.refuse_credentials();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    let start = Instant::now();
    let reads = (0..50).map(|_| manager.access_token());
    for result in futures_util::future::join_all(reads).await {
        assert_eq!(result.unwrap_err().kind(), ClientErrorKind::Refused);
    }
    assert_eq!((calls(&endpoint), start.elapsed()), ((1, 0), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_token_is_not_sent_again_while_the_login_is_unavailable() {
    let (endpoint, store, manager) = expired().await;
    endpoint.revoke_refresh_tokens();
    endpoint.always(FakeCall::LogIn, unavailable());
    read_for(&manager, seconds(300)).await;
    assert_eq!(endpoint.calls(FakeCall::Refresh), 1);
    assert!(store.inner().load().await.unwrap().is_some(), "an outage of the login wipes nothing");
    endpoint.heal();
    tokio::time::sleep(seconds(61)).await;
    assert!(endpoint.accepts(&manager.access_token().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured() {
    let (endpoint, _store, manager) = expired().await;
    endpoint.once(FakeCall::Refresh, too_many_requests(120));
    assert_eq!(manager.access_token().await.unwrap_err().wait(), Some(seconds(120)));
    read_for(&manager, seconds(119)).await;
    assert_eq!(calls(&endpoint), (1, 1));
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-2");

    // A short one is waited for, so that callers do not fail.
    advance(seconds(601)).await;
    endpoint.once(FakeCall::Refresh, too_many_requests(2));
    let start = Instant::now();
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-3");
    assert!(start.elapsed() >= seconds(2), "{:?}", start.elapsed());

    // One without end is honoured for an hour.
    advance(seconds(601)).await;
    endpoint.once(FakeCall::Refresh, too_many_requests(u64::MAX));
    manager.access_token().await.unwrap_err();
    tokio::time::sleep(seconds(3_590)).await;
    manager.access_token().await.unwrap_err();
    tokio::time::sleep(seconds(11)).await;
    manager.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn retry_after_of_a_refused_login_is_honoured() {
    let endpoint = FakeEndpoint::new();
    let locked = ClientError::new(ClientErrorKind::Refused, "locked out").retry_after(seconds(900));
    endpoint.once(FakeCall::LogIn, FakeFault::Error(locked));
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    read_for(&manager, seconds(899)).await;
    assert_eq!(calls(&endpoint), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_save_that_fails_keeps_serving_and_the_next_one_is_tried() {
    for fault in [error(ClientErrorKind::Store), FakeFault::Hang] {
        let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
        let manager = TokenManager::new(endpoint.clone(), store.clone());
        manager.access_token().await.unwrap();
        store.always(FakeStoreCall::Save, fault);
        for round in 2..=4 {
            advance(seconds(601)).await;
            assert_eq!(manager.access_token().await.unwrap().expose_secret(), format!("access-{round}"));
        }
        // The refresh tokens in memory were used, not the one in the store, which ended long ago.
        assert_eq!(calls(&endpoint), (1, 3));
        let stored = store.inner().load().await.unwrap().unwrap();
        assert_eq!(stored.access_token().expose_secret(), "access-1");
        store.heal();
        settle().await;
        advance(seconds(601)).await;
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-5");
        let stored = store.inner().load().await.unwrap().unwrap();
        assert_eq!(stored.refresh_token().unwrap().expose_secret(), "refresh-5");
        assert_eq!(calls(&endpoint), (1, 4));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_save_the_tokens_that_another_process_saved_count() {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    let manager = TokenManager::new(endpoint.clone(), store.clone());
    manager.access_token().await.unwrap();
    store.once(FakeStoreCall::Save, error(ClientErrorKind::Store));
    advance(seconds(601)).await;
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-2");
    // Another process reads the former tokens, whose refresh token has ended, and logs in.
    let wall = tower_tokens::clock::ManualClock::at(tower_tokens::clock::Timestamp::from_unix_seconds(4_000_000_000));
    let other = TokenManager::new(endpoint.clone(), store.inner().clone()).with_clock(wall);
    assert_eq!(other.access_token().await.unwrap().expose_secret(), "access-3");
    advance(seconds(601)).await;
    // By this manager's wall clock it is good for decades.
    assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-3");
    assert_eq!(calls(&endpoint), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_passed_over_if_there_are_tokens_in_memory() {
    for fault in [error(ClientErrorKind::Store), FakeFault::Hang] {
        let (endpoint, store, manager) = expired().await;
        store.always(FakeStoreCall::Load, fault.clone());
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-2");
        // A manager that knows nothing does not log in over tokens that it cannot see.
        let fresh = TokenManager::new(endpoint.clone(), store.clone());
        fresh.access_token().await.unwrap_err();
        assert_eq!(calls(&endpoint), (1, 1));
        store.heal();
        settle().await;
        advance(seconds(2)).await;
        fresh.access_token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_lock_nothing_is_renewed_and_a_living_token_serves() {
    for fault in [error(ClientErrorKind::Store), FakeFault::Hang] {
        let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
        let manager = TokenManager::new(endpoint.clone(), store.clone());
        manager.access_token().await.unwrap();
        store.always(FakeStoreCall::Lock, fault);
        advance(seconds(541)).await;
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1");
        manager.finish().await;
        advance(seconds(60)).await;
        manager.access_token().await.unwrap_err();
        assert_eq!(calls(&endpoint), (1, 0));
        store.heal();
        settle().await;
        advance(seconds(61)).await;
        assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-2");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_that_cannot_be_cleared_after_a_refused_login_are_not_used_again() {
    let endpoint = FakeEndpoint::new();
    let store = FakeTokenStore::new();
    let manager = TokenManager::new(endpoint.clone(), store.clone());
    let first = manager.access_token().await.unwrap();
    store.always(FakeStoreCall::Clear, error(ClientErrorKind::Store));
    endpoint.revoke_access_tokens();
    endpoint.revoke_refresh_tokens();
    endpoint.refuse_credentials();
    let error = manager.access_token_after_rejection(&first).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Refused);
    endpoint.accept_credentials();
    tokio::time::sleep(seconds(6)).await;
    let token = manager.access_token().await.unwrap();
    assert!(endpoint.accepts(&token));
    assert_eq!(calls(&endpoint), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_for_ever_does_not_keep_a_login_away_for_ever() {
    for fault in [unavailable(), error(ClientErrorKind::Malformed)] {
        let (endpoint, _store, manager) = expired().await;
        endpoint.always(FakeCall::Refresh, fault);
        read_for(&manager, seconds(10)).await;
        assert_eq!(endpoint.calls(FakeCall::LogIn), 1, "an outage of ten seconds is no reason to log in");
        read_for(&manager, seconds(30)).await;
        assert!(endpoint.accepts(&manager.access_token().await.unwrap()));
        assert_eq!(endpoint.calls(FakeCall::LogIn), 2);
    }
    // An endpoint that asks for a wait is alive, and gets its wait.
    let (endpoint, _store, manager) = expired().await;
    endpoint.always(FakeCall::Refresh, too_many_requests(3));
    read_for(&manager, seconds(600)).await;
    assert_eq!(endpoint.calls(FakeCall::LogIn), 1);
}

/// A store of two processes whose lock does nothing.
#[derive(Debug)]
struct Lockless(FakeTokenStore);

#[async_trait::async_trait]
impl TokenStore for Lockless {
    async fn load(&self) -> Result<Option<tower_tokens::client::StoredTokens>, ClientError> {
        self.0.load().await
    }

    async fn save(&self, tokens: &tower_tokens::client::StoredTokens) -> Result<(), ClientError> {
        self.0.save(tokens).await
    }

    async fn clear(&self) -> Result<(), ClientError> {
        self.0.clear().await
    }
}

#[tokio::test(start_paused = true)]
async fn over_a_store_without_a_lock_the_second_refresh_takes_what_the_first_saved() {
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    // The wall clock of both follows tokio's.
    let wall = tower_tokens::clock::ManualClock::at(tower_tokens::clock::Timestamp::from_unix_seconds(1_800_000_000));
    let manager = || TokenManager::new(endpoint.clone(), Lockless(store.clone())).with_clock(wall.clone());
    let (one, two) = (manager(), manager());
    one.access_token().await.unwrap();
    two.access_token().await.unwrap();
    advance(seconds(601)).await;
    wall.advance(time::Duration::seconds(601));
    endpoint.once(FakeCall::Refresh, FakeFault::Delay(Duration::from_millis(100)));
    endpoint.once(FakeCall::Refresh, FakeFault::Delay(Duration::from_millis(200)));
    let (first, second) = tokio::join!(one.access_token(), two.access_token());
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(calls(&endpoint), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_time_out_outside_of_its_range_is_the_nearer_end() {
    for (set, least, most) in [(Duration::ZERO, 1, 2), (Duration::MAX, 600_000, 600_001), (seconds(3), 3_000, 3_001)] {
        let endpoint = FakeEndpoint::new();
        endpoint.always(FakeCall::LogIn, FakeFault::Hang);
        // It holds for all clones.
        let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
        _ = manager.clone().with_time_out(set);
        endpoint.once(FakeCall::LogIn, unavailable());
        manager.access_token().await.unwrap_err(); // so that the next renewal makes one attempt
        tokio::time::sleep(seconds(60)).await;
        let start = Instant::now();
        manager.access_token().await.unwrap_err();
        let waited = start.elapsed().as_millis();
        assert!((least..=most).contains(&waited), "{set:?}: {waited} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_is_over_when_the_token_expires_makes_no_caller_fail() {
    let endpoint = FakeEndpoint::new();
    endpoint.set_access_lifetime(seconds(2_000)); // so that the lead is 225 seconds, less its chance
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    manager.access_token().await.unwrap();
    tokio::time::sleep(seconds(1_888)).await;
    endpoint.always(FakeCall::Refresh, unavailable());
    endpoint.always(FakeCall::LogIn, unavailable());
    let (_, bad) = read_for(&manager, seconds(111)).await;
    let attempts = endpoint.calls(FakeCall::Refresh);
    assert!(bad == 0 && (5..=11).contains(&attempts), "{attempts}");
    endpoint.heal();
    let (_, bad) = read_for(&manager, seconds(20)).await;
    assert_eq!(bad, 0, "a wait of up to a minute began while the token lived");
}

/// Has a refresh token that a user granted in a browser, and no credentials.
#[derive(Debug)]
struct Granted(FakeEndpoint);

#[async_trait::async_trait]
impl tower_tokens::client::TokenEndpoint for Granted {
    async fn log_in(&self) -> Result<tower_tokens::client::IssuedTokens, ClientError> {
        _ = self.0.log_in().await;
        Err(ClientError::new(ClientErrorKind::Refused, "the user has to consent again"))
    }

    fn has_credentials(&self) -> bool {
        false
    }

    async fn refresh(
        &self,
        stored: &tower_tokens::client::StoredTokens,
    ) -> Result<tower_tokens::client::IssuedTokens, ClientError> {
        self.0.refresh(stored).await
    }
}

/// A manager of such an endpoint whose access token has expired, and whose refresh token ends at this second of the wall
/// clock.
async fn granted(refresh_left: i64) -> (FakeEndpoint, FakeTokenStore, TokenManager) {
    use tower_tokens::client::{StoredTokens, TokenEndpoint};
    use tower_tokens::clock::{ManualClock, Timestamp};

    let wall = Timestamp::from_unix_seconds(1_800_000_000);
    let (endpoint, store) = (FakeEndpoint::new(), FakeTokenStore::new());
    endpoint.log_in().await.unwrap();
    let stored = StoredTokens::new("access-1")
        .with_access_expiry(wall)
        .with_refresh_token("refresh-1")
        .with_refresh_expiry(wall + time::Duration::seconds(refresh_left));
    store.inner().save(&stored).await.unwrap();
    let manager = TokenManager::new(Granted(endpoint.clone()), store.clone()).with_clock(ManualClock::at(wall));
    (endpoint, store, manager)
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_refresh_never_costs_a_grant_that_no_login_can_replace() {
    let (endpoint, store, manager) = granted(86_400).await;
    endpoint.always(FakeCall::Refresh, unavailable());
    read_for(&manager, seconds(1_200)).await;
    let logins = endpoint.calls(FakeCall::LogIn) - 1;
    assert!((1..=6).contains(&logins), "{logins} logins in twenty minutes");
    assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Unavailable);
    assert!(store.inner().load().await.unwrap().is_some());
    endpoint.heal();
    tokio::time::sleep(seconds(61)).await;
    assert!(endpoint.accepts(&manager.access_token().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_never_costs_a_grant_that_no_login_can_replace() {
    // By the wall clock, which is an hour ahead, the refresh token has expired.
    let (endpoint, store, manager) = granted(-1_800).await;
    let token = manager.access_token().await.unwrap();
    assert!(endpoint.accepts(&token));
    let stored = store.inner().load().await.unwrap().unwrap();
    assert_eq!(stored.access_token().expose_secret(), token.expose_secret());

    let (endpoint, store, manager) = granted(-1_800).await;
    endpoint.always(FakeCall::Refresh, unavailable());
    assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Refused);
    assert!(store.inner().load().await.unwrap().is_some());

    // One that the server refuses has really ended.
    let (endpoint, store, manager) = granted(-1_800).await;
    endpoint.revoke_refresh_tokens();
    assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Refused);
    assert_eq!(store.inner().load().await.unwrap(), None);
    let refreshes = endpoint.calls(FakeCall::Refresh);
    read_for(&manager, seconds(600)).await;
    assert_eq!(endpoint.calls(FakeCall::Refresh), refreshes);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_credentials_is_not_sent_an_expired_refresh_token_when_it_refuses_them() {
    let (endpoint, store, manager) = expired().await;
    endpoint.set_refresh_lifetime(seconds(60));
    endpoint.revoke_refresh_tokens();
    manager.access_token().await.unwrap();
    advance(seconds(601)).await;
    endpoint.refuse_credentials();
    let refreshes = endpoint.calls(FakeCall::Refresh);
    assert_eq!(manager.access_token().await.unwrap_err().kind(), ClientErrorKind::Refused);
    assert_eq!(endpoint.calls(FakeCall::Refresh), refreshes);
    assert_eq!(store.inner().load().await.unwrap(), None);
}
