//! Allocations are exact, so they are counted.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::routing::get;
use tower::{Layer, Service};
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::extract::User;
use tower_tokens::request::RequestHead;
use tower_tokens::user::{CurrentUser, UserData};

use crate::site::{Site, basic};

fn request(headers: &[(&str, &str)]) -> Request {
    let mut request = Request::get("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

/// How many allocations one more request to this service costs.
fn count(mut service: impl Service<Request>, headers: &[(&str, &str)]) -> u64 {
    let mut drive = |request| {
        let mut future = pin!(service.call(request));
        let is_ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(is_ready, "memory knows at once");
    };
    // What a thread builds once is built here.
    drive(request(headers));
    drive(request(headers));
    let last = request(headers);
    measure(|| drive(last)).count_total
}

/// How many allocations the layer around a router costs above the bare router, and whether there was a user.
fn cost(site: &Site, headers: &[(&str, &str)]) -> (u64, bool) {
    let router = Router::new().route("/", get(async || "hello"));
    let above = count(site.layer().layer(router.clone()), headers) - count(router, headers);
    let outcome = site.layer().authenticator().authenticate_now(RequestHead::of(&request(headers)));
    (above, outcome.unwrap().is_ok())
}

#[tokio::test]
async fn a_hit_around_the_router_costs_at_most_three_allocations() {
    let site = Site::new().await;
    let token = site.member_token().await;
    for (name, value) in [
        ("cookie", format!("trongatetoken={token}")),
        ("cookie", format!("a=1; trongatetoken=stale; trongatetoken={token}")),
        ("authorization", format!("Bearer {token}")),
        ("trongatetoken", token.clone()),
    ] {
        let (allocations, has_user) = cost(&site, &[(name, &value)]);
        assert!(has_user && allocations <= 3, "{name}: {allocations}");
    }
}

#[tokio::test]
async fn nothing_of_a_user_is_kept_after_the_request() {
    let site = Site::new().await;
    let cookie = format!("trongatetoken={}", site.member_token().await);
    let request = request(&[("cookie", &cookie)]);
    let authenticator = site.layer().authenticator();
    let authenticate = || drop(authenticator.authenticate_now(RequestHead::of(&request)));
    authenticate();
    let memory = measure(authenticate);
    assert!(memory.count_total > 0 && memory.bytes_current == 0, "{} bytes are left", memory.bytes_current);
}

#[tokio::test]
async fn a_user_who_can_be_asked_for_again_costs_two_allocations_more() {
    let site = Site::new().await;
    let cookie = format!("trongatetoken={}", site.member_token().await);
    let count = |layer: TokenAuthLayer| {
        let router = Router::new().route("/", get(async || "hello"));
        count(layer.layer(router), &[("cookie", &cookie)])
    };
    assert_eq!(count(site.layer().checkable()), count(site.layer()) + 2);
}

#[tokio::test]
async fn cookies_that_say_nothing_are_not_kept_while_a_store_is_asked() {
    let site = Site::async_only().await;
    let flood = "; trongatetoken=; trongatetoken=abc; trongatetoken=\"".repeat(10_000);
    let request = request(&[("cookie", &format!("trongatetoken=abc{flood}"))]);
    let authenticator = site.layer().authenticator();
    let kept = measure(|| drop(authenticator.authenticate(RequestHead::of(&request))));
    assert!(kept.count_total > 0 && kept.bytes_max < 2_000, "{} bytes", kept.bytes_max);
}

#[tokio::test]
async fn a_refusal_costs_no_allocation() {
    let site = Site::new().await;
    let flood = (0..10_000).map(|number| format!("trongatetoken={number}!")).collect::<Vec<_>>().join("; ");
    let distinct = (0..10_000).map(|number| format!("trongatetoken={number}")).collect::<Vec<_>>().join("; ");
    let long = format!("trongatetoken={}", "a".repeat(5_000));
    let broken_basic = format!("{}!", basic("a"));
    for headers in [
        &[][..],
        &[("cookie", "other=1")],
        &[("cookie", "trongatetoken=unknown")],
        &[("cookie", "trongatetoken=no token")],
        &[("cookie", &long)],
        &[("cookie", &flood)],
        &[("cookie", &distinct)],
        &[("authorization", "Bearer unknown")],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
        &[("authorization", &broken_basic)],
        &[("trongatetoken", "unknown")],
    ] {
        let (allocations, has_user) = cost(&site, headers);
        let short: Vec<_> = headers.iter().map(|(name, value)| (name, &value[..value.len().min(40)])).collect();
        assert_eq!((allocations, has_user), (0, false), "{short:?}");
    }
}

#[tokio::test]
async fn reading_the_data_of_a_user_costs_no_allocation() {
    struct Profile(String);
    let user = CurrentUser::fake(7, "member").with_data(UserData::new(Profile("anna".to_owned())));
    let memory = measure(|| {
        assert!(user.data::<Profile>().is_some_and(|profile| profile.0 == "anna"));
        assert!(user.data::<String>().is_none(), "data of another type");
    });
    assert_eq!(memory.count_total, 0);
    let (mut parts, ()) = http::Request::new(()).into_parts();
    user.insert_into(&mut parts.extensions);
    let memory = measure(|| {
        let mut extracting = pin!(User::<Profile>::from_request_parts(&mut parts, &()));
        let extracted = extracting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(extracted, Poll::Ready(Ok(User(_, profile))) if profile.0 == "anna"));
    });
    assert_eq!(memory.count_total, 0, "the extractor");
}
