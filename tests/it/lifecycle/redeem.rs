//! A token that works once, also when many redeem it at once, and in an address.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{SqliteRepository, UserRepository};
use tower_tokens::source::{QueryToken, QueryTokenLayer};
use tower_tokens::token::{ApiTokenFormat, Token};

use crate::http::Server;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_that_redeem_one_token_exactly_one_gets_the_user() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let in_file = Tokens::new(store).with_api_tokens(ApiTokenFormat::new("acme").unwrap());
    let site = Site::new().await;
    let in_memory = site.tokens.clone().with_api_tokens(ApiTokenFormat::new("acme").unwrap());
    for (tokens, user) in [(in_file, user), (in_memory, site.member.clone())] {
        for is_api in [false, true] {
            let token = tokens.generate(&user);
            let token = if is_api { token.api_token() } else { token }.await.unwrap().token().clone();
            let (start, mut racers) = (Arc::new(Barrier::new(20)), JoinSet::new());
            for _ in 0..20 {
                let (start, tokens, token): (_, Tokens, Token) = (Arc::clone(&start), tokens.clone(), token.clone());
                racers.spawn(async move {
                    start.wait().await;
                    tokens.redeem(&token).await.unwrap().is_some()
                });
            }
            assert_eq!(racers.join_all().await.into_iter().filter(|won| *won).count(), 1, "api: {is_api}");
        }
    }
}

async fn open_link(State(tokens): State<Tokens>, head: Parts) -> Response {
    let Some(token) = QueryToken::from_extensions(&head.extensions) else { return "no token".into_response() };
    match tokens.redeem(token).await.unwrap() {
        Some(user) => {
            let login = tokens.generate(user.id()).await.unwrap();
            (login.session_cookie(), Redirect::to(&head.uri.to_string())).into_response()
        }
        None => "over".into_response(),
    }
}

#[tokio::test]
async fn a_link_works_once_and_its_token_leaves_the_address() {
    let site = Site::new().await;
    let app = Router::new()
        .route("/link", get(open_link))
        .route("/other", get(async |head: Parts| head.uri.to_string()))
        .with_state(site.tokens.clone())
        .layer(QueryTokenLayer::new("/link", "token"));
    let server = Server::start(app).await;
    let token = site.member_token().await;
    let answer = server.get(&format!("/link?page=2&token={token}"), &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/link?page=2")));
    assert!(answer.cookie("trongatetoken").is_some_and(|login| login != token));
    assert_eq!(server.get(&format!("/link?token={token}"), &[]).await.body, "over");
    assert_eq!(server.get("/link", &[]).await.body, "no token");
    let path = format!("/other?token={token}");
    assert_eq!(server.get(&path, &[]).await.body, path, "no other route is touched");
}
