//! A source of the application's own.

use http::Request;
use http::request::Builder;
use tower_tokens::auth::{Authenticator, TokenAuthLayer};
use tower_tokens::request::RequestHead;
use tower_tokens::source::TokenSource;
use tower_tokens::user::{Reason, SourceKind};

use crate::site::Site;

/// Reads `?token=…`.
fn in_the_query(head: RequestHead<'_>) -> Option<String> {
    head.uri.query()?.strip_prefix("token=").map(str::to_owned)
}

fn authenticator(site: &Site, kind: SourceKind) -> Authenticator {
    let sources = [TokenSource::from_fn(kind, in_the_query), TokenSource::bearer()];
    TokenAuthLayer::new(site.tokens.clone()).sources(sources).authenticator()
}

/// Where the user's token was, or the reason why there is no user.
async fn outcome(authenticator: &Authenticator, request: Builder) -> Result<SourceKind, Reason> {
    let request = request.body(()).unwrap();
    let outcome = authenticator.authenticate(RequestHead::of(&request)).await;
    outcome.map(|user| user.source()).map_err(|unauthenticated| unauthenticated.reason())
}

#[tokio::test]
async fn a_function_is_read_in_its_place_in_the_order() {
    for site in [Site::new().await, Site::async_only().await] {
        let authenticator = authenticator(&site, SourceKind::Header);
        let token = site.member_token().await;
        let with_token = Request::get(format!("/?token={token}"));
        assert_eq!(outcome(&authenticator, with_token).await, Ok(SourceKind::Header));
        let with_bearer = Request::get("/?token=unknown").header("authorization", format!("Bearer {token}"));
        assert_eq!(outcome(&authenticator, with_bearer).await, Ok(SourceKind::Bearer));
        for (uri, reason) in [
            ("/", Reason::NoCredential),
            ("/?token=unknown", Reason::Invalid),
            ("/?token=", Reason::Malformed),
            ("/?token=a%20b", Reason::Malformed),
        ] {
            assert_eq!(outcome(&authenticator, Request::get(uri)).await, Err(reason), "{uri}");
        }
    }
}

#[tokio::test]
async fn the_same_origin_rule_holds_for_a_kind_that_browsers_send_by_themselves() {
    for site in [Site::new().await, Site::async_only().await] {
        let uri = format!("/?token={}", site.member_token().await);
        for (kind, expected) in
            [(SourceKind::Header, Ok(SourceKind::Header)), (SourceKind::Cookie, Err(Reason::CrossSite))]
        {
            let forged = Request::post(&uri).header("sec-fetch-site", "cross-site");
            assert_eq!(outcome(&authenticator(&site, kind), forged).await, expected, "{kind}");
        }
    }
}

#[tokio::test]
async fn text_that_another_source_gave_before_is_looked_up_once() {
    let site = Site::new().await;
    let authenticator = authenticator(&site, SourceKind::Header);
    let before = site.store.look_ups();
    let twice = Request::get("/?token=unknown").header("authorization", "Bearer unknown");
    assert_eq!(outcome(&authenticator, twice).await, Err(Reason::Invalid));
    assert_eq!(site.store.look_ups() - before, 1);
}
