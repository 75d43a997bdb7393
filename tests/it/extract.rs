//! The extractors and responses of axum handlers.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_tokens::extract::AuthRejection;
use tower_tokens::policy::{SecurityPolicy, authenticated, level};
use tower_tokens::respond::{OriginalUri, Refusal, RefusalKind, TokenCookie};
use tower_tokens::token::Token;
use tower_tokens::user::{CurrentUser, Reason, Unauthenticated, UserLevel};

use crate::policy_users::user;

const REASONS: [Reason; 6] = [
    Reason::NoCredential,
    Reason::Invalid,
    Reason::Malformed,
    Reason::Ambiguous,
    Reason::CrossSite,
    Reason::Unavailable,
];

fn policy() -> SecurityPolicy {
    SecurityPolicy::new().scenario("members area", authenticated()).login_page("/login").realm("club")
}

fn app() -> Router {
    Router::new()
        .route("/user", get(|user: CurrentUser| async move { format!("user {} ({})", user.id(), user.level()) }))
        .route("/level", get(|level: UserLevel| async move { level.to_string() }))
        .route(
            "/optional",
            get(|user: Option<CurrentUser>| async move {
                user.map_or_else(|| "no user".to_owned(), |user| user.id().to_string())
            }),
        )
        .route(
            "/result",
            get(|user: Result<CurrentUser, AuthRejection>| async move {
                user.map_or_else(|rejection| rejection.refusal().kind().to_string(), |user| user.id().to_string())
            }),
        )
        .merge(Router::new().route("/guarded", get(|| async { "in" })).route_layer(policy().guard("members area")))
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(policy().responses());
    request
}

fn without_user(mut request: Request, unauthenticated: Unauthenticated) -> Request {
    unauthenticated.insert_into(request.extensions_mut());
    request
}

fn with_user(mut request: Request, user: &CurrentUser) -> Request {
    request.extensions_mut().insert(user.level().clone());
    request.extensions_mut().insert(user.clone());
    request
}

async fn send(request: Request) -> (StatusCode, HeaderMap, Bytes, Option<RefusalKind>) {
    let response = app().oneshot(request).await.unwrap();
    let refusal = response.extensions().get::<Refusal>().map(Refusal::kind);
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes(), refusal)
}

async fn text(request: Request) -> (u16, String) {
    let (status, _, body, _) = send(request).await;
    (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn user_and_level_are_extracted_each_by_itself() {
    let admin = user(42, "admin");
    assert_eq!(text(with_user(request("/user", &[]), &admin)).await, (200, "user 42 (admin)".into()));
    assert_eq!(text(with_user(request("/level", &[]), &admin)).await, (200, "admin".into()));
    assert_eq!(text(with_user(request("/optional", &[]), &admin)).await, (200, "42".into()));
    assert_eq!(text(with_user(request("/guarded", &[]), &admin)).await, (200, "in".into()));
}

/// What a middleware does to a request on its way to the handler.
type Change = fn(&mut http::Extensions);

/// Sends a request of an administrator through `change`, with a guard behind it or without; gives the level as the
/// extractor reads it, and as it stands in the extensions behind `CurrentUser`.
async fn levels_after(change: Change, is_guarded: bool) -> String {
    async fn levels(level: UserLevel, raw: Option<Extension<UserLevel>>) -> String {
        format!("{level} {}", raw.map_or_else(|| "-".to_owned(), |Extension(raw)| raw.to_string()))
    }
    let mut router = Router::new().route("/", get(levels));
    if is_guarded {
        router =
            Router::new().route("/", get(|raw: Option<Extension<UserLevel>>, level: UserLevel| levels(level, raw)));
        router = router.route_layer(policy().guard("members area"));
    }
    let app = router.layer(from_fn(move |mut request: Request, next: Next| async move {
        change(request.extensions_mut());
        next.run(request).await
    }));
    let response = app.oneshot(with_user(request("/", &[]), &user(1, "admin"))).await.unwrap();
    assert_eq!(response.status(), 200);
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_level_is_the_one_of_the_user_whoever_replaced_them() {
    let changes: [(&str, Change, &str); 6] = [
        ("nothing", |_| {}, "admin admin"),
        ("the user alone", |extensions| drop(extensions.insert(user(2, "member"))), "member member"),
        ("the user with their level", |extensions| user(2, "member").insert_into(extensions), "member member"),
        ("the level alone", |extensions| drop(extensions.insert(UserLevel::new(9, "owner"))), "admin admin"),
        ("the number of the level", |extensions| drop(extensions.insert(UserLevel::new(9, "admin"))), "admin admin"),
        ("no level", |extensions| drop(extensions.remove::<UserLevel>()), "admin admin"),
    ];
    for (name, change, expected) in changes {
        for is_guarded in [false, true] {
            assert_eq!(levels_after(change, is_guarded).await, expected, "{name}, guarded: {is_guarded}");
        }
    }
}

#[tokio::test]
async fn a_level_without_a_user_is_no_login() {
    for path in ["/user", "/level", "/optional", "/guarded"] {
        let mut alone = request(path, &[]);
        alone.extensions_mut().insert(UserLevel::new(1, "admin"));
        assert_eq!(send(alone).await.0, 500, "{path}");
    }
}

#[tokio::test]
async fn extractors_refuse_in_the_very_words_of_the_guard() {
    let page = ("accept", "text/html");
    let htmx = [("hx-request", "true"), ("host", "club.example"), ("hx-current-url", "http://club.example/members")];
    for headers in [&[][..], &[page], &htmx] {
        for reason in REASONS {
            let prepared = |path| {
                let mut request = without_user(request(path, headers), Unauthenticated::new(reason));
                request.extensions_mut().insert(OriginalUri("/club/members?page=2".parse().unwrap()));
                request
            };
            let guarded = send(prepared("/guarded")).await;
            assert!(guarded.3.is_some());
            for path in ["/user", "/level"] {
                assert_eq!(send(prepared(path)).await, guarded, "{path} {reason} {headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_person_is_sent_to_the_login_page_with_the_original_way_back() {
    let mut request = without_user(request("/user", &[("accept", "text/html")]), Unauthenticated::new(Reason::Invalid));
    request.extensions_mut().insert(OriginalUri("/club/user".parse().unwrap()));
    let (status, headers, ..) = send(request).await;
    assert_eq!(status, 303);
    assert_eq!(headers["location"], "/login?next=%2Fclub%2Fuser");
}

#[tokio::test]
async fn an_optional_user_is_none_only_for_missing_or_stale_credentials() {
    for (reason, ambient, explicit) in [
        (Reason::NoCredential, 200, 200),
        (Reason::Invalid, 200, 401),
        (Reason::Malformed, 200, 401),
        (Reason::Ambiguous, 400, 400),
        (Reason::CrossSite, 403, 403),
        (Reason::Unavailable, 503, 503),
    ] {
        let of = Unauthenticated::new(reason);
        let (status, body) = text(without_user(request("/optional", &[]), of)).await;
        assert_eq!(status, ambient, "{reason}");
        assert_eq!(body == "no user", ambient == 200);
        let (status, _) = text(without_user(request("/optional", &[]), of.with_explicit_credential())).await;
        assert_eq!(status, explicit, "{reason}, explicit");
    }
}

#[tokio::test]
async fn without_the_layer_every_extractor_fails_closed() {
    for path in ["/user", "/level", "/optional", "/guarded"] {
        let (status, _, body, refusal) = send(request(path, &[])).await;
        assert_eq!((status.as_u16(), refusal), (500, Some(RefusalKind::Misconfigured)), "{path}");
        assert!(!String::from_utf8_lossy(&body).contains("TokenAuthLayer"), "the client learns nothing of it");
    }
}

#[tokio::test]
async fn without_answers_an_extractor_gives_the_default_ones() {
    let mut request =
        without_user(request("/user", &[("accept", "text/html")]), Unauthenticated::new(Reason::NoCredential));
    request.extensions_mut().remove::<tower_tokens::respond::RefusalResponses>();
    let (status, headers, ..) = send(request).await;
    assert_eq!(status, 401, "no login page is known");
    assert_eq!(headers["www-authenticate"], r#"Bearer realm="members""#);
}

#[tokio::test]
async fn a_handler_may_look_at_the_rejection_itself() {
    let request = without_user(request("/result", &[]), Unauthenticated::new(Reason::Invalid));
    assert_eq!(text(request).await, (200, "invalid credential".into()));
}

#[tokio::test]
async fn a_refusal_in_a_handler_is_an_answer_in_the_realm_of_the_policy() {
    async fn delete(user: CurrentUser) -> Result<&'static str, Refusal> {
        let policy = SecurityPolicy::new().scenario("admin panel", level("admin")).realm("club");
        policy.make_sure_allowed("admin panel", &user).await?;
        Ok("gone")
    }
    let app = Router::new().route("/", get(delete));
    let response = app.clone().oneshot(with_user(request("/", &[]), &user(1, "member"))).await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="club", error="insufficient_scope""#);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.extensions().get::<Refusal>().unwrap().kind(), RefusalKind::Denied);
    let response = app.oneshot(with_user(request("/", &[]), &user(1, "admin"))).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_cookie_is_a_part_of_a_response() {
    let token = Token::parse("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x").unwrap();
    let cookie = TokenCookie::default();
    let response: Response = (cookie.set_session(&token), Redirect::to("/members")).into_response();
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"], "/members");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.headers()["set-cookie"].to_str().unwrap().starts_with("trongatetoken=pA2s"));
    assert!(!format!("{response:?}").contains("pA2s"));
    let response = cookie.removal().into_response();
    assert_eq!(response.status(), 200);
    assert!(response.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
}
