//! Refusals that a handler returns: behind a guard, inside of a `RefusalLayer`, and without either.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use time::Duration;
use tower::ServiceExt;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, authenticated, authenticated_within, level};
use tower_tokens::repository::{MemoryRepository, UserRepository};
use tower_tokens::respond::{Refusal, RefusalKind, RefusalLayer, RespondToRefusal, TokenCookie};
use tower_tokens::user::CurrentUser;

use crate::policy_users::logged_in;

const PAGE: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const SCRIPT: (&str, &str) = ("accept", "*/*");

fn policy() -> SecurityPolicy {
    SecurityPolicy::new()
        .scenario("members area", authenticated())
        .scenario("admin panel", level("admin"))
        .scenario("recent", authenticated_within(Duration::minutes(5)))
        .login_page("/login")
        .realm("club")
}

async fn panel(user: CurrentUser) -> Result<&'static str, Refusal> {
    policy().make_sure_allowed("admin panel", &user).await?;
    Ok("panel")
}

async fn recent(user: CurrentUser) -> Result<&'static str, Refusal> {
    policy().make_sure_allowed("recent", &user).await?;
    Ok("recent")
}

/// Every route fails in its handler, after what stood in front of it let the request in.
fn routes() -> Router {
    Router::new()
        .route("/panel", any(panel))
        .route("/recent", any(recent))
        .route("/outage", any(async || Err::<(), _>(Refusal::from(Error::new(ErrorKind::Unavailable)))))
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri(path).header("host", "club.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let user = logged_in(7, "member", Duration::hours(1));
    request.extensions_mut().insert(user.level().clone());
    request.extensions_mut().insert(user);
    request
}

async fn send(app: &Router, request: Request) -> (u16, HeaderMap, String) {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (parts.status.as_u16(), parts.headers, body)
}

fn is_page(headers: &HeaderMap) -> bool {
    headers[header::CONTENT_TYPE] == "text/html; charset=utf-8"
}

#[tokio::test]
async fn a_person_gets_a_page_from_a_refusal_in_a_handler_on_any_method() {
    let guarded = routes().route_layer(policy().guard("members area"));
    let layered = routes().layer(policy().refusal_layer());
    for app in [guarded, layered] {
        for method in ["GET", "POST"] {
            let (status, headers, body) = send(&app, request(method, "/panel", &[PAGE])).await;
            assert_eq!(status, 403);
            assert!(is_page(&headers) && body.contains("<h1>Not allowed</h1>"), "{method}: {body}");
            let (status, headers, _) = send(&app, request(method, "/recent", &[PAGE])).await;
            assert_eq!(status, 303, "{method}");
            assert!(headers["location"].to_str().unwrap().starts_with("/login"));
            let (status, headers, _) = send(&app, request(method, "/outage", &[PAGE])).await;
            assert_eq!(status, 503);
            assert!(is_page(&headers));
            assert_eq!(headers["retry-after"], "5");
        }
        let (status, headers, _) = send(&app, request("PUT", "/panel", &[PAGE])).await;
        assert_eq!(status, 403);
        assert!(is_page(&headers));
        assert_eq!(headers["www-authenticate"], r#"Bearer realm="club", error="insufficient_scope""#);
    }
}

#[tokio::test]
async fn a_script_gets_problem_details_in_the_words_of_the_policy() {
    let responses = policy().responses().with_retry_after(std::time::Duration::from_secs(30));
    let app = routes().layer(RefusalLayer::new(responses));
    for method in ["GET", "POST", "DELETE"] {
        let (status, headers, body) = send(&app, request(method, "/recent", &[SCRIPT])).await;
        assert_eq!(status, 401);
        assert!(headers["www-authenticate"].to_str().unwrap().starts_with(r#"Bearer realm="club", error="insuff"#));
        assert!(body.contains("more recent login"));
        let (_, headers, _) = send(&app, request(method, "/outage", &[SCRIPT])).await;
        assert_eq!(headers["retry-after"], "30", "the setting of the layer");
    }
}

#[tokio::test]
async fn htmx_is_moved_by_a_refusal_in_a_handler() {
    let app = routes().layer(policy().refusal_layer());
    let htmx = [("hx-request", "true"), ("hx-current-url", "https://club.example/members?page=2")];
    let (status, headers, _) = send(&app, request("POST", "/recent", &htmx)).await;
    assert_eq!(status, 401);
    assert_eq!(headers["hx-redirect"], "/login?next=%2Fmembers%3Fpage%3D2");
}

#[tokio::test]
async fn what_the_handler_added_stays_and_what_the_application_changed_is_left_alone() {
    let refuse = || Refusal::new(RefusalKind::Unavailable);
    let app = Router::new()
        .route("/cookie", get(async move || (TokenCookie::default().removal(), refuse())))
        .route("/later", get(async move || ([(header::RETRY_AFTER, "600")], refuse())))
        .route("/teapot", get(async move || (StatusCode::IM_A_TEAPOT, refuse())))
        .route("/text", get(async move || ([(header::CONTENT_TYPE, "text/plain")], refuse())))
        .layer(policy().refusal_layer());
    let (status, headers, _) = send(&app, request("GET", "/cookie", &[PAGE])).await;
    assert_eq!(status, 503);
    assert!(headers["set-cookie"].to_str().unwrap().starts_with("trongatetoken=;"));
    assert!(is_page(&headers));
    let (_, headers, _) = send(&app, request("GET", "/later", &[PAGE])).await;
    assert_eq!(headers["retry-after"], "600");
    assert!(is_page(&headers));
    let (status, headers, _) = send(&app, request("GET", "/teapot", &[PAGE])).await;
    assert_eq!((status, is_page(&headers)), (418, false));
    let (_, headers, _) = send(&app, request("GET", "/text", &[PAGE])).await;
    assert_eq!(headers["content-type"], "text/plain");
}

#[tokio::test]
async fn an_own_page_replaces_the_body_alone_wherever_the_refusal_comes_from() {
    let own = |refusal: &Refusal| {
        format!("own page: {} {:?}", refusal.status(), refusal.user().map(|user| user.id().clone()))
    };
    let guarded = Router::new().route("/guarded", any(async || "in")).route_layer(policy().guard("admin panel"));
    let app = routes().merge(guarded).layer(RefusalLayer::new(policy().responses().with_page(own)));
    let plain = routes()
        .merge(Router::new().route("/guarded", any(async || "in")).route_layer(policy().guard("admin panel")))
        .layer(policy().refusal_layer());
    for (path, expected) in [("/guarded", 403), ("/panel", 403), ("/outage", 503)] {
        for headers in [&[PAGE][..], &[PAGE, ("hx-request", "true")], &[PAGE, ("x-requested-with", "XMLHttpRequest")]] {
            for method in ["GET", "POST", "PUT"] {
                let (status, with_own, body) = send(&app, request(method, path, headers)).await;
                let (_, mut with_default, _) = send(&plain, request(method, path, headers)).await;
                assert_eq!(status, expected);
                assert!(body.starts_with("own page: ") && body.ends_with("Some(UserId(7))"), "{path}: {body}");
                with_default.remove("content-length");
                let mut with_own = with_own;
                with_own.remove("content-length");
                assert_eq!(with_own, with_default, "{method} {path}");
            }
        }
        let (_, headers, body) = send(&app, request("GET", path, &[SCRIPT])).await;
        assert_eq!(headers["content-type"], "application/problem+json", "{body}");
    }
    // The login page of htmx and of people stays where it is.
    let (status, headers, body) = send(&app, request("GET", "/recent", &[("hx-request", "true")])).await;
    assert_eq!((status, &headers["hx-redirect"]), (401, &"/login".parse().unwrap()));
    assert!(body.starts_with("own page"));
    assert_eq!(send(&app, request("GET", "/recent", &[PAGE])).await.0, 303);
}

#[tokio::test]
async fn the_layer_works_inside_and_outside_of_the_authentication() {
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let id = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository);
    let issued = tokens.generate(&id).await.unwrap();
    let cookie = format!("trongatetoken={}", issued.token().expose_secret());
    let auth = || TokenAuthLayer::new(tokens.clone());
    let site =
        || Router::new().nest("/club", routes().route("/me", get(async |user: CurrentUser| user.id().to_string())));
    let inside = site().layer(policy().refusal_layer()).layer(auth());
    let outside = site().layer(auth()).layer(policy().refusal_layer());
    for app in [inside, outside] {
        let request = |path: &str, cookie: Option<&str>| {
            let request = Request::get(path).header(PAGE.0, PAGE.1);
            cookie
                .map_or(Request::get(path).header(PAGE.0, PAGE.1), |cookie| request.header("cookie", cookie))
                .body(Body::empty())
                .unwrap()
        };
        let (status, headers, _) = send(&app, request("/club/panel?a=b", Some(&cookie))).await;
        assert_eq!((status, is_page(&headers)), (403, true));
        // Extractors know the login page without `TokenAuthLayer::responses`.
        for path in ["/club/panel?a=b", "/club/me?a=b"] {
            let (status, headers, _) = send(&app, request(path, None)).await;
            assert_eq!(status, 303, "{path}");
            let next = path.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D");
            assert_eq!(headers["location"], format!("/login?next={next}"));
        }
    }
}

#[tokio::test]
async fn the_way_back_of_a_guard_in_a_nested_router_is_whole_for_a_login_that_is_too_old() {
    let recent = Router::new().route("/settings", get(async || "in")).route_layer(policy().guard("recent"));
    let app = Router::new().nest("/club", recent).layer(policy().refusal_layer());
    let (status, headers, _) = send(&app, request("GET", "/club/settings?tab=2", &[PAGE])).await;
    assert_eq!((status, &headers["location"]), (303, &"/login?next=%2Fclub%2Fsettings%3Ftab%3D2".parse().unwrap()));
}

#[tokio::test]
async fn a_wrong_password_is_no_way_to_the_login_page() {
    let app = Router::new()
        .route("/login", post(async || Err::<(), _>(Refusal::wrong_credentials())))
        .layer(policy().refusal_layer());
    let (status, headers, body) = send(&app, request("POST", "/login", &[PAGE])).await;
    assert_eq!(status, 401);
    assert!(is_page(&headers) && body.contains("password is wrong"));
    assert_eq!(headers["www-authenticate"], r#"Bearer realm="club""#);
    let (status, headers, body) = send(&app, request("POST", "/login", &[SCRIPT])).await;
    assert_eq!(status, 401);
    assert_eq!(headers["www-authenticate"], r#"Bearer realm="club""#);
    assert!(body.contains("The name or the password is wrong."));
}

#[tokio::test]
async fn an_answer_of_its_own_kind_also_answers_handlers() {
    struct Plain {
        needs_request_line: bool,
    }
    impl RespondToRefusal<Body> for Plain {
        fn respond(&self, refusal: &Refusal, head: tower_tokens::request::RequestHead<'_>) -> Response {
            let language = head.headers.get("accept-language").map_or("none", |value| value.to_str().unwrap());
            (refusal.status(), format!("{} {} {language}", head.method, head.uri)).into_response()
        }

        fn needs_request_line(&self) -> bool {
            self.needs_request_line
        }
    }
    for (needs_request_line, by_script) in [(true, "DELETE /panel none"), (false, "GET / none")] {
        let guard = policy().guard("members area").with_respond(Plain { needs_request_line });
        let layer = RefusalLayer::new(Arc::new(Plain { needs_request_line }));
        for app in [routes().route_layer(guard), routes().layer(layer)] {
            let headers = [PAGE, ("accept-language", "el")];
            assert_eq!(send(&app, request("GET", "/panel?x", &headers)).await.2, "GET /panel?x el");
            assert_eq!(send(&app, request("DELETE", "/panel", &[SCRIPT])).await.2, by_script);
        }
    }
}

#[tokio::test]
async fn what_visitors_cause_is_no_fault_of_the_server() {
    for (kind, status) in [
        (ErrorKind::InvalidToken, 401),
        (ErrorKind::Expired, 401),
        (ErrorKind::AlreadyUsed, 410),
        (ErrorKind::InvalidInput, 400),
        (ErrorKind::LevelNotFound, 400),
        (ErrorKind::AlreadyExists, 409),
        (ErrorKind::TooManyTokens, 409),
        (ErrorKind::UserNotFound, 404),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::TimedOut, 503),
        (ErrorKind::Corrupt, 503),
        (ErrorKind::Configuration, 500),
        (ErrorKind::NotIssuedHere, 500),
    ] {
        let handler = async move || Err::<(), _>(Refusal::from(Error::with_source(kind, "a cause of no concern")));
        let app = Router::new().route("/", any(handler)).layer(policy().refusal_layer());
        for headers in [PAGE, SCRIPT, ("hx-request", "true")] {
            for method in ["GET", "POST"] {
                let (given, headers, body) = send(&app, request(method, "/", &[headers])).await;
                assert_eq!(given, status, "{kind:?}");
                assert!(!headers.contains_key("location") && !headers.contains_key("hx-redirect"));
                assert_eq!(headers.contains_key("www-authenticate"), status == 401);
                assert_eq!(headers.contains_key("retry-after"), status == 503);
                assert!(!body.contains("no concern"));
            }
        }
    }
}
