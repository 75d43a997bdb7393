//! JSON for scripts.

use http::Method;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use time::Duration;

use crate::server::{PASSWORD, Server};

#[tokio::test]
async fn a_script_logs_in_asks_who_it_is_and_logs_out() {
    let server = Server::start().await;
    let mut script = server.visitor().with_user_agent("curl/8.5.0");
    script.register("ann").await;

    let answer = script.json(Method::POST, "/api/login", Some(credentials("ann"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    assert_eq!(answer.cookie().unwrap().max_age(), None);
    let body = answer.json();
    let token = body["token"].as_str().unwrap();
    assert_eq!(answer.cookie().unwrap().value(), token);
    assert_eq!(body["expires_at"], "2026-11-22T12:00:00Z");
    assert_eq!(body.as_object().unwrap().len(), 2);

    let me = server.visitor().bearer(Method::GET, "/api/me", token).await;
    assert_eq!(me.status, 200);
    assert_eq!(
        me.json(),
        json!({ "user_id": 2, "level": "member", "source": "bearer", "expires_at": "2026-11-22T12:00:00Z" })
    );
    assert_eq!(script.json(Method::GET, "/api/me", None).await.json()["source"], "cookie");

    let answer = server.visitor().bearer(Method::POST, "/api/logout", token).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.cookie().unwrap().max_age(), Some(Duration::ZERO));
    let answer = server.visitor().bearer(Method::GET, "/api/me", token).await;
    assert_eq!(answer.status, 401);
    assert!(answer.headers[WWW_AUTHENTICATE].to_str().unwrap().contains(r#"error="invalid_token""#));
}

#[tokio::test]
async fn a_script_is_remembered_for_30_days_if_it_asks() {
    let server = Server::start().await;
    let mut script = server.visitor();
    script.register("ann").await;
    let mut body = credentials("ann");
    body["remember"] = json!(true);
    let answer = script.json(Method::POST, "/api/login", Some(body)).await;
    assert_eq!(answer.json()["expires_at"], "2026-12-21T12:00:00Z");
    assert_eq!(answer.cookie().unwrap().max_age(), Some(Duration::days(30)));
}

#[tokio::test]
async fn a_wrong_password_is_a_problem_and_gives_no_hint() {
    let server = Server::start().await;
    let mut script = server.visitor();
    script.register("ann").await;
    let answers = [
        script.json(Method::POST, "/api/login", Some(json!({ "username": "ann", "password": "wrong" }))).await,
        script.json(Method::POST, "/api/login", Some(json!({ "username": "bob", "password": "wrong" }))).await,
    ];
    for answer in &answers {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json");
        assert!(answer.cookie().is_none());
    }
    assert_eq!(answers[0].body, answers[1].body);
}

#[tokio::test]
async fn without_a_token_scripts_get_a_challenge_and_no_redirect() {
    let server = Server::start().await;
    for path in ["/api/me", "/api/admin/users", "/members"] {
        let answer = server.visitor().json(Method::GET, path, None).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json", "{path}");
        assert_eq!(answer.headers[WWW_AUTHENTICATE], r#"Bearer realm="members""#, "{path}");
    }
    let ann = server.member("ann").await.json(Method::GET, "/api/admin/users", None).await;
    assert_eq!(ann.status, 403);
    assert!(ann.headers[WWW_AUTHENTICATE].to_str().unwrap().contains(r#"error="insufficient_scope""#));
}

#[tokio::test]
async fn a_stale_cookie_does_not_hide_a_good_bearer_token() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let mut stale = ann.copy_of_cookies();
    ann.post("/logout", &[]).await;
    let body = ann.json(Method::POST, "/api/login", Some(credentials("ann"))).await.json();
    let answer = stale.bearer(Method::GET, "/api/me", body["token"].as_str().unwrap()).await;
    assert_eq!(answer.json()["source"], "bearer");
}

#[tokio::test]
async fn whoever_has_a_bad_token_can_log_in_to_get_a_good_one() {
    let server = Server::start().await;
    let mut script = server.visitor();
    script.register("ann").await;
    let stale = ("authorization", "Bearer pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x");
    let headers = [stale, ("content-type", "application/json")];
    let answer = script.send(Method::POST, "/api/login", &headers, credentials("ann").to_string()).await;
    assert_eq!(answer.status, 200);

    let (mut ann, mut bob) = (server.member("ann2").await, server.member("bob").await);
    ann.also_carries_the_cookies_of(&bob);
    assert_eq!(ann.get("/members").await.status, 400, "cookies of two users are ambiguous");
    assert_eq!(ann.get("/login").await.status, 200);
    assert_eq!(ann.log_in("ann2", PASSWORD).await.status, 303);
    assert!(ann.is_in().await);
    assert!(!bob.is_in().await, "the login ended every token that came with it");
}

#[tokio::test]
async fn the_list_of_users_holds_no_secrets() {
    let server = Server::start().await;
    server.member("ann").await;
    let answer = server.admin().await.get("/api/admin/users").await;
    let expected =
        json!({ "user_id": 2, "username": "ann", "email": "ann@example.org", "level": "member", "banned": false });
    assert_eq!(answer.json()["users"][1], expected);
    assert!(!answer.body.contains("argon2"));
}

#[tokio::test]
async fn half_a_request_is_refused_politely() {
    let server = Server::start().await;
    let mut script = server.visitor();
    for body in ["", "{", r#"{"username":"ann"}"#, r#"["ann"]"#] {
        let headers = [("content-type", "application/json")];
        let answer = script.send(Method::POST, "/api/login", &headers, body.to_owned()).await;
        assert!((400..500).contains(&answer.status), "{body:?} {answer:?}");
    }
    assert_eq!(script.post("/login", &[]).await.status, 401);
    assert_eq!(script.post("/register", &[]).await.status, 422);
    assert_eq!(script.post("/login", &[("password", &"x".repeat(100_000))]).await.status, 413);
}

fn credentials(name: &str) -> Value {
    json!({ "username": name, "password": PASSWORD })
}
