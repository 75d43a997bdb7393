//! What another site makes a visitor's browser send.

use http::Method;
use http::header::CONTENT_TYPE;

use crate::server::{PASSWORD, Server};

/// How a browser marks what another site made it send, newest browsers first.
const FORGED: [&[(&str, &str)]; 4] = [
    &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
    &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:1")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
];

#[tokio::test]
async fn another_site_can_neither_register_nor_log_anybody_in() {
    let server = Server::start().await;
    server.visitor().register("mallory").await;
    for headers in FORGED {
        let mut victim = server.visitor();
        let login = [("username", "mallory"), ("password", PASSWORD)];
        let answer = victim.post_with("/login", &login, headers).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(answer.cookie().is_none());

        let registration =
            [("username", "eve"), ("email", "e@x"), ("password", PASSWORD), ("password_confirmation", PASSWORD)];
        assert_eq!(victim.post_with("/register", &registration, headers).await.status, 403, "{headers:?}");

        let body = format!(r#"{{"username":"mallory","password":"{PASSWORD}"}}"#);
        let mut json = headers.to_vec();
        json.push(("content-type", "application/json"));
        let answer = victim.send(Method::POST, "/api/login", &json, body).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json");
        assert!(answer.cookie().is_none());
        assert!(!victim.is_in().await);
    }
    assert_eq!(server.visitor().log_in("eve", PASSWORD).await.status, 401, "eve was never registered");
}

#[tokio::test]
async fn another_site_can_neither_log_a_member_out_nor_end_their_devices_nor_ban() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    server.visitor().register("ann").await;
    for headers in FORGED {
        for path in ["/logout", "/api/logout", "/account/devices/end-others", "/admin/users/2/ban"] {
            let answer = admin.post_with(path, &[], headers).await;
            assert_eq!(answer.status, 403, "{path} {headers:?}");
            assert!(answer.cookie().is_none(), "{path} {headers:?}");
        }
    }
    assert!(admin.is_in().await);
    assert_eq!(server.visitor().log_in("ann", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn another_site_can_neither_order_a_reset_link_nor_set_a_password() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    assert_eq!(ann.post("/forgot", &[("login", "ann")]).await.status, 303);
    let link = server.letters().remove(0).link;
    let token = link.strip_prefix("/reset?token=").unwrap();
    for headers in FORGED {
        assert_eq!(ann.post_with("/forgot", &[("login", "ann")], headers).await.status, 403, "{headers:?}");
        let form = [("token", token), ("password", "mallory's own"), ("password_confirmation", "mallory's own")];
        assert_eq!(ann.post_with("/reset", &form, headers).await.status, 403, "{headers:?}");
    }
    assert!(server.letters().is_empty());
    assert!(ann.is_in().await);
}

#[tokio::test]
async fn a_link_from_another_site_arrives_logged_in() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let from_elsewhere = [("sec-fetch-site", "cross-site")];
    assert_eq!(ann.send(Method::GET, "/members", &from_elsewhere, String::new()).await.status, 200);
}

#[tokio::test]
async fn a_token_that_a_program_sends_on_purpose_is_exempt() {
    let server = Server::start().await;
    let ann = server.member("ann").await.log_in("ann", PASSWORD).await;
    let authorization = format!("Bearer {}", ann.cookie().unwrap().value());
    let headers = [("authorization", authorization.as_str()), ("sec-fetch-site", "cross-site")];
    let answer = server.visitor().send(Method::POST, "/api/logout", &headers, String::new()).await;
    assert_eq!(answer.status, 204);
}
