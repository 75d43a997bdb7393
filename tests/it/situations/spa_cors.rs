//! A single-page application on another origin, by requests as browsers send them.

use std::sync::Arc;

use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};

use crate::http::{Answer, Server};

#[path = "../../../examples/spa_cors.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
pub(super) mod program;

use program::Pages;

const ORIGIN: &str = "https://app.example.org";
const ANN: &str = r#"{"name":"ann","password":"ann's password"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");

/// What a browser adds to a request of the application's page, which is on another site.
const PAGE: [(&str, &str); 3] = [("origin", ORIGIN), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")];

type Store = Arc<FaultyRepository<MemoryRepository>>;

async fn start(pages: Pages) -> (Server, Store) {
    let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
    store.create_level("member").await.unwrap();
    store.create_user(Some("ann".into()), "member").await.unwrap();
    let tokens = Tokens::new(Arc::clone(&store)).with_cookie(program::cookie(pages).unwrap());
    (Server::start(program::app(tokens, ORIGIN).unwrap()).await, store)
}

async fn log_in(server: &Server) -> (Answer, String) {
    let answer = server.send_with_body("POST", "/login", &[&PAGE[..], &[JSON]].concat(), ANN).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let cookie = format!("__Host-token={}", answer.cookie("__Host-token").unwrap());
    (answer, cookie)
}

/// A browser shows the answer to the page only with these two headers.
fn is_shown_to_the_page(answer: &Answer) -> bool {
    answer.header("access-control-allow-origin") == Some(ORIGIN)
        && answer.header("access-control-allow-credentials") == Some("true")
}

#[tokio::test]
async fn a_preflight_needs_no_login_and_reaches_no_route() {
    let (server, store) = start(Pages::OnAnotherSite).await;
    store.fail();
    for (path, method) in [("/me", "GET"), ("/me", "DELETE"), ("/login", "POST"), ("/admin", "GET")] {
        let headers = [&PAGE[..], &[("access-control-request-method", method)]].concat();
        let headers = [&headers[..], &[("access-control-request-headers", "content-type")]].concat();
        let answer = server.send("OPTIONS", path, &headers).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(is_shown_to_the_page(&answer), "{answer:?}");
        assert!(answer.header("access-control-allow-methods").unwrap().contains(method));
        assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
    }
}

#[tokio::test]
async fn the_page_logs_in_reads_changes_and_logs_out() {
    let (server, _) = start(Pages::OnAnotherSite).await;
    let (answer, cookie) = log_in(&server).await;
    assert!(is_shown_to_the_page(&answer));
    let set_cookie = answer.all("set-cookie").pop().unwrap();
    for attribute in ["HttpOnly", "Secure", "SameSite=None", "Path=/"] {
        assert!(set_cookie.contains(attribute), "{set_cookie}");
    }
    let headers = [&PAGE[..], &[("cookie", &cookie)]].concat();
    let me = server.get("/me", &headers).await;
    assert_eq!((me.status, me.body.as_str()), (200, r#"{"id":"ann","level":"member"}"#));
    assert!(is_shown_to_the_page(&me));
    assert_eq!(server.send("DELETE", "/me", &headers).await.status, 204, "a trusted origin may change something");
    let logged_out = server.send("POST", "/logout", &headers).await;
    assert_eq!((logged_out.status, logged_out.cookie("__Host-token")), (204, Some("")));
    assert_eq!(server.get("/me", &headers).await.status, 401);
}

#[tokio::test]
async fn the_page_can_read_every_refusal() {
    let (server, store) = start(Pages::OnAnotherSite).await;
    let stranger = server.get("/me", &PAGE).await;
    let (_, cookie) = log_in(&server).await;
    let headers = [&PAGE[..], &[("cookie", &cookie)]].concat();
    let denied = server.get("/admin", &headers).await;
    let wrong = r#"{"name":"ann","password":"wrong"}"#;
    let wrong = server.send_with_body("POST", "/login", &[&PAGE[..], &[JSON]].concat(), wrong).await;
    store.fail();
    let unavailable = server.get("/me", &headers).await;
    for (answer, status) in [(stranger, 401), (denied, 403), (wrong, 401), (unavailable, 503)] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(is_shown_to_the_page(&answer), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("access-control-expose-headers"), Some("www-authenticate,retry-after"));
    }
}

#[tokio::test]
async fn a_page_of_any_other_origin_changes_nothing_and_reads_nothing() {
    let (server, _) = start(Pages::OnAnotherSite).await;
    let (_, cookie) = log_in(&server).await;
    for evil in ["https://evil.example", "https://app.example.org.evil.example", "http://app.example.org", "null"] {
        let page = [("origin", evil), ("sec-fetch-site", "cross-site"), ("cookie", &cookie)];
        for (method, path) in [("DELETE", "/me"), ("POST", "/logout")] {
            let answer = server.send(method, path, &page).await;
            assert_eq!(answer.status, 403, "{evil} {path}");
            assert_ne!(answer.header("access-control-allow-origin"), Some(evil));
        }
        let forged = server.send_with_body("POST", "/login", &[&page[..2], &[JSON]].concat(), ANN).await;
        assert_eq!((forged.status, forged.cookie("__Host-token")), (403, None), "a forged login");
        let read = server.get("/me", &page).await;
        assert_ne!(read.header("access-control-allow-origin"), Some(evil), "the browser keeps it from the page");
    }
    let own = [&PAGE[..], &[("cookie", &cookie)]].concat();
    assert_eq!(server.get("/me", &own).await.status, 200, "still logged in");
}

#[tokio::test]
async fn pages_on_the_same_site_keep_the_stricter_cookie() {
    let (server, _) = start(Pages::OnTheSameSite).await;
    let page = [("origin", ORIGIN), ("sec-fetch-site", "same-site")];
    let answer = server.send_with_body("POST", "/login", &[&page[..], &[JSON]].concat(), ANN).await;
    assert!(answer.all("set-cookie").pop().unwrap().contains("SameSite=Lax"));
    let cookie = format!("__Host-token={}", answer.cookie("__Host-token").unwrap());
    let headers = [&page[..], &[("cookie", &cookie)]].concat();
    assert_eq!(server.send("DELETE", "/me", &headers).await.status, 204);
    let neighbour = [("origin", "https://blog.example.org"), ("sec-fetch-site", "same-site"), ("cookie", &cookie)];
    assert_eq!(server.send("DELETE", "/me", &neighbour).await.status, 403, "another subdomain is not trusted");
}

#[test]
fn what_is_not_an_origin_is_refused_at_start_up() {
    for bad in ["*", "https://app.example.org/", "app.example.org", "null"] {
        assert!(program::app(Tokens::new(MemoryRepository::new()), bad).is_err(), "{bad}");
    }
}
