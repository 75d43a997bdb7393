//! RFC 7662 over HTTP.

use axum::Router;
use time::Duration;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::endpoints::IntrospectionEndpoint;
use tower_tokens::policy::{SecurityPolicy, ability};
use tower_tokens::token::{Abilities, Lifetime, Token};

use super::club::{Club, FORM, NOW, assert_outage, json};
use crate::http::{Answer, Server};

const INACTIVE: &str = r#"{"active":false}"#;

async fn service(club: &Club, abilities: Abilities) -> Token {
    let issued = club.tokens.generate(&club.bob).api_token().abilities(abilities).await.unwrap();
    Token::parse(issued.token().expose_secret()).unwrap()
}

async fn ask(club: &Club, path: &str, caller: &Token, token: &str) -> Answer {
    let bearer = format!("Bearer {}", caller.expose_secret());
    let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
    club.server.send_with_body("POST", path, &headers, &format!("token={token}&token_type_hint=access_token")).await
}

#[tokio::test]
async fn an_active_token_is_described() {
    let club = Club::open().await;
    let caller = service(&club, Abilities::new(["introspect"]).unwrap()).await;
    let (login, script) = (club.login().await, club.api_token(&["read", "devices:*"]).await);
    let pair = club.tokens.generate_pair(&club.ann).await.unwrap();
    let endless = club.tokens.generate(&club.ann).lifetime(Lifetime::never_expires()).await.unwrap();
    let sub = club.ann.to_string();
    let common = |end: i64| format!(r#""exp":{},"iat":{NOW},"token_type":"Bearer","level":"member"}}"#, NOW + end);
    for (token, expected) in [
        (login.token(), format!(r#"{{"active":true,"sub":"{sub}",{}"#, common(86_400))),
        (script.token(), format!(r#"{{"active":true,"scope":"read devices:*","sub":"{sub}",{}"#, common(30 * 86_400))),
        (pair.access_token(), format!(r#"{{"active":true,"sub":"{sub}",{}"#, common(900))),
        (
            endless.token(),
            format!(r#"{{"active":true,"sub":"{sub}","iat":{NOW},"token_type":"Bearer","level":"member"}}"#),
        ),
    ] {
        let answer = ask(&club, "/introspect", &caller, token.expose_secret()).await;
        json(&answer);
        assert_eq!((answer.status, answer.body), (200, expected));
    }
    let named = json(&ask(&club, "/introspect-named", &caller, login.token().expose_secret()).await);
    assert_eq!(named["username"], format!("user-{sub}"));
}

#[tokio::test]
async fn everything_else_is_inactive_and_nothing_more_is_said() {
    let club = Club::open().await;
    let caller = service(&club, Abilities::new(["introspect"]).unwrap()).await;
    let pair = club.tokens.generate_pair(&club.ann).await.unwrap();
    let (ended, late) = (club.login().await, club.tokens.generate(&club.ann).lifetime(Lifetime::seconds(60)));
    let late = late.await.unwrap();
    club.tokens.destroy(ended.token()).await.unwrap();
    club.clock.advance(Duration::seconds(60));
    for text in [
        pair.refresh_token().expose_secret(),
        ended.token().expose_secret(),
        late.token().expose_secret(),
        "unknown",
        "no%20token",
    ] {
        let answer = ask(&club, "/introspect", &caller, text).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, INACTIVE), "{text}");
        json(&answer);
    }
}

#[tokio::test]
async fn only_a_caller_whom_the_guard_allows_gets_an_answer() {
    let club = Club::open().await;
    let login = club.login().await;
    let text = login.token().expose_secret();
    let bare = club.post("/introspect", FORM, &format!("token={text}")).await;
    assert_eq!((bare.status, bare.header("www-authenticate")), (401, Some(r#"Bearer realm="members""#)));
    let reads = service(&club, Abilities::new(["read"]).unwrap()).await;
    let denied = ask(&club, "/introspect", &reads, text).await;
    let challenge = r#"Bearer realm="members", error="insufficient_scope", scope="introspect""#;
    assert_eq!((denied.status, denied.header("www-authenticate")), (403, Some(challenge)));
    assert_eq!(ask(&club, "/introspect", login.token(), text).await.status, 403, "the level is another one");
    assert_eq!(ask(&club, "/introspect", &service(&club, Abilities::all()).await, text).await.status, 200);
}

#[tokio::test]
async fn an_outage_is_neither_active_nor_inactive() {
    let club = Club::open().await;
    let caller = service(&club, Abilities::all()).await;
    // The callers are in one store, and the tokens that they ask for in another.
    let other = Club::open().await;
    let policy = SecurityPolicy::new().scenario("introspect", ability("introspect"));
    let endpoint = IntrospectionEndpoint::behind(policy.guard("introspect"), other.tokens.clone());
    let app = Router::new().route_service("/introspect", endpoint).layer(TokenAuthLayer::new(club.tokens.clone()));
    let server = Server::start(app).await;
    let login = other.login().await;
    let body = format!("token={}", login.token().expose_secret());
    let bearer = format!("Bearer {}", caller.expose_secret());
    let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
    other.store.fail();
    assert_outage(&server.send_with_body("POST", "/introspect", &headers, &body).await);
    other.store.heal();
    assert_eq!(server.send_with_body("POST", "/introspect", &headers, &body).await.status, 200);
    club.store.fail();
    let answer = server.send_with_body("POST", "/introspect", &headers, &body).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
}
