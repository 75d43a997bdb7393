//! A visitor with the cookies of two users is not locked out.

use crate::server::{COOKIE, PASSWORD, Server};
use crate::visitor::Visitor;

/// The `Cookie` header of somebody whose browser holds the logins of two users.
async fn both(server: &Server) -> String {
    let (ann, bob) = (server.member("ann").await, server.member("bob").await);
    format!("{COOKIE}={}; {COOKIE}={}", ann.token().unwrap(), bob.token().unwrap())
}

async fn get(visitor: &mut Visitor, path: &str, cookies: &str) -> u16 {
    visitor.get_with(path, &[("accept", "text/html"), ("cookie", cookies)]).await.status
}

#[tokio::test]
async fn every_public_page_opens_for_a_visitor_with_two_cookies() {
    let server = Server::start().await;
    let cookies = both(&server).await;
    let mut visitor = server.visitor();
    for path in ["/", "/login", "/register", "/forgot"] {
        assert_eq!(get(&mut visitor, path, &cookies).await, 200, "{path}");
    }
    assert_eq!(get(&mut visitor, "/reset?token=x", &cookies).await, 410);
    let page = visitor.get_with("/members", &[("accept", "text/html"), ("cookie", &cookies)]).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("Log in again: that ends both."), "{}", page.body);
}

#[tokio::test]
async fn a_log_out_ends_both_logins() {
    let server = Server::start().await;
    let cookies = both(&server).await;
    let mut visitor = server.visitor();
    let headers = [("sec-fetch-site", "same-origin"), ("cookie", cookies.as_str())];
    let answer = visitor.post_with("/logout", &[], &headers).await;
    assert_eq!((answer.status, answer.location()), (303, "/login?notice=logged-out"));
    assert_eq!(answer.cookie().unwrap().value(), "");
    assert_eq!(get(&mut visitor, "/members", &cookies).await, 303, "a stale cookie leads to the login page");
    for cookie in cookies.split("; ") {
        assert_eq!(get(&mut visitor, "/members", cookie).await, 303);
    }
}

#[tokio::test]
async fn a_login_ends_both_and_works_beside_a_cookie_that_stays() {
    let server = Server::start().await;
    let cookies = both(&server).await;
    let mut visitor = server.visitor();
    let headers = [("sec-fetch-site", "same-origin"), ("cookie", cookies.as_str())];
    let answer = visitor.post_with("/login", &[("username", "bob"), ("password", PASSWORD)], &headers).await;
    assert_eq!((answer.status, answer.location()), (303, "/members"));
    let new = answer.cookie().unwrap();
    // The cookie of another path goes first, and is not replaced by the new one.
    let beside = format!("{cookies}; {COOKIE}={}", new.value());
    assert_eq!(get(&mut visitor, "/members", &beside).await, 200);
}

#[tokio::test]
async fn a_wrong_password_ends_nothing() {
    let server = Server::start().await;
    let ann = server.member("ann").await;
    let cookie = format!("{COOKIE}={}", ann.token().unwrap());
    let mut visitor = server.visitor();
    let headers = [("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str())];
    assert_eq!(visitor.post_with("/login", &[("username", "ann"), ("password", "guess")], &headers).await.status, 401);
    assert_eq!(get(&mut visitor, "/members", &cookie).await, 200);
}
