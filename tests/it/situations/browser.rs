//! The page of a single-page application in Chromium, on another origin than its API.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, UserRepository};

use super::spa_cors::program::{Pages, app, cookie};
use crate::http::Server;

#[path = "../../members_area/chromium.rs"]
#[expect(clippy::expect_used, reason = "a test that has no browser has failed")]
mod chromium;

use chromium::Browser;

/// Calls the API from the page, as the page's own script would.
const CALL: &str = r#"
    const [url, method, body, done] = arguments;
    const headers = body ? { "Content-Type": "application/json" } : {};
    fetch(url, { method, headers, body, credentials: "include" }).then(
        async response => done({ status: response.status, body: await response.text(),
                                 challenge: response.headers.get("WWW-Authenticate") }),
        error => done({ error: error.name }),
    );"#;

const ANN: &str = r#"{"name":"ann","password":"ann's password"}"#;

/// A page with nothing on it. `localhost` is another site than `127.0.0.1`, and each port is another origin.
async fn page(host: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pages = Router::new().route("/", get(async || Html("<!doctype html><title>page</title>")));
    tokio::spawn(async move { axum::serve(listener, pages).await.unwrap() });
    format!("http://{host}:{port}")
}

async fn api(pages: Pages, origin: &str) -> Server {
    let users = MemoryRepository::new();
    users.create_level("member").await.unwrap();
    users.create_user(Some("ann".into()), "member").await.unwrap();
    let tokens = Tokens::new(users).with_cookie(cookie(pages).unwrap());
    Server::start(app(tokens, origin).unwrap()).await
}

async fn call(browser: &Browser, api: &Server, method: &str, path: &str, body: Option<&str>) -> Value {
    let url = format!("http://{}{path}", api.host());
    browser.client.execute_async(CALL, vec![json!(url), json!(method), json!(body)]).await.unwrap()
}

async fn log_in_and_out(browser: &Browser, api: &Server) {
    let stranger = call(browser, api, "GET", "/me", None).await;
    assert_eq!((&stranger["status"], &stranger["challenge"]), (&json!(401), &json!(r#"Bearer realm="members""#)));
    assert_eq!(call(browser, api, "POST", "/login", Some(ANN)).await["status"], 204);
    let me = call(browser, api, "GET", "/me", None).await;
    assert_eq!((&me["status"], me["body"].as_str().unwrap().contains("ann")), (&json!(200), true));
    assert_eq!(call(browser, api, "DELETE", "/me", None).await["status"], 204, "with a preflight");
    assert_eq!(call(browser, api, "GET", "/admin", None).await["status"], 403);
    assert_eq!(call(browser, api, "POST", "/logout", None).await["status"], 204);
    assert_eq!(call(browser, api, "GET", "/me", None).await["status"], 401);
}

/// Whether the cookies of third parties are blocked: Chromium's own default is no, and Debian's is yes.
fn third_party_cookies(are_blocked: bool) -> Value {
    let mode = i32::from(are_blocked); // 0: allowed, 1: blocked
    json!({ "profile.block_third_party_cookies": are_blocked, "profile.cookie_controls_mode": mode })
}

#[tokio::test]
async fn a_page_on_another_site_logs_in_with_its_cookie_and_a_page_elsewhere_reads_nothing() {
    let (own, evil) = (page("localhost").await, page("localhost").await);
    let api = api(Pages::OnAnotherSite, &own).await;
    let browser = Browser::with_preferences(third_party_cookies(false)).await;
    browser.client.goto(&own).await.unwrap();
    log_in_and_out(&browser, &api).await;
    assert_eq!(call(&browser, &api, "POST", "/login", Some(ANN)).await["status"], 204);

    browser.client.goto(&evil).await.unwrap();
    for (method, path) in [("GET", "/me"), ("DELETE", "/me"), ("POST", "/logout")] {
        assert_eq!(call(&browser, &api, method, path, None).await, json!({ "error": "TypeError" }), "{method} {path}");
    }
    browser.client.goto(&own).await.unwrap();
    assert_eq!(call(&browser, &api, "GET", "/me", None).await["status"], 200, "still logged in");
}

#[tokio::test]
async fn a_browser_that_blocks_the_cookies_of_third_parties_keeps_none_of_another_site() {
    let own = page("localhost").await;
    let api = api(Pages::OnAnotherSite, &own).await;
    let browser = Browser::with_preferences(third_party_cookies(true)).await;
    browser.client.goto(&own).await.unwrap();
    assert_eq!(call(&browser, &api, "POST", "/login", Some(ANN)).await["status"], 204);
    assert_eq!(call(&browser, &api, "GET", "/me", None).await["status"], 401);
}

#[tokio::test]
async fn a_page_on_the_same_site_needs_no_weaker_cookie_and_one_on_another_site_does() {
    let (near, far) = (page("127.0.0.1").await, page("localhost").await);
    let browser = Browser::start().await; // whatever it does with the cookies of third parties
    let api_of_near = api(Pages::OnTheSameSite, &near).await;
    browser.client.goto(&near).await.unwrap();
    log_in_and_out(&browser, &api_of_near).await;

    let browser = Browser::with_preferences(third_party_cookies(false)).await;
    let api_of_far = api(Pages::OnTheSameSite, &far).await;
    browser.client.goto(&far).await.unwrap();
    assert_eq!(call(&browser, &api_of_far, "POST", "/login", Some(ANN)).await["status"], 204);
    assert_eq!(call(&browser, &api_of_far, "GET", "/me", None).await["status"], 401, "the cookie does not come along");
}
