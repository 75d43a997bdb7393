//! RFC 6749 §6 over HTTP.

use time::Duration;
use tower_tokens::token::{Abilities, Token};

use super::club::{Club, FORM, JSON, assert_outage, json};

fn form(token: &Token) -> String {
    format!("grant_type=refresh_token&refresh_token={}", token.expose_secret())
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_by_a_form_and_by_json() {
    let club = Club::open().await;
    let first = club.tokens.generate_pair(&club.ann).await.unwrap();
    let answer = club.post("/refresh", FORM, &form(first.refresh_token())).await;
    assert_eq!((answer.status, answer.header("pragma")), (200, Some("no-cache")), "{answer:?}");
    let second = json(&answer);
    let names: Vec<_> = second.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "refresh_token", "token_type"]);
    assert_eq!((&second["token_type"], &second["expires_in"]), (&"Bearer".into(), &900.into()));
    assert!(club.is_valid(&Token::parse(second["access_token"].as_str().unwrap()).unwrap()).await);

    let body = serde_json::json!({"refresh_token": second["refresh_token"], "client_id": null}).to_string();
    let answer = club.post("/refresh", "Application/JSON; charset=utf-8", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_ne!(json(&answer)["refresh_token"], second["refresh_token"]);

    // The same request again, as a client sends it that did not get the answer.
    let again = club.post("/refresh", JSON, &body).await;
    assert_eq!(json(&again), json(&answer));
}

#[tokio::test]
async fn the_answer_names_the_abilities_of_the_pair_whatever_scope_was_asked_for() {
    let club = Club::open().await;
    let abilities = Abilities::new(["read", "devices:*"]).unwrap();
    let pair = club.tokens.generate_pair(&club.ann).abilities(abilities).await.unwrap();
    let body = form(pair.refresh_token()) + "&scope=everything&client_secret=x";
    assert_eq!(json(&club.post("/refresh", FORM, &body).await)["scope"], "read devices:*");
}

#[tokio::test]
async fn what_is_no_live_refresh_token_is_an_invalid_grant() {
    let club = Club::open().await;
    let pair = club.tokens.generate_pair(&club.ann).await.unwrap();
    let ended = club.tokens.generate_pair(&club.ann).await.unwrap();
    club.tokens.destroy(ended.access_token()).await.unwrap();
    let login = club.login().await;
    for text in [
        ended.refresh_token().expose_secret(),
        pair.access_token().expose_secret(),
        login.token().expose_secret(),
        "unknown",
        "no%20token",
        "caf%C3%A9",
        "%FF",
        &"x".repeat(5_000),
    ] {
        let answer = club.post("/refresh", FORM, &format!("grant_type=refresh_token&refresh_token={text}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, r#"{"error":"invalid_grant"}"#), "{text}");
        json(&answer);
    }
    club.clock.advance(Duration::days(31));
    let answer = club.post("/refresh", FORM, &form(pair.refresh_token())).await;
    assert_eq!((answer.status, answer.body.as_str()), (400, r#"{"error":"invalid_grant"}"#), "it expired");
}

#[tokio::test]
async fn a_reused_refresh_token_ends_its_pair() {
    let club = Club::open().await;
    let pair = club.tokens.generate_pair(&club.ann).await.unwrap();
    let next = json(&club.post("/refresh", FORM, &form(pair.refresh_token())).await);
    club.clock.advance(Duration::seconds(11));
    assert_eq!(club.post("/refresh", FORM, &form(pair.refresh_token())).await.status, 400);
    assert!(!club.is_valid(&Token::parse(next["access_token"].as_str().unwrap()).unwrap()).await);
}

#[tokio::test]
async fn another_grant_is_not_supported() {
    let club = Club::open().await;
    for (media_type, body) in [
        (FORM, "grant_type=password&username=ann&password=x"),
        (FORM, "grant_type=Refresh_Token&refresh_token=x"),
        (JSON, r#"{"grant_type":"client_credentials"}"#),
    ] {
        let answer = club.post("/refresh", media_type, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, r#"{"error":"unsupported_grant_type"}"#), "{body}");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_never_an_invalid_grant() {
    let club = Club::open().await;
    let pair = club.tokens.generate_pair(&club.ann).await.unwrap();
    club.store.fail();
    assert_outage(&club.post("/refresh", FORM, &form(pair.refresh_token())).await);
    club.store.heal();
    assert_eq!(club.post("/refresh", FORM, &form(pair.refresh_token())).await.status, 200);
}
