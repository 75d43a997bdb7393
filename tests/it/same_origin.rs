//! The layer that refuses unsafe requests which another site caused.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_tokens::policy::SecurityPolicy;
use tower_tokens::request::RequestHead;
use tower_tokens::respond::{Refusal, RefusalKind, RefusalResponses, RespondToRefusal};
use tower_tokens::same_origin::SameOriginLayer;
use tower_tokens::source::SameOrigin;
use tower_tokens::user::SourceKind;

use crate::policy_users::user;

const EVIL: [(&str, &str); 1] = [("sec-fetch-site", "cross-site")];

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(path).header("host", "a.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// Sends a request through the layer; gives the answer and how often the inner service was called.
async fn through<R: RespondToRefusal<Bytes>>(
    layer: SameOriginLayer<R>,
    request: Request<()>,
) -> (Response<Bytes>, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let inner = service_fn(move |_: Request<()>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::new(Bytes::from("in"))) }
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    (response, calls.load(Ordering::SeqCst))
}

#[tokio::test]
async fn only_unsafe_requests_of_other_sites_are_refused_and_before_the_handler() {
    let rule = SameOrigin::new().trusted_origin("tauri://localhost").unwrap();
    let layer = SameOriginLayer::with_rule(rule);
    for (method, headers, passes) in [
        ("POST", &[][..], true),
        ("POST", &[("sec-fetch-site", "same-origin")], true),
        ("POST", &[("sec-fetch-site", "none")], true),
        ("POST", &[("origin", "https://a.example")], true),
        ("POST", &[("origin", "tauri://localhost")], true),
        ("POST", &[("sec-fetch-site", "cross-site"), ("origin", "tauri://localhost")], true),
        ("POST", &EVIL, false),
        ("POST", &[("sec-fetch-site", "same-site")], false),
        ("POST", &[("origin", "https://evil.example")], false),
        ("POST", &[("origin", "null")], false),
        ("POST", &[("origin", "tauri://localhost.evil.example")], false),
        ("PUT", &EVIL, false),
        ("PATCH", &EVIL, false),
        ("DELETE", &EVIL, false),
        ("PROPFIND", &EVIL, false),
        ("GET", &EVIL, true),
        ("HEAD", &EVIL, true),
        ("OPTIONS", &EVIL, true),
        ("GET", &[("sec-fetch-site", "cross-site"), ("upgrade", "websocket")], false),
    ] {
        let (response, calls) = through(layer.clone(), request(method, "/login", headers)).await;
        assert_eq!((response.status() == 200, calls == 1), (passes, passes), "{method} {headers:?}");
        if !passes {
            assert_eq!(response.status(), 403, "{method} {headers:?}");
            assert_eq!(response.extensions().get::<Refusal>().unwrap().kind(), RefusalKind::CrossSite);
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert!(!response.headers().contains_key("www-authenticate"), "logging in would not help");
        }
    }
}

#[tokio::test]
async fn a_program_gets_problem_details_and_no_page() {
    let (response, _) = through(SameOriginLayer::new(), request("POST", "/login", &EVIL)).await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn the_answer_can_be_the_applications_own() {
    struct Teapot;
    impl RespondToRefusal<Bytes> for Teapot {
        fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<Bytes> {
            let mut response = Response::new(Bytes::from(format!("{} {}", refusal.kind(), head.uri.path())));
            *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
            response
        }
    }
    let (response, _) = through(SameOriginLayer::new().with_respond(Teapot), request("POST", "/login", &EVIL)).await;
    assert_eq!(response.status(), 418);
    assert!(response.body().ends_with(b"/login"));
    let policys = SameOriginLayer::new().with_respond(SecurityPolicy::new().responses());
    assert_eq!(through(policys, request("POST", "/login", &EVIL)).await.0.status(), 403);
}

#[tokio::test]
async fn a_layer_that_is_given_the_policy_answers_as_the_policy_does() {
    let responses = RefusalResponses::new().with_page(|_: &Refusal| "the club's own page");
    let policy = SecurityPolicy::new().with_responses(responses);
    let by_policy = SameOriginLayer::new().with_respond(()).responses(&policy);
    let page = request("POST", "/login", &[EVIL[0], ("accept", "text/html")]);
    let (response, _) = through(by_policy, page).await;
    assert_eq!((response.status().as_u16(), &response.body()[..]), (403, &b"the club's own page"[..]));
}

#[tokio::test]
async fn a_bypassed_path_is_one_path_and_not_its_spellings() {
    let layer = SameOriginLayer::new().insecure_bypass_path("/saml/acs");
    for (path, status) in [
        ("/saml/acs", 200),
        ("/saml/acs?x=1", 200),
        ("/saml/acs/", 403),
        ("/saml/acs/more", 403),
        ("/saml/%61cs", 403),
        ("//saml/acs", 403),
        ("/SAML/acs", 403),
        ("/login?/saml/acs", 403),
        ("/", 403),
    ] {
        let (response, _) = through(layer.clone(), request("POST", path, &EVIL)).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_rule_that_is_off_lets_everything_pass() {
    let layer = SameOriginLayer::with_rule(SameOrigin::new().insecure_allow_cross_site());
    assert_eq!(through(layer, request("POST", "/login", &EVIL)).await.1, 1);
}

#[tokio::test]
async fn an_explicit_credential_passes_and_an_ambient_one_does_not() {
    for (source, status) in [
        (SourceKind::Bearer, 200),
        (SourceKind::Header, 200),
        (SourceKind::Cookie, 403),
        (SourceKind::Session, 403),
        (SourceKind::Basic, 403),
        (SourceKind::Direct, 403),
    ] {
        let mut request = request("POST", "/login", &EVIL);
        user(1, "member").with_source(source).insert_into(request.extensions_mut());
        assert_eq!(through(SameOriginLayer::new(), request).await.0.status().as_u16(), status, "{source}");
    }
}
