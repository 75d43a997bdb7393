//! A token that is generated within another one: it ends with it, lives no longer, and may do no more.

use time::Duration;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::{IssuedToken, Tokens};
use tower_tokens::token::{Abilities, ApiTokenFormat, Expiry, Lifetime};

use crate::site::{NOW, Site};

/// The service, and an API token that may read, for an hour.
async fn with_api_token(site: &Site) -> (Tokens, IssuedToken) {
    let tokens = site.tokens.clone().with_api_tokens(ApiTokenFormat::new("acme").unwrap());
    let reading = Abilities::new(["read"]).unwrap();
    let api = tokens.generate(&site.member).api_token().name("script").abilities(reading).lifetime(Lifetime::hours(1));
    let api = api.await.unwrap();
    (tokens, api)
}

#[tokio::test]
async fn it_lives_no_longer_and_may_do_no_more() {
    let site = Site::new().await;
    let (tokens, api) = with_api_token(&site).await;
    let login = tokens.generate(&site.member).lifetime(Lifetime::days(30)).within(api.record()).await.unwrap();
    assert_eq!(login.record().absolute_expiry(), Expiry::At(NOW + Duration::hours(1)));
    let more = Abilities::new(["read", "write"]).unwrap();
    let greedy = tokens.generate(&site.member).abilities(more).within(api.record()).await.unwrap();
    let modest = tokens.generate(&site.member).abilities(Abilities::none()).within(api.record()).await.unwrap();
    for (issued, abilities) in [(&login, api.record().abilities()), (&greedy, api.record().abilities())] {
        assert_eq!(issued.record().abilities(), abilities);
    }
    assert_eq!(modest.record().abilities(), &Abilities::none());
    let short = tokens.generate(&site.member).lifetime(Lifetime::seconds(300)).within(api.record()).await.unwrap();
    assert_eq!(short.record().absolute_expiry(), Expiry::At(NOW + Duration::minutes(5)));
}

#[tokio::test]
async fn it_ends_with_the_other_one_and_not_the_other_way_round() {
    let site = Site::new().await;
    let (tokens, api) = with_api_token(&site).await;
    for by_text in [true, false] {
        let (_, api) = with_api_token(&site).await;
        let login = tokens.generate(&site.member).within(api.record()).await.unwrap();
        let user = tokens.validate(login.token()).await.unwrap().unwrap();
        assert_eq!(user.token().family(), Some(api.record().id()));
        if by_text {
            assert!(tokens.destroy(api.token()).await.unwrap());
        } else {
            assert!(tokens.destroy_by_id(&site.member, api.record().id()).await.unwrap());
        }
        assert!(tokens.validate(login.token()).await.unwrap().is_none(), "by text: {by_text}");
    }
    for by_text in [true, false] {
        let login = tokens.generate(&site.member).within(api.record()).await.unwrap();
        let user = tokens.validate(login.token()).await.unwrap().unwrap();
        if by_text {
            assert!(tokens.destroy(login.token()).await.unwrap());
        } else {
            assert!(tokens.destroy_current(&user).await.unwrap());
        }
        assert!(tokens.validate(api.token()).await.unwrap().is_some(), "a log-out ends no script's token");
    }
}

#[tokio::test]
async fn it_is_not_generated_within_a_token_that_has_ended() {
    let site = Site::new().await;
    let (tokens, api) = with_api_token(&site).await;
    assert!(tokens.destroy(api.token()).await.unwrap());
    let refused = tokens.generate(&site.member).within(api.record()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidToken);
    let listed = tokens.list(&site.member, Default::default()).await.unwrap();
    assert!(listed.items.is_empty(), "nothing is left");
}

#[tokio::test]
async fn log_out_everywhere_leaves_the_api_token_and_ends_what_is_within_it() {
    let site = Site::new().await;
    let (tokens, api) = with_api_token(&site).await;
    let login = tokens.generate(&site.member).within(api.record()).await.unwrap();
    assert_eq!(tokens.destroy_all(&site.member).await.unwrap(), 1);
    assert!(tokens.validate(login.token()).await.unwrap().is_none());
    assert!(tokens.validate(api.token()).await.unwrap().is_some());
}
