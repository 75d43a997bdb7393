//! A browser, a mobile app and a script on the same routes.

use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, UserRepository};

use crate::http::{Answer, Server};

#[path = "../../../examples/browser_app_script.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

const ANN: &str = r#"{"name":"ann","password":"correct horse"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const PAGE: [(&str, &str); 3] =
    [("accept", "text/html"), ("sec-fetch-site", "same-origin"), ("content-type", "application/x-www-form-urlencoded")];

async fn start() -> Server {
    let users = MemoryRepository::new();
    users.create_level("member").await.unwrap();
    for name in ["ann", "bob"] {
        users.create_user(Some(name.into()), "member").await.unwrap();
    }
    Server::start(program::app(Tokens::new(users)).unwrap()).await
}

async fn cookie(server: &Server) -> String {
    let answer = server.send_with_body("POST", "/login", &PAGE, "name=ann&password=correct+horse").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/me")));
    format!("__Host-token={}", answer.cookie("__Host-token").unwrap())
}

async fn app_token(server: &Server) -> String {
    let answer = server.send_with_body("POST", "/api/login", &[JSON], ANN).await;
    assert_eq!((answer.status, answer.cookie("__Host-token")), (200, None));
    bearer(&answer)
}

/// The value of `Authorization` for the token in this answer.
fn bearer(answer: &Answer) -> String {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    format!("Bearer {}", body["token"].as_str().unwrap())
}

#[tokio::test]
async fn each_client_uses_the_same_route_with_its_own_credential() {
    let server = start().await;
    let (cookie, app) = (cookie(&server).await, app_token(&server).await);
    let made = [("authorization", app.as_str()), JSON];
    let made = server.send_with_body("POST", "/scripts", &made, r#"{"name":"backup"}"#).await;
    assert_eq!(made.status, 201);
    let script = bearer(&made);
    assert!(script.starts_with("Bearer club_"), "a prefix that scanners recognise");
    for (name, value, from) in
        [("cookie", &cookie, "cookie"), ("authorization", &app, "bearer"), ("authorization", &script, "bearer")]
    {
        let me = server.get("/me", &[(name, value)]).await;
        assert_eq!(me.status, 200, "{from}");
        let me: serde_json::Value = serde_json::from_str(&me.body).unwrap();
        assert_eq!((me["id"].as_str(), me["level"].as_str()), (Some("ann"), Some("member")));
        assert_eq!(me["from"].as_str().unwrap().to_lowercase(), from);
        assert_eq!(server.send("DELETE", "/me", &[(name, value)]).await.status, 204, "no page sent it");
    }
}

#[tokio::test]
async fn a_program_learns_what_is_wrong_and_a_person_is_led_to_the_login() {
    let server = start().await;
    let app = app_token(&server).await;
    let stranger = server.get("/me", &[]).await;
    assert_eq!((stranger.status, stranger.header("www-authenticate")), (401, Some(r#"Bearer realm="the club""#)));
    let stale = server.get("/me", &[("authorization", "Bearer stale")]).await;
    assert_eq!(stale.status, 401);
    assert!(stale.header("www-authenticate").unwrap().ends_with(r#"error="invalid_token""#));
    let denied = server.get("/admin", &[("authorization", &app)]).await;
    assert_eq!(denied.status, 403);
    assert!(denied.header("www-authenticate").unwrap().ends_with(r#"error="insufficient_scope""#));
    let wrong = r#"{"name":"ann","password":"wrong"}"#;
    let wrong = server.send_with_body("POST", "/api/login", &[JSON], wrong).await;
    assert_eq!((wrong.status, wrong.header("content-type")), (401, Some("application/problem+json")));
    let person = server.get("/me", &[("accept", "text/html")]).await;
    assert_eq!((person.status, person.header("location")), (303, Some("/login?next=%2Fme")));
}

#[tokio::test]
async fn a_stale_cookie_does_not_hide_a_good_token() {
    let server = start().await;
    let app = app_token(&server).await;
    let both = [("cookie", "__Host-token=stale"), ("authorization", app.as_str())];
    assert_eq!(server.get("/me", &both).await.status, 200);
}

#[tokio::test]
async fn another_site_can_use_the_cookie_for_nothing() {
    let server = start().await;
    let (cookie, app) = (cookie(&server).await, app_token(&server).await);
    let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let with_cookie = [&evil[..], &[("cookie", &cookie)]].concat();
    assert_eq!(server.send("DELETE", "/me", &with_cookie).await.status, 403);
    let login = server.send_with_body("POST", "/api/login", &[&evil[..], &[JSON]].concat(), ANN).await;
    assert_eq!(login.status, 403);
    let with_token = [&evil[..], &[("authorization", &app)]].concat();
    assert_eq!(server.send("DELETE", "/me", &with_token).await.status, 204, "no form can send this header");
}

#[tokio::test]
async fn logging_out_ends_the_token_of_whoever_asks_and_no_other() {
    let server = start().await;
    let (cookie, app) = (cookie(&server).await, app_token(&server).await);
    let logged_out = server.send("POST", "/logout", &[("authorization", &app)]).await;
    assert_eq!(logged_out.status, 204);
    assert_eq!(server.get("/me", &[("authorization", &app)]).await.status, 401);
    assert_eq!(server.get("/me", &[("cookie", &cookie)]).await.status, 200);
}
