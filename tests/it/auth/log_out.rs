//! A log-out ends what the request presents, whatever that is, and so is the way out of every refusal.

use axum::Router;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Redirect;
use axum::routing::{get, post};
use http::StatusCode;
use tower_tokens::auth::{Authenticator, LoggedOut};
use tower_tokens::request::RequestHead;
use tower_tokens::respond::Refusal;
use tower_tokens::user::{Reason, UserId};

use crate::http::Server;
use crate::site::{Site, plant, sessions, who};

async fn log_out(State(authenticator): State<Authenticator>, parts: Parts) -> Result<(LoggedOut, Redirect), Refusal> {
    Ok((authenticator.log_out(RequestHead::of_parts(&parts)).await?, Redirect::to("/")))
}

/// The guarded site, and a log-out.
async fn start(site: &Site) -> Server {
    let log_out = Router::new().route("/logout", post(log_out)).with_state(site.layer().authenticator());
    Server::start(log_out.merge(site.guarded())).await
}

async fn cookies(site: &Site, users: impl IntoIterator<Item = &UserId>) -> String {
    let mut cookies = Vec::new();
    for user in users {
        cookies.push(format!("trongatetoken={}", site.token_of(user).await));
    }
    cookies.join("; ")
}

#[tokio::test]
async fn a_visitor_with_the_cookies_of_two_users_gets_out_and_in_again() {
    for site in [Site::new().await, Site::async_only().await] {
        let server = start(&site).await;
        let both = cookies(&site, [&site.member, &site.admin]).await;
        let ambiguous = server.get("/members", &[("cookie", &both)]).await;
        assert_eq!(ambiguous.status, StatusCode::BAD_REQUEST);

        let logged_out = server.send("POST", "/logout", &[("cookie", &both)]).await;
        assert_eq!(logged_out.status, StatusCode::SEE_OTHER);
        assert_eq!(logged_out.cookie("trongatetoken"), Some(""), "the browser forgets the cookie");
        // A cookie of another path or of the parent's domain stays, and contradicts nothing any more.
        let stale = server.get("/members", &[("cookie", &both)]).await;
        assert_eq!(stale.status, StatusCode::UNAUTHORIZED);
        let again = format!("{both}; {}", cookies(&site, [&site.member]).await);
        assert_eq!(server.get("/members", &[("cookie", &again)]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn more_planted_cookies_than_are_looked_up_are_ended_too() {
    let site = Site::new().await;
    let server = start(&site).await;
    let planted = cookies(&site, std::iter::repeat_n(&site.admin, 60)).await;
    let all = format!("{planted}; {}", cookies(&site, [&site.member]).await);
    assert_eq!(server.get("/members", &[("cookie", &all)]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.send("POST", "/logout", &[("cookie", &all)]).await.status, StatusCode::SEE_OTHER);
    for cookie in all.split("; ") {
        assert_eq!(server.get("/members", &[("cookie", cookie)]).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_token_in_a_session_is_ended_and_taken_out() {
    let site = Site::new().await;
    let app = Router::new().route("/", get(who)).route("/plant", get(plant)).layer(site.layer());
    let app = app.route("/logout", post(log_out)).layer(sessions()).with_state(site.layer().authenticator());
    let server = Server::start(app).await;
    let token = site.member_token().await;
    let planted = server.get(&format!("/plant?token={token}"), &[]).await;
    let session = format!("id={}", planted.cookie("id").unwrap());
    assert_eq!(server.get("/", &[("cookie", &session)]).await.body, "member via session");
    assert_eq!(server.send("POST", "/logout", &[("cookie", &session)]).await.status, StatusCode::SEE_OTHER);
    let bearer = format!("Bearer {token}");
    assert_eq!(server.get("/", &[("authorization", &bearer)]).await.body, Reason::Invalid.to_string());
    assert_eq!(server.get("/", &[("cookie", &session)]).await.body, Reason::NoCredential.to_string());
}

#[tokio::test]
async fn another_site_cannot_log_a_visitor_out() {
    let site = Site::new().await;
    let server = start(&site).await;
    let cookie = cookies(&site, [&site.member]).await;
    let bearer = format!("Bearer {}", site.member_token().await);
    let forged = [("cookie", cookie.as_str()), ("authorization", &bearer), ("sec-fetch-site", "cross-site")];
    let answer = server.send("POST", "/logout", &forged).await;
    assert_eq!(answer.cookie("trongatetoken"), None);
    assert_eq!(server.get("/members", &[("cookie", &cookie)]).await.status, StatusCode::OK);
    // The header was put there on purpose.
    assert_eq!(server.get("/members", &[("authorization", &bearer)]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_outage_logs_no_visitor_out() {
    let site = Site::new().await;
    let server = start(&site).await;
    let cookie = cookies(&site, [&site.member]).await;
    site.store.fail();
    let answer = server.send("POST", "/logout", &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.cookie("trongatetoken"), None);
    site.store.heal();
    assert_eq!(server.get("/members", &[("cookie", &cookie)]).await.status, StatusCode::OK);
}
