//! Clocks that were wrong and are set right, and clocks of two nodes that differ.

use time::Duration;
use tower_tokens::lifecycle::IssuedToken;
use tower_tokens::policy::{SecurityPolicy, authenticated_within};
use tower_tokens::repository::TokenRepository as _;
use tower_tokens::token::Lifetime;

use crate::site::{NOW, Site};

async fn recent(site: &Site, issued: &IssuedToken, within: Duration) -> bool {
    let policy = SecurityPolicy::new().scenario("change password", authenticated_within(within));
    let user = site.tokens.validate(issued.token()).await.unwrap().unwrap();
    policy.decide("change password", &user).await.unwrap().is_allow()
}

#[tokio::test]
async fn a_login_by_a_clock_that_was_a_day_fast_is_not_recent() {
    for ahead in [Duration::days(1), Duration::hours(1), Duration::minutes(6)] {
        let site = Site::new().await;
        site.clock.advance(ahead);
        let issued = site.tokens.generate(&site.member).lifetime(Lifetime::days(30)).await.unwrap();
        assert!(recent(&site, &issued, Duration::minutes(10)).await, "by the wrong clock");
        site.clock.set(NOW);
        assert!(!recent(&site, &issued, Duration::minutes(10)).await, "{ahead} ahead");
        site.clock.advance(ahead);
        assert!(recent(&site, &issued, Duration::minutes(10)).await, "the time has come");
        site.clock.advance(Duration::minutes(10) + Duration::SECOND);
        assert!(!recent(&site, &issued, Duration::minutes(10)).await);
    }
}

#[tokio::test]
async fn a_login_on_a_node_whose_clock_is_a_little_fast_is_recent() {
    let site = Site::new().await;
    site.clock.advance(Duration::seconds(90));
    let issued = site.tokens.generate(&site.member).await.unwrap();
    site.clock.set(NOW);
    assert!(recent(&site, &issued, Duration::minutes(10)).await);
    assert!(!recent(&site, &issued, Duration::seconds(30)).await, "further ahead than the rule is long");
}

#[tokio::test]
async fn a_last_use_in_the_future_keeps_no_idle_token_alive() {
    for site in [Site::new().await, Site::async_only().await] {
        let lifetime = Lifetime::days(30).with_idle_limit(Duration::minutes(15));
        let issued = site.tokens.generate(&site.member).lifetime(lifetime).await.unwrap();
        let is_valid = async || site.tokens.validate(issued.token()).await.unwrap().is_some();
        // The clock creeps forward while the token is in use: none of the steps is a rest.
        for _ in 0..(24 * 6) {
            site.clock.advance(Duration::minutes(10));
            assert!(is_valid().await);
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
        }
        site.clock.set(NOW);
        assert!(!is_valid().await, "last used tomorrow");
        site.clock.set(NOW + Duration::minutes(30));
        assert!(!is_valid().await, "unused for half an hour");
        let error = site.tokens.regenerate(issued.token()).await.unwrap_err();
        assert_eq!(error.kind(), tower_tokens::error::ErrorKind::InvalidToken, "no way round it");
    }
}

#[tokio::test]
async fn a_last_use_on_a_node_whose_clock_is_a_little_fast_logs_no_user_out() {
    let site = Site::new().await;
    let lifetime = Lifetime::days(30).with_idle_limit(Duration::minutes(15));
    site.clock.advance(Duration::seconds(90));
    let issued = site.tokens.generate(&site.member).lifetime(lifetime).await.unwrap();
    site.clock.set(NOW);
    assert!(site.tokens.validate(issued.token()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_use_on_a_node_whose_clock_is_behind_ends_no_token_early() {
    let site = Site::new().await;
    let lifetime = Lifetime::days(30).with_idle_limit(Duration::seconds(60));
    let issued = site.tokens.generate(&site.member).lifetime(lifetime).await.unwrap();
    let user = site.tokens.validate(issued.token()).await.unwrap().unwrap();
    let before = NOW + Duration::seconds(-90);
    assert!(!site.store.touch(user.id(), user.token().id(), before).await.unwrap(), "before it was made");
    site.clock.advance(Duration::seconds(50));
    assert!(site.tokens.validate(issued.token()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_node_whose_clock_is_a_day_fast_prunes_no_valid_token() {
    let site = Site::new().await;
    let short = site.tokens.generate(&site.member).lifetime(Lifetime::hours(1)).await.unwrap();
    let idle = Lifetime::days(30).with_idle_limit(Duration::minutes(15));
    let idle = site.tokens.generate(&site.member).lifetime(idle).await.unwrap();
    for ahead in [Duration::hours(2), Duration::hours(14), Duration::days(1), Duration::hours(38)] {
        site.clock.advance(ahead);
        assert_eq!(site.tokens.prune().await.unwrap(), 0, "{ahead} fast");
        site.clock.set(NOW + Duration::seconds(1));
        assert!(site.tokens.validate(short.token()).await.unwrap().is_some(), "{ahead}");
        assert!(site.tokens.validate(idle.token()).await.unwrap().is_some(), "{ahead}");
    }
}

#[tokio::test]
async fn regenerating_loosens_neither_limit() {
    let site = Site::new().await;
    let lifetime = Lifetime::seconds(900).with_idle_limit(Duration::seconds(300));
    let mut issued = site.tokens.generate(&site.member).lifetime(lifetime).await.unwrap();
    let end = issued.record().absolute_expiry();
    for _ in 0..8 {
        site.clock.advance(Duration::seconds(100));
        issued = site.tokens.regenerate(issued.token()).await.unwrap();
        assert_eq!(issued.record().absolute_expiry(), end, "the end stays");
        assert_eq!(issued.record().idle_limit(), Some(Duration::seconds(300)), "the idle limit stays");
    }
    let longer = site.tokens.regenerate(issued.token()).lifetime(Lifetime::days(1)).await.unwrap();
    assert_eq!(longer.record().absolute_expiry(), end, "a longer lifetime is cut to what was left");
    assert_eq!(longer.record().idle_limit(), Some(Duration::seconds(300)));
    site.clock.advance(Duration::seconds(100));
    assert!(site.tokens.validate(longer.token()).await.unwrap().is_none());
}
