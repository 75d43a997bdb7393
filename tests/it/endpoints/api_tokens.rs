//! A user's own API tokens over HTTP.

use serde_json::Value;
use time::Duration;
use tower_tokens::token::{Abilities, Token};

use super::club::{Club, JSON, json};
use crate::http::Answer;

const READ: &str = r#"{"name":"backup","abilities":["read"],"expires_in":3600}"#;

fn text_of(answer: &Answer) -> Token {
    assert_eq!(answer.status, 201, "{answer:?}");
    Token::parse(json(answer)["token"].as_str().unwrap()).unwrap()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_login_creates_lists_rotates_and_revokes() {
    let club = Club::open().await;
    let login = club.login().await;
    let cookie = format!("trongatetoken={}", login.token().expose_secret());
    let headers = [("cookie", cookie.as_str()), ("content-type", JSON)];
    let answer = club.server.send_with_body("POST", "/api/tokens", &headers, READ).await;
    let token = text_of(&answer);
    let created = json(&answer);
    assert_eq!(names(&created), ["abilities", "expires_at", "id", "name", "token"]);
    assert_eq!((&created["name"], &created["abilities"]), (&"backup".into(), &serde_json::json!(["read"])));
    assert_eq!(created["expires_at"], "2027-01-15T09:00:00Z");
    let user = club.tokens.validate(&token).await.unwrap().unwrap();
    assert!(user.has_ability("read") && !user.has_ability("write"));

    let listed = json(&club.server.get("/api/tokens", &headers).await);
    assert_eq!(listed.as_array().unwrap().len(), 1, "the login is not in it");
    let line = &listed[0];
    assert_eq!(names(line), ["abilities", "created_at", "expires_at", "id", "last_four", "last_used_at", "name"]);
    assert_eq!((&line["id"], &line["created_at"]), (&created["id"], &"2027-01-15T08:00:00Z".into()));
    assert!(token.expose_secret().ends_with(line["last_four"].as_str().unwrap()));

    let path = format!("/api/tokens/{}", created["id"].as_str().unwrap());
    let rotated = club.call("POST", &format!("{path}/rotate"), login.token(), r#"{"overlap":60}"#).await;
    let successor = text_of(&rotated);
    assert!(club.is_valid(&token).await && club.is_valid(&successor).await);
    club.clock.advance(Duration::seconds(60));
    assert!(!club.is_valid(&token).await && club.is_valid(&successor).await);
    let again = format!("/api/tokens/{}/rotate", json(&rotated)["id"].as_str().unwrap());
    let third = text_of(&club.call("POST", &again, login.token(), "").await);
    assert!(!club.is_valid(&successor).await);

    let id = club.tokens.validate(&third).await.unwrap().unwrap().token().id();
    let path = format!("/api/tokens/{id}");
    let answer = club.server.send("DELETE", &path, &headers).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert!(!club.is_valid(&third).await);
    assert_eq!(club.server.send("DELETE", &path, &headers).await.status, 404);
    assert_eq!(club.call("POST", &format!("{path}/rotate"), login.token(), "").await.status, 404);
}

#[tokio::test]
async fn how_long_a_token_lives_is_a_number_never_or_the_default() {
    let club = Club::open().await;
    let login = club.login().await;
    for (expires_in, expected) in [
        (r#","expires_in":null"#, Value::Null),
        (r#","expires_in":1"#, "2027-01-15T08:00:01Z".into()),
        (r#","expires_in":3153600000"#, "2126-12-22T08:00:00Z".into()),
        ("", "2027-02-14T08:00:00Z".into()),
    ] {
        let body = format!(r#"{{"name":"a","abilities":["*"]{expires_in}}}"#);
        let created = json(&club.call("POST", "/api/tokens", login.token(), &body).await);
        assert_eq!(created["expires_at"], expected, "{body}");
        assert_eq!(created["abilities"], serde_json::json!(["*"]));
    }
}

#[tokio::test]
async fn what_is_no_login_manages_nothing_unless_an_ability_is_named() {
    let club = Club::open().await;
    let reader = club.api_token(&["read"]).await;
    let all = club.tokens.generate(&club.ann).api_token().await.unwrap();
    let pair = club.tokens.generate_pair(&club.ann).await.unwrap();
    let limited = club.tokens.generate(&club.ann).abilities(Abilities::new(["read"]).unwrap()).await.unwrap();
    let by_password = club.tokens.generate(&club.ann).within(all.record()).await.unwrap();
    let path = format!("/api/tokens/{}", all.record().id());
    for token in [reader.token(), all.token(), pair.access_token(), limited.token(), by_password.token()] {
        for (method, path) in
            [("GET", "/api/tokens"), ("POST", "/api/tokens"), ("DELETE", &path), ("PUT", "/api/tokens")]
        {
            let answer = club.call(method, path, token, READ).await;
            assert_eq!(answer.status, 403, "{method} {answer:?}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
    let answer = club.call("POST", "/managed", reader.token(), READ).await;
    let challenge = r#"Bearer realm="members", error="insufficient_scope", scope="tokens:manage""#;
    assert_eq!((answer.status, answer.header("www-authenticate")), (403, Some(challenge)));
    assert!(club.is_valid(all.token()).await);
}

#[tokio::test]
async fn a_token_creates_no_stronger_and_no_longer_lived_one() {
    let club = Club::open().await;
    let manager = club.api_token(&["tokens:manage", "devices:*"]).await;
    for (abilities, scope) in [
        (r#"["*"]"#, ""),
        (r#"["devices:read","write","zap"]"#, r#", scope="write zap""#),
        (r#"["tokens:*"]"#, r#", scope="tokens:*""#),
    ] {
        let body = format!(r#"{{"name":"a","abilities":{abilities}}}"#);
        let answer = club.call("POST", "/managed", manager.token(), &body).await;
        let challenge = format!(r#"Bearer realm="members", error="insufficient_scope"{scope}"#);
        assert_eq!((answer.status, answer.header("www-authenticate")), (403, Some(&*challenge)), "{body}");
    }
    let body = r#"{"name":"a","abilities":["devices:read","tokens:manage"],"expires_in":null}"#;
    let answer = club.call("POST", "/managed", manager.token(), body).await;
    let child = text_of(&answer);
    assert_eq!(json(&answer)["expires_at"], "2027-02-14T08:00:00Z", "the end of its creator");

    let id = json(&answer)["id"].as_str().unwrap().to_owned();
    assert_eq!(club.call("POST", "/managed", &child, body).await.status, 403, "it creates no other");
    assert_eq!(club.call("POST", &format!("/managed/{id}/rotate"), manager.token(), "").await.status, 403);
    assert_eq!(json(&club.call("GET", "/managed", &child, "").await).as_array().unwrap().len(), 2);
    club.tokens.destroy(manager.token()).await.unwrap();
    assert!(!club.is_valid(&child).await, "it ends with its creator");
}

#[tokio::test]
async fn only_the_users_own_api_tokens_are_found() {
    let club = Club::open().await;
    let login = club.login().await;
    let foreign = club.tokens.generate(&club.bob).api_token().await.unwrap();
    let (id, own_login) = (foreign.record().id(), login.record().id());
    for path in
        [format!("/{id}"), format!("/{own_login}"), "/x".into(), "/+1".into(), "/1/2/3".into(), "/1/rotate/2".into()]
    {
        assert_eq!(club.call("DELETE", &format!("/api/tokens{path}"), login.token(), "").await.status, 404, "{path}");
    }
    assert_eq!(club.call("POST", &format!("/api/tokens/{id}/rotate"), login.token(), "").await.status, 404);
    assert!(club.is_valid(foreign.token()).await && club.is_valid(login.token()).await);
    for (method, path, allow) in [
        ("PUT", "/api/tokens".to_owned(), "GET, HEAD, POST"),
        ("GET", format!("/api/tokens/{id}"), "DELETE"),
        ("GET", format!("/api/tokens/{id}/rotate"), "POST"),
    ] {
        let answer = club.call(method, &path, login.token(), "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
}

#[tokio::test]
async fn without_a_user_the_answer_is_a_guards() {
    let club = Club::open().await;
    let login = club.login().await;
    let cookie = format!("trongatetoken={}", login.token().expose_secret());
    let bare = club.server.send("GET", "/api/tokens", &[]).await;
    assert_eq!((bare.status, bare.header("www-authenticate")), (401, Some(r#"Bearer realm="members""#)));
    let invalid = club.server.send("GET", "/api/tokens", &[("authorization", "Bearer unknown")]).await;
    assert!(invalid.status == 401 && invalid.header("www-authenticate").unwrap().contains("invalid_token"));
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site"), ("content-type", JSON)];
    assert_eq!(club.server.send_with_body("POST", "/api/tokens", &headers, READ).await.status, 403, "another site");
    club.store.fail();
    let outage = club.server.send("GET", "/api/tokens", &[("cookie", &cookie)]).await;
    assert_eq!((outage.status, outage.header("retry-after")), (503, Some("5")));
}

#[tokio::test]
async fn an_overlap_has_bounds() {
    let club = Club::open().await;
    let (login, script) = (club.login().await, club.api_token(&["read"]).await);
    let path = format!("/api/tokens/{}/rotate", script.record().id());
    for body in [
        r#"{"overlap":-1}"#,
        r#"{"overlap":604801}"#,
        r#"{"overlap":null}"#,
        r#"{"overlap":"1"}"#,
        "[]",
        "{",
        r#"{"over":1}"#,
    ] {
        assert_eq!(club.call("POST", &path, login.token(), body).await.status, 400, "{body}");
    }
    assert!(club.is_valid(script.token()).await);
    assert_eq!(club.call("POST", &path, login.token(), r#"{"overlap":604800}"#).await.status, 201);
    assert!(club.is_valid(script.token()).await);
}

#[tokio::test]
async fn a_path_in_front_can_be_named() {
    let club = Club::open().await;
    let login = club.login().await;
    let created = json(&club.call("POST", "/whole/path", login.token(), READ).await);
    let path = format!("/whole/path/{}", created["id"].as_str().unwrap());
    assert_eq!(club.call("DELETE", &path, login.token(), "").await.status, 204);
}
