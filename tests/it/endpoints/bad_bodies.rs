//! Requests that cannot be read.

use super::club::{Club, FORM, JSON, json};

#[tokio::test]
async fn a_request_that_cannot_be_read_is_an_invalid_request() {
    let club = Club::open().await;
    let long = format!("token=x&refresh_token=x&grant_type=refresh_token&pad={}", "x".repeat(17_000));
    let table = [
        (FORM, "", 400),
        (FORM, "&&&", 400),
        (FORM, "token=&refresh_token=&grant_type=refresh_token", 400),
        (FORM, "token=a&token=a&refresh_token=a&refresh_token=a&grant_type=refresh_token", 400),
        (FORM, "%74oken=a&token=b&refresh_token=a&refresh%5Ftoken=b&grant_type=refresh_token", 400),
        (FORM, r#"{"token":"a","refresh_token":"a"}"#, 400),
        (JSON, "", 400),
        (JSON, "token=a&refresh_token=a&grant_type=refresh_token", 400),
        (JSON, "[]", 400),
        (JSON, "null", 400),
        (JSON, r#""a""#, 400),
        (JSON, r#"{"token":1,"refresh_token":1}"#, 400),
        (JSON, r#"{"token":["a"],"refresh_token":{"a":"b"}}"#, 400),
        (JSON, r#"{"token":null,"refresh_token":null}"#, 400),
        (JSON, r#"{"token":"a","token":"a","refresh_token":"a","refresh_token":"a"}"#, 400),
        (JSON, r#"{"token":"a","refresh_token":"a"} x"#, 400),
        (JSON, "{\"token\":\"\\ud800\",\"refresh_token\":\"\\ud800\"}", 400),
        ("text/plain", "token=a&refresh_token=a&grant_type=refresh_token", 415),
        ("multipart/form-data; boundary=x", "token=a", 415),
        ("application/json-seq", "{}", 415),
        ("", "token=a&refresh_token=a", 415),
        (FORM, &long, 413),
        (JSON, &long, 413),
    ];
    for path in ["/refresh", "/revoke"] {
        for (media_type, body, status) in table {
            let answer = club.post(path, media_type, body).await;
            assert_eq!(answer.status, status, "{path} {media_type} {body:.80}: {answer:?}");
            assert_eq!(json(&answer)["error"], "invalid_request", "{path} {media_type} {body:.80}");
        }
        let answer = club.server.send_with_body("POST", path, &[], "token=a").await;
        assert_eq!(answer.status, 415, "no media type");
        let twice = [("content-type", FORM), ("content-type", JSON)];
        assert_eq!(club.server.send_with_body("POST", path, &twice, "token=a").await.status, 415);
        for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
            let answer = club.server.send(method, path, &[]).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
        }
    }
    let answer = club.post("/refresh", FORM, "refresh_token=a").await;
    assert_eq!(json(&answer)["error"], "invalid_request", "grant_type is missing");
}

#[tokio::test]
async fn the_longest_token_fits_percent_encoded() {
    let club = Club::open().await;
    let body = format!("token={}", "%78".repeat(4_096));
    assert_eq!(club.post("/revoke", FORM, &body).await.status, 200);
}

#[tokio::test]
async fn a_request_for_an_api_token_that_cannot_be_read_is_refused() {
    let club = Club::open().await;
    let login = club.login().await;
    let long = format!(r#"{{"name":"a","abilities":[],"pad":"{}"}}"#, "x".repeat(17_000));
    for body in [
        "",
        "{}",
        "[]",
        r#"["a",["read"],60]"#,
        "name=a",
        r#"{"name":"a"}"#,
        r#"{"abilities":["read"]}"#,
        r#"{"name":"","abilities":["read"]}"#,
        r#"{"name":" ","abilities":["read"]}"#,
        r#"{"name":1,"abilities":["read"]}"#,
        r#"{"name":"a","abilities":"read"}"#,
        r#"{"name":"a","abilities":null}"#,
        r#"{"name":"a","abilities":["a b"]}"#,
        r#"{"name":"a","abilities":["*","read"]}"#,
        r#"{"name":"a","abilities":[""]}"#,
        r#"{"name":"a","abilities":["read"],"expires_in":0}"#,
        r#"{"name":"a","abilities":["read"],"expires_in":-1}"#,
        r#"{"name":"a","abilities":["read"],"expires_in":1.5}"#,
        r#"{"name":"a","abilities":["read"],"expires_in":"60"}"#,
        r#"{"name":"a","abilities":["read"],"expires_in":3153600001}"#,
        r#"{"name":"a","abilities":["read"],"expires_in":99999999999999999999}"#,
        r#"{"name":"a","abilities":["read"],"expire_in":60}"#,
        r#"{"name":"a","name":"b","abilities":["read"]}"#,
        &format!(r#"{{"name":"{}","abilities":["read"]}}"#, "x".repeat(2_000)),
        &long,
    ] {
        let answer = club.call("POST", "/api/tokens", login.token(), body).await;
        assert_eq!(answer.status, 400, "{body:.80}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body:.80}");
    }
    let cookie = format!("trongatetoken={}", login.token().expose_secret());
    let headers = [("cookie", cookie.as_str()), ("content-type", FORM)];
    let body = r#"{"name":"a","abilities":["read"]}"#;
    assert_eq!(club.server.send_with_body("POST", "/api/tokens", &headers, body).await.status, 400);
    assert!(club.tokens.list(&club.ann, Default::default()).await.unwrap().items.len() == 1, "only the login");
}
