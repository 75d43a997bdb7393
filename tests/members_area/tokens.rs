//! API tokens, and access and refresh tokens: what a script, an app and the page get.

use http::Method;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use time::Duration;

use crate::server::{PASSWORD, Server};
use crate::visitor::{Answer, Visitor};

/// Sends JSON with a Bearer token.
async fn send(visitor: &mut Visitor, method: Method, path: &str, token: &str, body: Option<Value>) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    visitor.send(method, path, &headers, body.map_or_else(String::new, |body| body.to_string())).await
}

/// Makes an API token as this member, through the JSON of the site.
async fn api_token(member: &mut Visitor, abilities: &[&str], expires_in: Value) -> Value {
    let body = json!({ "name": "backup", "abilities": abilities, "expires_in": expires_in });
    let answer = member.json(Method::POST, "/api/tokens", Some(body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    answer.json()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_token_reads_and_writes_as_its_abilities_say() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let reader = api_token(&mut ann, &["read"], json!(3_600)).await;
    let writer = api_token(&mut ann, &["read", "write"], Value::Null).await;
    assert_eq!(reader["name"], "backup");
    assert_eq!(reader["abilities"], json!(["read"]));
    assert_eq!(reader["expires_at"], "2026-11-21T13:00:00Z");
    assert_eq!(writer["expires_at"], Value::Null);

    let mut script = server.visitor();
    let record = Some(json!({ "text": "hello" }));
    let made = send(&mut script, Method::POST, "/api/records", text(&writer["token"]), record.clone()).await;
    assert_eq!((made.status, &made.json()["text"]), (201, &json!("hello")));
    for token in [&reader, &writer] {
        let read = send(&mut script, Method::GET, "/api/records", text(&token["token"]), None).await;
        assert_eq!((read.status, &read.json()["records"][0]["text"]), (200, &json!("hello")));
    }
    let refused = send(&mut script, Method::POST, "/api/records", text(&reader["token"]), record.clone()).await;
    assert_eq!(refused.status, 403);
    let challenge = refused.headers[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#) && challenge.contains(r#"scope="write""#),
        "{challenge}"
    );

    assert_eq!(ann.json(Method::POST, "/api/records", record).await.status, 201, "a login has every ability");
    assert_eq!(ann.json(Method::GET, "/api/records", None).await.json()["records"].as_array().unwrap().len(), 2);
    let mut bob = server.member("bob").await;
    assert_eq!(bob.json(Method::GET, "/api/records", None).await.json(), json!({ "records": [] }));
}

#[tokio::test]
async fn the_list_shows_no_secret_and_a_revoked_token_is_over_at_once() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let made = api_token(&mut ann, &["read"], Value::Null).await;
    let secret = text(&made["token"]).to_owned();
    let answer = ann.json(Method::GET, "/api/tokens", None).await;
    assert!(!answer.body.contains(&secret));
    let expected = json!([{
        "id": made["id"], "name": "backup", "abilities": ["read"], "last_four": &secret[secret.len() - 4..],
        "created_at": "2026-11-21T12:00:00Z", "last_used_at": null, "expires_at": null,
    }]);
    assert_eq!(answer.json(), expected);

    let path = format!("/api/tokens/{}", text(&made["id"]));
    let mut bob = server.member("bob").await;
    assert_eq!(bob.json(Method::DELETE, &path, None).await.status, 404, "not this user's");
    assert_eq!(ann.json(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(ann.json(Method::DELETE, &path, None).await.status, 404);
    let answer = send(&mut server.visitor(), Method::GET, "/api/records", &secret, None).await;
    assert_eq!(answer.status, 401);
    assert_eq!(ann.json(Method::GET, "/api/tokens", None).await.json(), json!([]));
}

#[tokio::test]
async fn a_rotated_token_works_beside_its_successor_for_the_overlap() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let old = api_token(&mut ann, &["read"], Value::Null).await;
    let rotate = |id: &Value| format!("/api/tokens/{}/rotate", text(id));
    for (body, status) in
        [(json!({ "overlap": -1 }), 422), (json!({ "overlap": 604_801 }), 422), (json!({ "overlap": "x" }), 422)]
    {
        assert_eq!(ann.json(Method::POST, &rotate(&old["id"]), Some(body.clone())).await.status, status, "{body}");
    }
    let answer = ann.json(Method::POST, &rotate(&old["id"]), Some(json!({ "overlap": 60 }))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let new = answer.json();
    assert_eq!((&new["name"], &new["abilities"], &new["expires_at"]), (&old["name"], &old["abilities"], &Value::Null));
    assert_ne!(new["token"], old["token"]);
    let reads = async |token: &Value| {
        send(&mut server.visitor(), Method::GET, "/api/records", text(&token["token"]), None).await.status
    };
    server.advance(Duration::seconds(59));
    assert_eq!((reads(&old).await, reads(&new).await), (200, 200));
    assert_eq!(ann.json(Method::POST, &rotate(&old["id"]), Some(json!({}))).await.status, 404, "once");
    server.advance(Duration::seconds(1));
    assert_eq!((reads(&old).await, reads(&new).await), (401, 200));
    let last = ann.json(Method::POST, &rotate(&new["id"]), Some(json!({}))).await.json();
    assert_eq!((reads(&new).await, reads(&last).await), (401, 200), "no overlap unless it is asked for");
}

#[tokio::test]
async fn a_script_makes_no_tokens_and_ends_none() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let made = api_token(&mut ann, &["read", "write"], Value::Null).await;
    let body = json!({ "name": "more", "abilities": ["read"], "expires_in": null });
    let mut script = server.visitor();
    let path = format!("/api/tokens/{}", text(&made["id"]));
    let requests = [
        (Method::POST, "/api/tokens", Some(body)),
        (Method::GET, "/api/tokens", None),
        (Method::DELETE, path.as_str(), None),
    ];
    for (method, path, body) in requests {
        assert_eq!(send(&mut script, method, path, text(&made["token"]), body).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused_with_a_reason() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    for body in [
        json!({ "name": " ", "abilities": ["read"], "expires_in": 60 }),
        json!({ "name": "x".repeat(61), "abilities": ["read"], "expires_in": 60 }),
        json!({ "name": "x", "abilities": ["admin"], "expires_in": 60 }),
        json!({ "name": "x", "abilities": ["read"], "expires_in": 0 }),
        json!({ "name": "x", "abilities": ["read"], "expires_in": i64::MAX }),
        json!({ "name": "x", "abilities": ["read"] }),
        json!({ "name": "x", "abilities": "read", "expires_in": 60 }),
    ] {
        let answer = ann.json(Method::POST, "/api/tokens", Some(body.clone())).await;
        assert_eq!(answer.status, 422, "{body}");
    }
    assert_eq!(ann.json(Method::GET, "/api/tokens", None).await.json(), json!([]));
}

#[tokio::test]
async fn an_api_token_stands_in_for_the_password_and_gives_no_more_than_it_has() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    server.member("bob").await;
    let made = api_token(&mut ann, &["read"], json!(3_600)).await;
    let secret = text(&made["token"]).to_owned();
    let log_in = |name: &str| json!({ "username": name, "password": secret, "remember": true });
    let mut script = server.visitor();
    let answer = script.json(Method::POST, "/api/login", Some(log_in("ann"))).await;
    assert_eq!((answer.status, &answer.json()["expires_at"]), (200, &json!("2026-11-21T13:00:00Z")), "no later end");
    assert_eq!(script.json(Method::GET, "/api/records", None).await.status, 200);
    let record = json!({ "text": "x" });
    assert_eq!(script.json(Method::POST, "/api/records", Some(record)).await.status, 403, "no more abilities");
    assert_eq!(script.json(Method::GET, "/api/tokens", None).await.status, 403);

    let refused = server.visitor().json(Method::POST, "/api/login", Some(log_in("bob"))).await;
    assert_eq!(refused.status, 401, "it is not bob's");
    let refused = server.visitor().json(Method::POST, "/api/token", Some(log_in("ann"))).await;
    assert_eq!(refused.status, 401, "a pair would outlive it");

    let path = format!("/api/tokens/{}", text(&made["id"]));
    assert_eq!(ann.json(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(script.json(Method::GET, "/api/records", None).await.status, 401, "the login ended with it");
}

/// Logs an app in.
async fn pair(server: &Server, name: &str) -> Value {
    let body = json!({ "username": name, "password": PASSWORD });
    let answer = server.visitor().json(Method::POST, "/api/token", Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    answer.json()
}

async fn refresh(server: &Server, token: &Value) -> Answer {
    let body = json!({ "refresh_token": token });
    server.visitor().json(Method::POST, "/api/token/refresh", Some(body)).await
}

async fn is_in(server: &Server, token: &Value) -> bool {
    server.visitor().bearer(Method::GET, "/api/me", text(token)).await.status == 200
}

#[tokio::test]
async fn an_app_stays_logged_in_by_refreshing_and_a_copied_token_ends_the_pair() {
    let server = Server::start().await;
    server.member("ann").await;
    let first = pair(&server, "ann").await;
    assert_eq!((&first["token_type"], &first["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(first.as_object().unwrap().len(), 4);
    assert!(is_in(&server, &first["access_token"]).await);
    assert!(!is_in(&server, &first["refresh_token"]).await);

    server.advance(Duration::minutes(15));
    assert!(!is_in(&server, &first["access_token"]).await);
    let second = refresh(&server, &first["refresh_token"]).await.json();
    let again = refresh(&server, &first["refresh_token"]).await.json();
    assert_eq!(second, again, "two tabs get one answer");
    assert!(is_in(&server, &second["access_token"]).await);

    server.advance(Duration::seconds(10));
    let reuse = refresh(&server, &first["refresh_token"]).await;
    assert_eq!((reuse.status, reuse.json()), (400, json!({ "error": "invalid_grant" })));
    assert!(!is_in(&server, &second["access_token"]).await);
    assert_eq!(refresh(&server, &second["refresh_token"]).await.status, 400);
    assert_eq!(refresh(&server, &json!("not a token!")).await.status, 400);
}

#[tokio::test]
async fn revoking_ends_a_pair_and_tells_a_stranger_nothing() {
    let server = Server::start().await;
    server.member("ann").await;
    for half in ["access_token", "refresh_token"] {
        let tokens = pair(&server, "ann").await;
        let form = [("content-type", "application/x-www-form-urlencoded")];
        for body in [format!("token={}", text(&tokens[half])), "token=unknown".to_owned(), "token=%20".to_owned()] {
            let answer = server.visitor().send(Method::POST, "/api/token/revoke", &form, body).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{half}");
        }
        assert!(!is_in(&server, &tokens["access_token"]).await, "{half}");
        assert_eq!(refresh(&server, &tokens["refresh_token"]).await.status, 400, "{half}");
    }
}

#[tokio::test]
async fn a_new_password_ends_logins_and_apps_and_no_script() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let script = api_token(&mut ann, &["read"], Value::Null).await;
    let app = pair(&server, "ann").await;
    ann.post("/forgot", &[("login", "ann")]).await;
    let link = server.letters().pop().unwrap().link;
    let token = link.split_once("token=").unwrap().1;
    let form = [("token", token), ("password", "a new password"), ("password_confirmation", "a new password")];
    assert_eq!(ann.post("/reset", &form).await.status, 303);
    assert!(!ann.is_in().await);
    assert!(!is_in(&server, &app["access_token"]).await);
    assert_eq!(refresh(&server, &app["refresh_token"]).await.status, 400);
    let answer = send(&mut server.visitor(), Method::GET, "/api/records", text(&script["token"]), None).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_page_shows_a_new_token_once_and_revokes_it() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let form = [("name", "Laptop <script>"), ("read", "on"), ("ends", "30")];
    let page = ann.post("/account/tokens", &form).await;
    assert_eq!(page.status, 201);
    assert!(page.headers[CACHE_CONTROL].to_str().unwrap().contains("no-store"));
    let token = page.between(r#"<code id="made">"#, "</code>").unwrap().to_owned();
    assert!(token.starts_with("members_"), "{token}");
    let answer = send(&mut server.visitor(), Method::GET, "/api/records", &token, None).await;
    assert_eq!(answer.status, 200);

    let list = ann.get("/account/tokens").await;
    assert!(!list.body.contains(&token) && !list.body.contains("<script>"));
    assert!(list.body.contains(&format!("…{}", &token[token.len() - 4..])));
    assert!(list.body.contains("May: read") && list.body.contains("ends 2026-12-21"));
    let revoke = list.between(r#"<form method="post" action="/account/tokens/"#, r#"/revoke""#).unwrap().to_owned();
    let answer = ann.post(&format!("/account/tokens/{revoke}/revoke"), &[]).await;
    assert_eq!((answer.status, answer.location()), (303, "/account/tokens?notice=revoked"));
    let answer = send(&mut server.visitor(), Method::GET, "/api/records", &token, None).await;
    assert_eq!(answer.status, 401);
    assert_eq!(ann.post("/account/tokens", &[("name", ""), ("ends", "30")]).await.status, 422);
    assert_eq!(ann.post("/account/tokens", &[("name", "x"), ("ends", "soon")]).await.status, 422);
    let devices = ann.get("/account").await;
    assert!(!devices.body.contains("Laptop"), "API tokens have a page of their own");
    let script = ann.get("/copy.js").await;
    assert_eq!(script.headers[CONTENT_TYPE], "text/javascript; charset=utf-8");
}

#[tokio::test]
async fn a_form_of_another_site_makes_no_token() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let form = [("name", "x"), ("read", "on"), ("ends", "never")];
    let answer = ann.post_with("/account/tokens", &form, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(ann.json(Method::GET, "/api/tokens", None).await.json(), json!([]));
}
