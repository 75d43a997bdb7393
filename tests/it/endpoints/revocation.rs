//! RFC 7009 over HTTP.

use tower_tokens::token::Token;

use super::club::{Club, FORM, JSON, assert_outage};

fn form(token: &Token) -> String {
    format!("token={}&token_type_hint=nonsense", token.expose_secret())
}

#[tokio::test]
async fn any_token_ends_and_a_pair_ends_by_either_of_its_tokens() {
    let club = Club::open().await;
    let (login, script) = (club.login().await, club.api_token(&["read"]).await);
    let (one, two) = (club.tokens.generate_pair(&club.ann), club.tokens.generate_pair(&club.ann));
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    for (revoked, dead) in [
        (login.token(), login.token()),
        (script.token(), script.token()),
        (one.refresh_token(), one.access_token()),
        (two.access_token(), two.access_token()),
    ] {
        assert!(club.is_valid(dead).await);
        let answer = club.post("/revoke", FORM, &form(revoked)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(!club.is_valid(dead).await);
    }
    assert!(club.tokens.refresh(two.refresh_token()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_unknown_token_is_answered_as_a_known_one() {
    let club = Club::open().await;
    let login = club.login().await;
    assert_eq!(club.post("/revoke", FORM, &form(login.token())).await.status, 200);
    for body in [form(login.token()), "token=unknown".to_owned(), "token=no%20token%FF".to_owned()] {
        let answer = club.post("/revoke", FORM, &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{body}");
    }
    assert_eq!(club.post("/revoke", JSON, r#"{"token":"unknown"}"#).await.status, 200);
}

#[tokio::test]
async fn an_outage_is_not_an_unknown_token() {
    let club = Club::open().await;
    let login = club.login().await;
    club.store.fail();
    assert_outage(&club.post("/revoke", FORM, &form(login.token())).await);
    club.store.heal();
    assert!(club.is_valid(login.token()).await);
}
