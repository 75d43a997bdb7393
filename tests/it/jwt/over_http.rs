//! Cookies, stored tokens and JWTs on the same routes, over HTTP.

use axum::Router;
use axum::routing::any;
use serde_json::json;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::validator::TokenValidator;

use super::*;
use crate::http::Server;
use crate::site::{Site, all_sources, policy, sessions, who};

fn app(site: &Site) -> Router {
    let policy = policy();
    let layer = TokenAuthLayer::new(site.tokens.clone().or(validator())).sources(all_sources());
    let page = |scenario: &str| any(who).layer(policy.guard(scenario));
    Router::new()
        .route("/", any(who))
        .route("/members", page("members area"))
        .route("/admin", page("admin panel"))
        .route("/recent", page("change password"))
        .layer(layer)
        .layer(sessions())
}

#[tokio::test]
async fn a_cookie_a_stored_token_and_a_jwt_are_users_of_one_router() {
    for site in [Site::new().await, Site::async_only().await] {
        let server = Server::start(app(&site)).await;
        let stored = site.member_token().await;
        let (cookie, bearer) = (format!("trongatetoken={stored}"), format!("Bearer {stored}"));
        assert_eq!(server.get("/members", &[("cookie", &cookie)]).await.body, "member via cookie");
        assert_eq!(server.get("/members", &[("authorization", &bearer)]).await.body, "member via bearer");
        let before = site.store.look_ups();
        for algorithm in ALGORITHMS {
            let bearer = format!("Bearer {}", golden(algorithm));
            assert_eq!(server.get("/members", &[("authorization", &bearer)]).await.body, "member via bearer");
            let stale = ("cookie", "trongatetoken=33333333333333333333333333333333");
            assert_eq!(server.get("/members", &[stale, ("authorization", &bearer)]).await.body, "member via bearer");
        }
        assert!(site.store.look_ups() > before, "the store is asked first in this chain");
        let cookie = format!("trongatetoken={}", golden("ES256"));
        assert_eq!(server.get("/members", &[("cookie", &cookie)]).await.body, "member via cookie");
    }
}

#[tokio::test]
async fn a_jwt_that_is_not_valid_is_401_and_one_of_too_low_a_level_is_403() {
    let site = Site::new().await;
    let server = Server::start(app(&site)).await;
    let none = format!("{}.{}.", encode(r#"{"alg":"none","typ":"at+jwt"}"#), encode(claims().to_string()));
    for text in [
        token("HS256", &json!({"alg": "HS256", "typ": "at+jwt", "kid": "unknown"}), &claims()),
        token("HS256", &header("HS256"), &with("exp", json!(NOW))),
        token("HS256", &header("HS256"), &with("aud", json!("https://other.example"))),
        token("HS256", &header("HS256"), &with("exp", None)),
        none,
        format!("{}x", golden("RS256")),
    ] {
        let answer = server.get("/members", &[("authorization", &format!("Bearer {text}"))]).await;
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(answer.status, 401, "{text}");
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
        assert!(!answer.body.contains("kid") && !answer.body.contains("aud"), "{}", answer.body);
    }
    let bearer = format!("Bearer {}", golden("EdDSA"));
    assert_eq!(server.get("/admin", &[("authorization", &bearer)]).await.status, 403);
    let recent = server.get("/recent", &[("authorization", &bearer)]).await;
    assert_eq!(recent.status, 401, "when its user authenticated is unknown");
    assert!(recent.header("www-authenticate").unwrap().contains("insufficient_user_authentication"));
}

#[tokio::test]
async fn an_outage_of_the_store_does_not_refuse_a_jwt() {
    let site = Site::new().await;
    let server = Server::start(app(&site)).await;
    site.store.fail();
    let bearer = format!("Bearer {}", golden("EdDSA"));
    assert_eq!(server.get("/members", &[("authorization", &bearer)]).await.status, 200);
    let other = format!("Bearer {}", "3".repeat(32));
    assert_eq!(server.get("/members", &[("authorization", &other)]).await.status, 503);
}
