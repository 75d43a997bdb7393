//! A guard decides on what the handler sees, however the path is written and wherever the router is nested.

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::guard::GuardLayer;
use tower_tokens::policy::{Scenario, SecurityPolicy, authenticated, check, check_async, deny_if};
use tower_tokens::request::RequestHead;
use tower_tokens::respond::{Refusal, RefusalKind};
use tower_tokens::user::{CurrentUser, Reason, Unauthenticated};

use crate::policy_users::user;

#[derive(Debug, Clone)]
struct ReadDocument(String);

impl Scenario for ReadDocument {
    const NAME: &'static str = "read document";
}

/// Everybody reads everything but what is secret.
fn policy() -> SecurityPolicy {
    let is_secret = check(|_, document: &ReadDocument| document.0.contains("secret"));
    SecurityPolicy::new().typed_scenario(authenticated().and(deny_if(is_secret)))
}

fn guard() -> GuardLayer {
    policy().guard_extracting(|Path(name): Path<String>| Some(ReadDocument(name)))
}

fn unguarded() -> Router {
    Router::new().route("/docs/{name}", get(|Path(name): Path<String>| async move { name }))
}

fn documents() -> Router {
    unguarded().route_layer(guard())
}

/// What a route below two parameters shows, and what its guard decides on.
fn chapters() -> Router {
    type Both = Path<(String, String)>;
    Router::new()
        .route("/docs/{name}", get(|Path((_, name)): Both| async move { name }))
        .route_layer(policy().guard_extracting(|Path((_, name)): Both| Some(ReadDocument(name))))
}

async fn ask(app: &Router, target: &str) -> Response {
    let mut request = Request::get(target).body(Body::empty()).unwrap();
    user(42, "member").insert_into(request.extensions_mut());
    app.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Every spelling of a document's name, and the answer to it.
const SPELLINGS: [(&str, u16, &str); 13] = [
    ("open-1", 200, "open-1"),
    ("secret-1", 403, ""),
    ("%73ecret-1", 403, ""),
    ("%73%65%63%72%65%74-1", 403, ""),
    ("x%2Fsecret-1", 403, ""),
    ("%2573ecret-1", 200, "%73ecret-1"),
    ("..%2Fsecret-1", 403, ""),
    ("..", 200, ".."),
    ("%2e%2e", 200, ".."),
    ("open%2F1", 200, "open/1"),
    ("caf%C3%A9", 200, "caf\u{e9}"),
    ("%FF", 404, ""),
    ("secret-1%FF", 404, ""),
];

#[tokio::test]
async fn a_guard_sees_the_name_that_the_handler_sees_in_every_kind_of_router() {
    let apps = [
        ("/docs", documents()),
        ("/api/docs", Router::new().nest("/api", documents())),
        ("/a/b/docs", Router::new().nest("/a", Router::new().nest("/b", documents()))),
        ("/api/docs", Router::new().nest_service("/api", documents())),
        ("/secret/docs", Router::new().nest("/{area}", chapters())),
        ("/api/docs", Router::new().nest("/api", unguarded()).route_layer(guard())),
    ];
    for (prefix, app) in apps {
        for (name, status, body) in SPELLINGS {
            let response = ask(&app, &format!("{prefix}/{name}")).await;
            assert_eq!(response.status().as_u16(), status, "{prefix}/{name}");
            if status == 200 {
                assert_eq!(text(response).await, body, "{prefix}/{name}");
            }
        }
        for gone in ["/docs/", "/docs/open/", "/docs//open", "/docs/a/b", "/docs"] {
            let response = ask(&app, &format!("{}{gone}", prefix.trim_end_matches("/docs"))).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{gone}");
        }
    }
}

#[tokio::test]
async fn a_guard_on_plain_segments_sees_decoded_text() {
    let guard = policy().guard_with(|head: RequestHead<'_>| match &*head.decoded_segments()? {
        [first, name] if first == "docs" => Some(ReadDocument(name.to_string())),
        _ => None,
    });
    let app = unguarded().route_layer(guard);
    for (name, status, body) in SPELLINGS {
        let response = ask(&app, &format!("/docs/{name}")).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
        if status == 200 {
            assert_eq!(text(response).await, body, "{name}");
        }
    }
}

#[tokio::test]
async fn several_extractors_read_one_request_and_the_handler_gets_it_whole() {
    #[derive(serde::Deserialize)]
    struct Page {
        page: u8,
    }
    let guard = policy().guard_extracting(|(Path(name), Query(page)): (Path<String>, Query<Page>)| {
        (page.page > 0).then_some(ReadDocument(name))
    });
    let handler =
        async |Path(name): Path<String>, user: CurrentUser, body: String| format!("{name} {} {body}", user.id());
    let app = Router::new().route("/{name}", axum::routing::post(handler)).route_layer(guard);
    for (target, status) in
        [("/a?page=1", 200), ("/a?page=0", 404), ("/a?page=x", 404), ("/a", 404), ("/secret?page=1", 403)]
    {
        let mut request = Request::post(target).body(Body::from("whole")).unwrap();
        user(42, "member").insert_into(request.extensions_mut());
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{target}");
        if status == 200 {
            assert_eq!(response.headers()["cache-control"], "private");
            assert_eq!(text(response).await, "a 42 whole");
        }
    }
}

#[tokio::test]
async fn without_a_user_every_name_gets_the_same_answer() {
    for name in ["open-1", "secret-1", "%FF"] {
        let mut request = Request::get(format!("/docs/{name}")).body(Body::empty()).unwrap();
        Unauthenticated::new(Reason::NoCredential).insert_into(request.extensions_mut());
        assert_eq!(documents().oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED, "{name}");
    }
}

/// Fails with a status of its own.
struct Failing<const STATUS: u16>;

impl<const STATUS: u16> FromRequestParts<()> for Failing<STATUS> {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(_parts: &mut Parts, _state: &()) -> Result<Self, Self::Rejection> {
        tokio::task::yield_now().await;
        Err((StatusCode::from_u16(STATUS).unwrap(), "internal words"))
    }
}

async fn failing<const STATUS: u16>() -> (u16, RefusalKind, String) {
    let guard = policy().guard_extracting(|_: Failing<STATUS>| Some(ReadDocument("open".to_owned())));
    let app = Router::new().route("/", get(|| async { "never" })).route_layer(guard);
    let response = ask(&app, "/").await;
    let kind = response.extensions().get::<Refusal>().unwrap().kind();
    (response.status().as_u16(), kind, text(response).await)
}

#[tokio::test]
async fn a_failed_extraction_never_passes_and_keeps_its_words_to_itself() {
    for ((status, kind, body), expected) in [
        (failing::<400>().await, (404, RefusalKind::NotFound)),
        (failing::<401>().await, (403, RefusalKind::Denied)),
        (failing::<403>().await, (403, RefusalKind::Denied)),
        (failing::<404>().await, (404, RefusalKind::NotFound)),
        (failing::<200>().await, (500, RefusalKind::Misconfigured)),
        (failing::<303>().await, (500, RefusalKind::Misconfigured)),
        (failing::<500>().await, (500, RefusalKind::Misconfigured)),
        (failing::<503>().await, (503, RefusalKind::Unavailable)),
    ] {
        assert_eq!((status, kind), expected);
        assert!(!body.contains("internal words") && !body.contains("never"), "{body}");
    }
}

#[tokio::test]
async fn a_route_without_parameters_is_a_fault_of_the_application() {
    let app = Router::new().route("/docs", get(|| async { "never" })).route_layer(guard());
    assert_eq!(ask(&app, "/docs").await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn an_asynchronous_rule_sees_the_extracted_parameters() {
    let is_open = check_async(|_: CurrentUser, document: ReadDocument| async move {
        tokio::task::yield_now().await;
        Ok::<_, Error>(document.0 == "open")
    });
    let policy = SecurityPolicy::new().typed_scenario(is_open);
    let guard = policy.guard_extracting(|Path(name): Path<String>| Some(ReadDocument(name)));
    let app = unguarded().route_layer(guard);
    for (name, status) in [("%6Fpen", 200), ("%256Fpen", 403)] {
        assert_eq!(ask(&app, &format!("/docs/{name}")).await.status().as_u16(), status, "{name}");
    }
}

#[test]
fn an_extracting_guard_for_an_unknown_scenario_is_not_built() {
    let policy = SecurityPolicy::new();
    let guard = policy.try_guard_extracting(|Path(name): Path<String>| Some(ReadDocument(name)));
    assert_eq!(guard.unwrap_err().kind(), ErrorKind::Configuration);
}
