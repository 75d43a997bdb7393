//! Generate, validate, regenerate, destroy, list; lifetimes at their edges; cookies.

use std::collections::HashSet;

use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::IssuedToken;
use tower_tokens::repository::{PageRequest, UserRepository};
use tower_tokens::token::{ApiTokenFormat, Expiry, Lifetime, Token};
use tower_tokens::user::{SourceKind, UserId};

use crate::http::Server;
use crate::site::{NOW, Site, whoami};

fn at(seconds: i64) -> Timestamp {
    NOW + Duration::seconds(seconds)
}

#[tokio::test]
async fn a_new_token_says_what_it_was_generated_with() {
    let site = Site::new().await;
    let issued = site.tokens.generate(&site.member).name("phone").code("app").authenticated_at(at(-30)).await.unwrap();
    let user = site.tokens.validate(issued.token()).await.unwrap().unwrap();
    assert_eq!((user.id(), user.level().title(), user.source()), (&site.member, "member", SourceKind::Direct));
    assert_eq!((user.token().name(), user.token().code()), (Some("phone"), Some("app")));
    assert_eq!((user.token().created_at(), user.authenticated_at()), (at(0), at(-30)));
    assert_eq!(user.expires_at().at(), Some(at(86_400)), "Trongate's default");
    assert_eq!((user.token(), issued.user_id()), (issued.record(), &site.member));
    assert!(user.token().id().get() > 0);
}

#[tokio::test]
async fn no_two_tokens_and_no_two_ids_are_the_same() {
    let site = Site::new().await;
    let (mut texts, mut ids) = (HashSet::new(), HashSet::new());
    for _ in 0..500 {
        let issued = site.tokens.generate(&site.member).await.unwrap();
        assert!(texts.insert(issued.token().expose_secret().to_owned()) && ids.insert(issued.record().id()));
    }
}

#[tokio::test]
async fn no_token_is_generated_for_a_user_who_does_not_exist() {
    let site = Site::new().await;
    let error = site.tokens.generate(UserId::from(999)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UserNotFound);
    site.store.fail();
    assert!(site.tokens.generate(&site.member).await.unwrap_err().is_outage());
}

#[tokio::test]
async fn a_token_ends_in_the_very_second_of_its_end() {
    let site = Site::new().await;
    for seconds in [1, 86_400] {
        let issued = site.tokens.generate(&site.member).lifetime(Lifetime::seconds(seconds)).await.unwrap();
        site.clock.advance(Duration::seconds(i64::from(seconds) - 1));
        assert!(site.tokens.validate(issued.token()).await.unwrap().is_some(), "{seconds}");
        site.clock.advance(Duration::SECOND);
        assert!(site.tokens.validate(issued.token()).await.unwrap().is_none(), "{seconds}");
        let error = site.tokens.regenerate(issued.token()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidToken, "an expired token cannot be regenerated");
    }
    let stillborn = site.tokens.generate(&site.member).lifetime(Lifetime::seconds(0)).await.unwrap();
    assert!(site.tokens.validate(stillborn.token()).await.unwrap().is_none(), "0 is no number for \"never\"");
    let negative = site.tokens.generate(&site.member).lifetime(Duration::seconds(-1)).await.unwrap();
    assert!(site.tokens.validate(negative.token()).await.unwrap().is_none());
    let endless = site.tokens.generate(&site.member).lifetime(Lifetime::never_expires()).await.unwrap();
    assert_eq!(endless.expires_at(), Expiry::Never);
    site.clock.set(Timestamp::from_unix_seconds(i64::MAX));
    assert!(site.tokens.validate(endless.token()).await.unwrap().is_some());
}

#[tokio::test]
async fn one_level_several_or_any_will_do() {
    let site = Site::new().await;
    let issued = site.tokens.generate(&site.member).await.unwrap();
    let token = issued.token();
    assert!(site.tokens.validate(token).level("member").await.unwrap().is_some());
    assert!(site.tokens.validate(token).level("admin").await.unwrap().is_none());
    assert!(site.tokens.validate(token).level("Member").await.unwrap().is_none());
    assert!(site.tokens.validate(token).any_level(["admin", "member"]).await.unwrap().is_some());
    assert!(site.tokens.validate(token).any_level([]).await.unwrap().is_none(), "an empty list accepts no user");
    site.store.change_level(&site.member, "admin").await.unwrap();
    assert!(site.tokens.validate(token).level("admin").await.unwrap().is_some(), "the present level");
    site.store.set_disabled(&site.member, true).await.unwrap();
    assert!(site.tokens.validate(token).await.unwrap().is_none());
    site.store.fail();
    assert!(site.tokens.validate(token).level("admin").await.unwrap_err().is_outage(), "an outage is never `None`");
}

#[tokio::test]
async fn regeneration_keeps_the_record_and_kills_the_old_text() {
    let site = Site::new().await;
    let old = site.tokens.generate(&site.member).name("phone").code("app").await.unwrap();
    site.clock.advance(Duration::seconds(100));
    let new = site.tokens.regenerate(old.token()).lifetime(Lifetime::seconds(50)).await.unwrap();
    assert!(site.tokens.validate(old.token()).await.unwrap().is_none());
    let user = site.tokens.validate(new.token()).await.unwrap().unwrap();
    assert_eq!((user.token().id(), user.token().name()), (old.record().id(), Some("phone")));
    assert_eq!((user.authenticated_at(), user.expires_at().at()), (at(0), Some(at(150))), "no proof of identity");
    let again = site.tokens.regenerate(old.token()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::InvalidToken);
    let unknown = Token::parse("unknown").unwrap();
    assert_eq!(site.tokens.regenerate(&unknown).await.unwrap_err().kind(), ErrorKind::InvalidToken);
}

#[tokio::test]
async fn a_new_proof_of_identity_is_recorded_and_moves_no_limit() {
    let site = Site::new().await;
    let old = site.tokens.generate(&site.member).name("phone").await.unwrap();
    site.clock.advance(Duration::seconds(100));
    let new = site.tokens.regenerate(old.token()).authenticated_now().await.unwrap();
    assert!(site.tokens.validate(old.token()).await.unwrap().is_none(), "a stolen copy of the old text ends");
    let user = site.tokens.validate(new.token()).await.unwrap().unwrap();
    assert_eq!((user.token().id(), user.token().name()), (old.record().id(), Some("phone")));
    assert_eq!((user.authenticated_at(), user.expires_at().at()), (at(100), Some(at(86_400))));
    assert_eq!(user.token(), new.record());

    let earlier =
        site.tokens.regenerate(new.token()).authenticated_at(at(70)).fresh_start(Duration::HOUR).await.unwrap();
    let user = site.tokens.validate(earlier.token()).await.unwrap().unwrap();
    assert_eq!((user.authenticated_at(), user.expires_at().at()), (at(70), Some(at(3_700))));
    let kept = site.tokens.regenerate(earlier.token()).await.unwrap();
    assert_eq!(kept.record().authenticated_at(), at(70));
    let error = site.tokens.regenerate(old.token()).authenticated_now().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidToken, "an ended token is not revived by a password");
}

#[tokio::test]
async fn one_token_all_or_all_others_are_ended() {
    let site = Site::new().await;
    let mut mine: Vec<IssuedToken> = Vec::new();
    for _ in 0..4 {
        site.clock.advance(Duration::SECOND);
        mine.push(site.tokens.generate(&site.member).await.unwrap());
    }
    let theirs = site.tokens.generate(&site.admin).await.unwrap();
    assert!(site.tokens.destroy(mine[0].token()).await.unwrap());
    assert!(!site.tokens.destroy(mine[0].token()).await.unwrap(), "it is gone, which is no error");
    let their_id = theirs.record().id();
    assert!(!site.tokens.destroy_by_id(&site.member, their_id).await.unwrap(), "not this user's");
    assert!(site.tokens.destroy_by_id(&site.member, mine[1].record().id()).await.unwrap());
    let listed = site.tokens.list(&site.member, PageRequest::first(10)).await.unwrap();
    let ids: Vec<_> = listed.items.iter().map(|record| record.id()).collect();
    assert_eq!(ids, [mine[3].record().id(), mine[2].record().id()], "newest first");
    assert_eq!(site.tokens.destroy_others(&site.member, mine[2].record()).await.unwrap(), 1);
    assert!(site.tokens.validate(mine[2].token()).await.unwrap().is_some());
    assert_eq!(site.tokens.destroy_all(&site.member).await.unwrap(), 1);
    assert!(site.tokens.validate(mine[2].token()).await.unwrap().is_none());
    assert!(site.tokens.validate(theirs.token()).await.unwrap().is_some());
}

#[tokio::test]
async fn an_api_token_with_wrong_check_digits_costs_no_look_up() {
    for site in [Site::new().await, Site::async_only().await] {
        let tokens = site.tokens.clone().with_api_tokens(ApiTokenFormat::new("acme").unwrap());
        let issued = tokens.generate(&site.member).api_token().await.unwrap();
        let text = issued.token().expose_secret();
        assert!(text.starts_with("acme_") && text.len() == 41);
        let server = Server::start(whoami(tower_tokens::auth::TokenAuthLayer::new(tokens.clone()))).await;
        let who = async |text: &str| server.get("/", &[("authorization", &format!("Bearer {text}"))]).await.body;
        assert_eq!((who(text).await.as_str(), site.store.look_ups()), ("member via bearer", 1));
        let last = if text.ends_with('x') { "y" } else { "x" };
        for forged in [&format!("{}{last}", &text[..40]), &text[..40], "acme_", &format!("{text}0")] {
            assert_eq!(who(forged).await, "invalid credential", "{forged}");
            assert!(tokens.validate(&Token::parse(forged).unwrap()).await.unwrap().is_none());
        }
        assert_eq!(site.store.look_ups(), 1);
        let id = issued.record().id();
        let rotated = tokens.rotate_api_token(&site.member, id).await.unwrap();
        assert!(rotated.token().expose_secret().starts_with("acme_"), "an API token stays one");
        assert_eq!(site.tokens.generate(&site.member).api_token().await.unwrap_err().kind(), ErrorKind::Configuration);
    }
}

#[tokio::test]
async fn a_session_cookie_names_no_end_and_remember_me_names_the_tokens_own() {
    let site = Site::new().await;
    let value = |cookie: tower_tokens::respond::SetTokenCookie| cookie.header_value().to_str().unwrap().to_owned();
    let issued = site.tokens.generate(&site.member).lifetime(Lifetime::days(30)).await.unwrap();
    let text = issued.token().expose_secret();
    let common = format!("trongatetoken={text}; HttpOnly; SameSite=Lax; Secure; Path=/");
    assert_eq!(value(issued.session_cookie()), common);
    let remembered = format!("{common}; Max-Age=2592000; Expires=Mon, 21 Dec 2026 19:01:41 GMT");
    assert_eq!(value(issued.remember_me()), remembered);
    assert!(issued.remember_me().header_value().is_sensitive());
    let endless = site.tokens.generate(&site.member).lifetime(Lifetime::never_expires()).await.unwrap();
    assert!(value(endless.remember_me()).contains("; Max-Age=34560000; "), "400 days, the most that browsers keep");
    let removal =
        "trongatetoken=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(value(site.tokens.removal_cookie()), removal);
    let debug = format!("{issued:?} {:?} {:?} {:?}", issued.remember_me(), site.tokens, site.layer());
    assert!(!debug.contains(text), "{debug}");
}
