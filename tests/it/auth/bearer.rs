//! The `Bearer` scheme over HTTP, case by case, with the answers of RFC 6750 §3.

use axum::Router;
use axum::routing::any;
use tower_tokens::auth::TokenAuthLayer;

use crate::http::Server;
use crate::site::{Site, basic, policy, who};

const CHALLENGE: &str = r#"Bearer realm="the club""#;
const INVALID_TOKEN: &str = r#"Bearer realm="the club", error="invalid_token""#;
const INVALID_REQUEST: &str = r#"Bearer realm="the club", error="invalid_request""#;

/// Behind the default sources, of which `Basic` is none.
fn app(site: &Site) -> Router {
    let guard = policy().guard("members area");
    Router::new().route("/", any(who).layer(guard)).layer(TokenAuthLayer::new(site.tokens.clone()))
}

#[tokio::test]
async fn every_form_of_the_header_has_its_answer() {
    for site in [Site::new().await, Site::async_only().await] {
        let server = Server::start(app(&site)).await;
        let token = site.member_token().await;
        for value in ["bearer", "Bearer", "BEARER", "bEaReR"] {
            for (space, end) in [(" ", ""), ("   ", ""), (" ", "  "), (" ", "\t")] {
                let answer = server.get("/", &[("authorization", &format!("{value}{space}{token}{end}"))]).await;
                assert_eq!(
                    (answer.status, answer.body.as_str()),
                    (200, "member via bearer"),
                    "{value:?}{space:?}{end:?}"
                );
            }
        }
        let looked_up = site.store.look_ups();
        let (with_basic, unknown) = (basic(&token), format!("Bearer {}", "3".repeat(32)));
        for (value, challenge, look_ups) in [
            (&*unknown, INVALID_TOKEN, 1),
            (&*format!("Bearer {token}="), INVALID_TOKEN, 1),
            (&*format!("Bearer {token}=="), INVALID_TOKEN, 1),
            (&*format!("Bearer {token}=a"), INVALID_TOKEN, 0),
            ("Bearer", INVALID_TOKEN, 0),
            ("Bearer ", INVALID_TOKEN, 0),
            ("Bearer \t ", INVALID_TOKEN, 0),
            ("Bearer =", INVALID_TOKEN, 0),
            (r#"Bearer an"invalid"token"#, INVALID_TOKEN, 0),
            ("Bearer an|invalid|token", INVALID_TOKEN, 0),
            (&*format!("Bearer \"{token}\""), INVALID_TOKEN, 0),
            (&*format!("Bearer {token} {token}"), INVALID_TOKEN, 0),
            (&*format!("Bearer {token},Bearer {token}"), INVALID_TOKEN, 0),
            (&*format!("Bearer token={token}"), INVALID_TOKEN, 0),
            (&*with_basic, CHALLENGE, 0),
            (&*token, CHALLENGE, 0),
            (&*format!("Bearer:{token}"), CHALLENGE, 0),
            (&*format!("Bearer{token}"), CHALLENGE, 0),
            (&*format!("Token {token}"), CHALLENGE, 0),
            ("Digest username=\"Bearer\"", CHALLENGE, 0),
            ("", CHALLENGE, 0),
        ] {
            let before = site.store.look_ups();
            let answer = server.get("/", &[("authorization", value)]).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(challenge)), "{value:?}");
            assert_eq!(site.store.look_ups() - before, look_ups, "{value:?}");
        }
        assert!(site.store.look_ups() > looked_up);
    }
}

#[tokio::test]
async fn two_headers_are_a_bad_request_and_a_bad_header_does_not_hide_a_good_cookie() {
    for site in [Site::new().await, Site::async_only().await] {
        let server = Server::start(app(&site)).await;
        let token = site.member_token().await;
        let (bearer, cookie, with_basic) = (format!("Bearer {token}"), format!("trongatetoken={token}"), basic(&token));
        for (first, second) in [(&bearer, &bearer), (&bearer, &with_basic), (&with_basic, &bearer)] {
            let answer = server.get("/", &[("authorization", first), ("authorization", second)]).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (400, Some(INVALID_REQUEST)));
        }
        for value in ["Bearer", r#"Bearer an"invalid"token"#, &with_basic, "Bearer unknown"] {
            let answer = server.get("/", &[("cookie", &cookie), ("authorization", value)]).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "member via cookie"), "{value}");
        }
    }
}
