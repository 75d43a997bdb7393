//! The guard around a service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use time::Duration;
use tower::{Layer, Service, ServiceExt};
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::policy::{
    Rule, Scenario, SecurityPolicy, authenticated, authenticated_within, check, check_async, deny_if, level,
};
use tower_tokens::request::RequestHead;
use tower_tokens::respond::{Refusal, RefusalKind, RespondToRefusal};
use tower_tokens::user::{CurrentUser, Reason, Unauthenticated};

use crate::policy_users::{logged_in, user};

/// A service that counts its calls, and that may only be called on the very clone that was polled ready.
#[derive(Default)]
struct Counting {
    calls: Arc<AtomicUsize>,
    is_ready: bool,
    cache_control: Option<&'static str>,
}

impl Clone for Counting {
    fn clone(&self) -> Self {
        Self { calls: Arc::clone(&self.calls), is_ready: false, cache_control: self.cache_control }
    }
}

impl Service<Request<()>> for Counting {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "a clone that was not ready is called");
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(Bytes::from("secrets"));
        if let Some(value) = self.cache_control {
            response.headers_mut().insert("cache-control", value.parse().unwrap());
        }
        ready(Ok(response))
    }
}

fn request_of(user: &CurrentUser) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(user.level().clone());
    request.extensions_mut().insert(user.clone());
    request
}

fn request_without(unauthenticated: Unauthenticated) -> Request<()> {
    let mut request = Request::new(());
    unauthenticated.insert_into(request.extensions_mut());
    request
}

/// Sends the request through a guard with this rule; gives the answer and how often the inner service was called.
async fn through(rule: Rule, request: Request<()>) -> (Response<Bytes>, usize) {
    let policy = SecurityPolicy::new().scenario("it", rule).login_page("/login").realm("club");
    let inner = Counting::default();
    let calls = Arc::clone(&inner.calls);
    let response = policy.guard("it").layer(inner).oneshot(request).await.unwrap();
    (response, calls.load(Ordering::SeqCst))
}

fn slow(answer: Result<bool, &'static str>) -> Rule {
    check_async(move |_, ()| async move {
        tokio::task::yield_now().await;
        answer
    })
}

fn kind_of(response: &Response<Bytes>) -> RefusalKind {
    response.extensions().get::<Refusal>().unwrap().kind()
}

#[tokio::test]
async fn who_is_allowed_gets_through_at_either_speed() {
    for rule in [level("member"), slow(Ok(true))] {
        let (response, calls) = through(rule, request_of(&user(1, "member"))).await;
        assert_eq!((response.status().as_u16(), calls), (200, 1));
        assert_eq!(response.body(), "secrets");
        assert!(response.extensions().get::<Refusal>().is_none());
    }
}

#[tokio::test]
async fn who_is_not_allowed_never_reaches_the_service() {
    let old = Duration::hours(1);
    for (rule, status, kind) in [
        (level("admin"), 403, RefusalKind::Denied),
        (slow(Ok(false)), 403, RefusalKind::Denied),
        (authenticated().and(deny_if(slow(Ok(true)))), 403, RefusalKind::Denied),
        (slow(Err("down")), 503, RefusalKind::Unavailable),
        (authenticated_within(old - Duration::SECOND), 401, RefusalKind::TooOld { max_age: old - Duration::SECOND }),
        (
            slow(Ok(true)).and(authenticated_within(Duration::ZERO)),
            401,
            RefusalKind::TooOld { max_age: Duration::ZERO },
        ),
    ] {
        let words = rule.to_string();
        let (response, calls) = through(rule, request_of(&logged_in(1, "member", old))).await;
        assert_eq!((response.status().as_u16(), kind_of(&response), calls), (status, kind, 0), "{words}");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn the_answer_is_worded_for_the_policy_and_the_reason_kept_for_the_application() {
    let (response, _) = through(level("admin"), request_of(&user(1, "member"))).await;
    assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="club", error="insufficient_scope""#);
    let refusal = response.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.scenario(), Some("it"));
    assert_eq!(refusal.to_string(), r#""it": not allowed by the rule: level is admin"#);
    assert!(!String::from_utf8_lossy(response.body()).contains("admin"), "the client learns no rule");
}

#[tokio::test]
async fn a_request_without_a_user_is_refused_for_its_reason() {
    for (reason, status) in [
        (Reason::NoCredential, 401),
        (Reason::Invalid, 401),
        (Reason::Malformed, 401),
        (Reason::Ambiguous, 400),
        (Reason::CrossSite, 403),
        (Reason::Unavailable, 503),
    ] {
        let (response, calls) = through(authenticated(), request_without(Unauthenticated::new(reason))).await;
        assert_eq!((response.status().as_u16(), calls), (status, 0), "{reason}");
        assert_eq!(response.extensions().get::<Refusal>().unwrap().unauthenticated().unwrap().reason(), reason);
    }
}

#[tokio::test]
async fn malformed_unknown_and_expired_tokens_get_the_very_same_answer() {
    let (a, _) = through(authenticated(), request_without(Unauthenticated::new(Reason::Invalid))).await;
    let (b, _) = through(authenticated(), request_without(Unauthenticated::new(Reason::Malformed))).await;
    assert_eq!((a.headers(), a.body()), (b.headers(), b.body()));
}

#[tokio::test]
async fn a_person_is_sent_to_the_login_page_also_while_a_rule_is_slow() {
    for rule in [authenticated_within(Duration::ZERO), slow(Ok(true)).and(authenticated_within(Duration::ZERO))] {
        let mut request = request_of(&logged_in(1, "member", Duration::hours(1)));
        request.headers_mut().insert("accept", "text/html".parse().unwrap());
        *request.uri_mut() = "/members".parse().unwrap();
        let (response, _) = through(rule, request).await;
        assert_eq!(response.status(), 303);
        assert_eq!(response.headers()["location"], "/login?next=%2Fmembers");
    }
}

#[tokio::test]
async fn a_guard_without_the_layer_fails_closed_and_says_what_to_do() {
    let (response, calls) = through(authenticated(), Request::new(())).await;
    assert_eq!((response.status().as_u16(), calls), (500, 0));
    let refusal = response.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.kind(), RefusalKind::Misconfigured);
    assert!(refusal.reason().unwrap().contains("TokenAuthLayer"));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_hangs_is_given_up_after_the_time_out() {
    let hangs = || check_async(|_, ()| std::future::pending::<Result<bool, Error>>());
    let policy = SecurityPolicy::new().scenario("it", hangs()).rule_timeout(std::time::Duration::from_secs(2));
    for (policy, seconds) in [(SecurityPolicy::new().scenario("it", hangs()), 5), (policy, 2)] {
        let began = tokio::time::Instant::now();
        let inner = Counting::default();
        let calls = Arc::clone(&inner.calls);
        let request = request_of(&user(1, "member"));
        let response = policy.guard("it").layer(inner).oneshot(request).await.unwrap();
        assert_eq!((response.status().as_u16(), calls.load(Ordering::SeqCst)), (503, 0));
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(began.elapsed().as_secs(), seconds);

        let refusal = policy.make_sure_allowed("it", &user(1, "member")).await.unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Unavailable);
        assert_eq!(began.elapsed().as_secs(), seconds * 2);
    }
}

#[tokio::test]
async fn a_guarded_response_is_private_unless_it_says_otherwise() {
    for (own, expected) in
        [(None, "private"), (Some("no-store"), "no-store"), (Some("public, max-age=60"), "public, max-age=60")]
    {
        for rule in [authenticated(), slow(Ok(true))] {
            let policy = SecurityPolicy::new().scenario("it", rule);
            let inner = Counting { cache_control: own, ..Counting::default() };
            let response = policy.guard("it").layer(inner).oneshot(request_of(&user(1, "member"))).await.unwrap();
            assert_eq!(response.headers()["cache-control"], expected);
        }
    }
}

#[tokio::test]
async fn one_guard_serves_many_requests_with_the_service_that_is_ready() {
    let inner = Counting::default();
    let calls = Arc::clone(&inner.calls);
    let mut guard = SecurityPolicy::new().scenario("it", slow(Ok(true)).or(level("admin"))).guard("it").layer(inner);
    for level in ["admin", "member", "admin", "member"] {
        let response = guard.ready().await.unwrap().call(request_of(&user(1, level))).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[derive(Debug, Clone)]
struct WriteRecord(i64);

impl Scenario for WriteRecord {
    const NAME: &'static str = "write record";
}

fn records() -> SecurityPolicy {
    let is_author = check_async(|user: CurrentUser, record: WriteRecord| async move {
        Ok::<_, Error>(user.id().as_integer() == Some(record.0))
    });
    SecurityPolicy::new().typed_scenario(level("admin").or(is_author))
}

#[tokio::test]
async fn a_typed_scenario_takes_its_parameters_from_the_request() {
    let guard = records().guard_with(|head: RequestHead<'_>| match &*head.decoded_segments()? {
        [first, id] if first == "records" => id.parse().ok().map(WriteRecord),
        _ => None,
    });
    for (path, id, title, status) in [
        ("/records/42", 42, "member", 200),
        ("/records/42", 43, "member", 403),
        ("/records/42", 1, "admin", 200),
        ("/r%65cords/%342", 42, "member", 200),
        ("/records%2F42", 1, "admin", 404),
        ("/records/42/", 1, "admin", 404),
        ("/records//42", 1, "admin", 404),
        ("/records/%FF", 1, "admin", 404),
        ("/records/none", 1, "admin", 404),
    ] {
        let mut request = request_of(&user(id, title));
        *request.uri_mut() = path.parse().unwrap();
        let response = guard.layer(Counting::default()).oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path} {title}");
    }
    let request = request_without(Unauthenticated::new(Reason::NoCredential));
    let response = guard.layer(Counting::default()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 401, "the client cannot learn what exists");
}

#[test]
fn a_guard_for_an_unknown_scenario_is_not_built() {
    let policy = records().scenario("admin panel", level("admin"));
    assert_eq!(policy.try_guard("admin pannel").unwrap_err().kind(), ErrorKind::Configuration);
    assert_eq!(policy.try_guard("write record").unwrap_err().kind(), ErrorKind::Configuration);
    struct Unknown;
    impl Scenario for Unknown {
        const NAME: &'static str = "unknown";
    }
    assert_eq!(policy.try_guard_with(|_| Some(Unknown)).unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
#[should_panic(expected = r#"there is no scenario "admin pannel"; the policy knows: "admin panel", "write record""#)]
fn a_misspelt_scenario_panics_with_the_names_that_exist() {
    let _ = records().scenario("admin panel", level("admin")).guard("admin pannel");
}

#[tokio::test]
async fn make_sure_allowed_is_the_decision_of_the_guard() {
    let policy = records().scenario("admin panel", level("admin")).realm("club");
    let member = user(42, "member");
    assert!(policy.make_sure_allowed("admin panel", &user(1, "admin")).await.is_ok());
    assert!(policy.make_sure_allowed(&WriteRecord(42), &member).await.is_ok());
    let refusal = policy.make_sure_allowed(&WriteRecord(43), &member).await.unwrap_err();
    assert_eq!((refusal.kind(), refusal.scenario()), (RefusalKind::Denied, Some("write record")));
    let refusal = policy.make_sure_allowed("admin pannel", &member).await.unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Misconfigured);
    let recent = SecurityPolicy::new().scenario("it", authenticated_within(Duration::ZERO));
    let refusal = recent.make_sure_allowed("it", &logged_in(1, "member", Duration::SECOND)).await.unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::TooOld { max_age: Duration::ZERO });
}

#[tokio::test]
async fn answers_can_be_worded_anew_for_any_body() {
    struct Plain;
    impl RespondToRefusal<Bytes> for Plain {
        fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<Bytes> {
            let text = format!("{}: {}", head.uri.path(), refusal.status());
            Response::builder().status(418).body(text.into()).unwrap()
        }

        // Of no effect here: the guard itself refuses.
        fn needs_request_line(&self) -> bool {
            false
        }
    }
    for rule in [level("admin"), slow(Ok(false))] {
        let guard = SecurityPolicy::new().scenario("it", rule).guard("it").with_respond(Plain);
        let mut request = request_of(&user(1, "member"));
        *request.uri_mut() = "/there".parse().unwrap();
        let response = guard.layer(Counting::default()).oneshot(request).await.unwrap();
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (418, b"/there: 403 Forbidden".as_slice()));
        assert_eq!(kind_of(&response), RefusalKind::Denied);
    }
}

#[tokio::test]
async fn a_check_sees_the_user_of_the_request() {
    let rule = check(|user, ()| user.id().as_integer() == Some(42));
    let (response, _) = through(rule.clone(), request_of(&user(42, "member"))).await;
    assert_eq!(response.status(), 200);
    let (response, _) = through(rule, request_of(&user(43, "member"))).await;
    assert_eq!(response.status(), 403);
}
