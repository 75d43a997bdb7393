//! The header pair of Lumen practice, and a token without a scheme.

use std::sync::Arc;

use http::Request;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, UserRepository};
use tower_tokens::request::RequestHead;
use tower_tokens::source::TokenSource;
use tower_tokens::user::SourceKind;

use crate::http::Server;
use crate::site::{Site, basic, whoami};

async fn both() -> [Site; 2] {
    [Site::new().await, Site::async_only().await]
}

fn pair() -> TokenSource {
    TokenSource::header_with_user("x-token", "x-user")
}

#[tokio::test]
async fn a_token_beside_a_user_is_valid_for_this_user_alone() {
    for site in both().await {
        let server = Server::start(whoami(TokenAuthLayer::new(site.tokens.clone()).sources([pair()]))).await;
        let (token, member, admin) = (site.member_token().await, site.member.to_string(), site.admin.to_string());
        let (x_token, x_user) = (("x-token", token.as_str()), ("x-user", member.as_str()));
        let padded = format!("0{member}");
        for (headers, expected) in [
            (&[x_token, x_user][..], "member via header"),
            (&[x_user, x_token], "member via header"),
            (&[("X-TOKEN", &token), ("X-USER", &member)], "member via header"),
            (&[x_token], "invalid credential"),
            (&[x_token, ("x-user", "")], "invalid credential"),
            (&[x_token, ("x-user", &admin)], "invalid credential"),
            (&[x_token, ("x-user", &padded)], "invalid credential"),
            (&[x_token, ("x-user", "*")], "invalid credential"),
            (&[("x-token", "33333333333333333333333333333333"), x_user], "invalid credential"),
            (&[("x-token", "two words"), x_user], "malformed credential"),
            (&[("x-token", ""), x_user], "malformed credential"),
            (&[x_user], "no credential"),
            (&[], "no credential"),
            (&[x_token, x_token, x_user], "ambiguous credentials"),
            (&[x_token, x_user, x_user], "ambiguous credentials"),
            (&[x_token, x_user, ("x-user", &admin)], "ambiguous credentials"),
            (&[("authorization", &format!("Bearer {token}"))], "no credential"),
        ] {
            assert_eq!(server.get("/", headers).await.body, expected, "{headers:?}");
        }
        site.store.fail();
        assert_eq!(server.get("/", &[x_token, x_user]).await.body, "the store does not answer");
    }
}

#[tokio::test]
async fn a_user_who_has_a_text_as_id_is_claimed_by_this_text() {
    let repository = Arc::new(MemoryRepository::new());
    repository.create_level("member").await.unwrap();
    let ann = repository.create_user(Some("ann@example.org".into()), "member").await.unwrap();
    let tokens = Tokens::new(repository);
    let token = tokens.generate(&ann).await.unwrap();
    let layer = TokenAuthLayer::new(tokens).sources([TokenSource::header_with_user("x-api-token", "x-api-user")]);
    for (claimed, is_valid) in [("ann@example.org", true), ("Ann@example.org", false), ("ann", false)] {
        let request =
            Request::get("/").header("x-api-token", token.token().expose_secret()).header("x-api-user", claimed);
        let answer = layer.authenticator().authenticate_now(RequestHead::of(&request.body(()).unwrap())).unwrap();
        assert_eq!(answer.is_ok(), is_valid, "{claimed}");
    }
}

#[tokio::test]
async fn a_wrong_user_beside_a_token_does_not_hide_the_same_token_in_a_later_source() {
    for site in both().await {
        let sources = [pair(), TokenSource::bearer()];
        let server = Server::start(whoami(TokenAuthLayer::new(site.tokens.clone()).sources(sources))).await;
        let (token, admin) = (site.member_token().await, site.admin.to_string());
        let bearer = format!("Bearer {token}");
        let headers = [("x-token", token.as_str()), ("x-user", &admin), ("authorization", &bearer)];
        assert_eq!(server.get("/", &headers).await.body, "member via bearer");
        let before = site.store.look_ups();
        let other = "Bearer 33333333333333333333333333333333";
        let headers = [("x-token", token.as_str()), ("x-user", &admin), ("authorization", other)];
        assert_eq!(server.get("/", &headers).await.body, "invalid credential");
        assert_eq!(site.store.look_ups() - before, 2);
    }
}

#[tokio::test]
async fn a_handler_and_a_log_out_find_the_token_of_the_pair() {
    let site = Site::new().await;
    let layer = TokenAuthLayer::new(site.tokens.clone()).sources([pair()]);
    let token = site.member_token().await;
    let request =
        Request::get("/").header("x-token", &token).header("x-user", site.member.to_string()).body(()).unwrap();
    let authenticator = layer.authenticator();
    let user = authenticator.authenticate(RequestHead::of(&request)).await.unwrap();
    assert_eq!(user.source(), SourceKind::Header);
    let current = authenticator.current_token(RequestHead::of(&request), &user).await.unwrap();
    assert_eq!(current.expose_secret(), token);
    let presented = authenticator.presented_tokens(RequestHead::of(&request)).await.unwrap();
    assert_eq!(presented.len(), 1);
    assert_eq!(authenticator.log_out(RequestHead::of(&request)).await.unwrap().ended(), 1);
    assert!(authenticator.authenticate(RequestHead::of(&request)).await.is_err());
}

#[tokio::test]
async fn a_bare_token_counts_only_where_it_is_switched_on() {
    for site in both().await {
        let token = site.member_token().await;
        let headers = [("authorization", token.as_str())];
        let server = Server::start(site.whoami()).await;
        assert_eq!(server.get("/", &headers).await.body, "no credential", "off by default");
        let bare = || TokenSource::bare_authorization();
        let server = Server::start(whoami(TokenAuthLayer::new(site.tokens.clone()).sources([bare()]))).await;
        let (bearer, of_basic) = (format!("Bearer {token}"), basic(&token));
        let padded = format!("  {token} ");
        for (value, expected) in [
            (token.as_str(), "member via bearer"),
            (&padded, "member via bearer"),
            (&bearer, "no credential"),
            (&of_basic, "no credential"),
            ("Digest username=x", "no credential"),
            ("Bearer", "no credential"),
            ("bearer ", "no credential"),
            ("basic", "no credential"),
            ("", "no credential"),
            ("33333333333333333333333333333333", "invalid credential"),
            ("a,b", "malformed credential"),
        ] {
            assert_eq!(server.get("/", &[("authorization", value)]).await.body, expected, "{value}");
        }
        let two = [("authorization", token.as_str()), ("authorization", token.as_str())];
        assert_eq!(server.get("/", &two).await.body, "ambiguous credentials");
        let all = [TokenSource::bearer(), TokenSource::basic(), bare()];
        let server = Server::start(whoami(TokenAuthLayer::new(site.tokens.clone()).sources(all))).await;
        for (value, expected) in [
            (token.as_str(), "member via bearer"),
            (&bearer, "member via bearer"),
            (&of_basic, "member via basic"),
            ("Bearer", "malformed credential"),
        ] {
            assert_eq!(server.get("/", &[("authorization", value)]).await.body, expected, "{value}");
        }
        assert_eq!(server.get("/", &two).await.body, "ambiguous credentials");
    }
}
