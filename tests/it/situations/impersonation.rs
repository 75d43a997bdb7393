//! An administrator who becomes a user, and comes back.

use std::io;
use std::sync::{Arc, Mutex};

use time::Duration;
use tower_tokens::clock::{Clock, ManualClock, SystemClock};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{FaultyRepository, MemoryRepository, PageRequest, UserRepository};
use tower_tokens::respond::TokenCookie;
use tower_tokens::token::Token;

use super::visitor::Visitor;
use crate::http::Server;

#[path = "../../../examples/impersonation.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

const OWN: &str = "__Host-token";
const WAY_BACK: &str = "__Host-way-back";

/// Users 1 and 2 are administrators, 3 and 4 are members.
struct Site {
    server: Server,
    store: Arc<FaultyRepository<MemoryRepository>>,
    tokens: Tokens,
    clock: ManualClock,
}

impl Site {
    async fn start() -> Self {
        let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
        for level in ["admin", "member"] {
            store.create_level(level).await.unwrap();
            store.create_user(None, level).await.unwrap();
            store.create_user(None, level).await.unwrap();
        }
        let clock = ManualClock::at(SystemClock.now());
        let tokens = Tokens::new(Arc::clone(&store)).with_clock(clock.clone());
        let tokens = tokens.with_cookie(TokenCookie::builder(OWN).build().unwrap());
        let server = Server::start(program::app(store.clone(), tokens.clone()).unwrap()).await;
        Self { server, store, tokens, clock }
    }

    async fn logged_in(&self, user: i64) -> Visitor<'_> {
        let mut visitor = Visitor::new(&self.server);
        visitor.set_cookie(OWN, self.tokens.generate(user).await.unwrap().token().expose_secret());
        visitor
    }

    /// Administrator 1, who has become user 3.
    async fn impersonating(&self) -> Visitor<'_> {
        let mut admin = self.logged_in(1).await;
        let answer = admin.post("/become/3", "").await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        admin
    }

    async fn is_valid(&self, text: &str) -> bool {
        self.tokens.validate(&Token::parse(text).unwrap()).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn an_administrator_becomes_a_user_sees_a_banner_and_comes_back() {
    let site = Site::start().await;
    let mut admin = site.logged_in(1).await;
    let first = admin.cookie(OWN).unwrap().to_owned();
    assert_eq!(admin.get("/").await.body, "<p>user 1");
    assert_eq!(admin.post("/become/3", "").await.status, 303);
    let page = admin.get("/").await.body;
    assert!(page.starts_with("<form method=post action=/way-back>") && page.ends_with("<p>user 3"), "{page}");
    assert!(!site.is_valid(&first).await, "the text that was in the cookie of every page is dead");

    // Its user finds the token in their list of devices, and its code says who is behind it.
    let devices = site.tokens.list(&3.into(), PageRequest::first(10)).await.unwrap().items;
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0].code(), devices[0].name()), (Some("admin 1"), Some("support")));

    let (acting, kept) = (admin.cookie(OWN).unwrap().to_owned(), admin.cookie(WAY_BACK).unwrap().to_owned());
    let back = admin.post("/way-back", "").await;
    assert_eq!((back.status, back.header("location")), (303, Some("/")), "{back:?}");
    assert_eq!(admin.get("/").await.body, "<p>user 1");
    assert_eq!(admin.cookie(WAY_BACK), None);
    for old in [&first, &acting, &kept] {
        assert!(!site.is_valid(old).await);
    }
    assert_eq!(admin.post("/way-back", "").await.status, 401, "there is no way back any more");
}

#[tokio::test]
async fn an_administrator_becomes_no_administrator_and_a_member_becomes_no_user() {
    let site = Site::start().await;
    site.store.set_disabled(&4.into(), true).await.unwrap();
    for (target, status) in [("1", 403), ("2", 403), ("4", 403), ("99", 404), ("x", 400)] {
        let mut admin = site.logged_in(1).await;
        let answer = admin.post(&format!("/become/{target}"), "").await;
        assert_eq!((answer.status, answer.header("set-cookie")), (status, None), "{target}");
        assert_eq!(admin.get("/").await.body, "<p>user 1", "still logged in");
    }
    for mut visitor in [site.logged_in(3).await, site.impersonating().await] {
        let answer = visitor.post("/become/3", "").await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    }
    assert_eq!(Visitor::new(&site.server).post("/become/3", "").await.status, 401);
}

#[tokio::test]
async fn who_impersonates_does_not_do_what_only_the_user_may() {
    let site = Site::start().await;
    assert_eq!(site.logged_in(3).await.post("/password", "").await.status, 200);
    assert_eq!(site.impersonating().await.post("/password", "").await.status, 403);
    let devices = site.tokens.list(&3.into(), PageRequest::first(10)).await.unwrap().items;
    let support = devices.iter().find(|device| device.name().is_some()).unwrap();
    assert_eq!(support.authenticated_at().unix_seconds(), 0, "and no rule takes it for a recent login of the user");
}

#[tokio::test]
async fn the_kept_token_opens_no_page_and_logs_out_with_the_other_one() {
    let site = Site::start().await;
    let mut admin = site.impersonating().await;
    let (acting, kept) = (admin.cookie(OWN).unwrap().to_owned(), admin.cookie(WAY_BACK).unwrap().to_owned());
    let mut thief = Visitor::new(&site.server);
    thief.set_cookie(WAY_BACK, &kept);
    assert_eq!(thief.get("/").await.status, 401, "no page reads that cookie");

    assert_eq!(admin.post("/logout", "").await.status, 303);
    assert_eq!((admin.cookie(OWN), admin.cookie(WAY_BACK)), (None, None));
    assert!(!site.is_valid(&acting).await && !site.is_valid(&kept).await);
}

#[tokio::test]
async fn an_administrator_who_is_none_any_more_sees_nothing_as_another_user() {
    let site = Site::start().await;
    for change in ["level", "disabled", "deleted"] {
        let mut admin = site.impersonating().await;
        assert_eq!(admin.get("/").await.status, 200);
        match change {
            "level" => drop(site.store.change_level(&1.into(), "member").await.unwrap()),
            "disabled" => site.store.set_disabled(&1.into(), true).await.unwrap(),
            _ => assert!(site.store.delete_user(&1.into()).await.unwrap()),
        }
        assert_eq!(admin.get("/").await.status, 403, "{change}");
        if change != "deleted" {
            site.store.change_level(&1.into(), "admin").await.unwrap();
            site.store.set_disabled(&1.into(), false).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_impersonating_token_ends_after_half_an_hour_and_the_way_back_stays() {
    let site = Site::start().await;
    let mut admin = site.impersonating().await;
    site.clock.advance(Duration::minutes(30) - Duration::SECOND);
    assert_eq!(admin.get("/").await.status, 200);
    site.clock.advance(Duration::SECOND);
    assert_eq!(admin.get("/").await.status, 401, "nothing is done as the administrator by a page of the user");
    assert_eq!(admin.post("/way-back", "").await.status, 303);
    assert_eq!(admin.get("/").await.body, "<p>user 1");
}

#[tokio::test]
async fn another_site_sends_no_one_there_or_back() {
    let site = Site::start().await;
    assert_eq!(site.logged_in(1).await.post_from("cross-site", "/become/3", "").await.status, 403);
    let mut admin = site.impersonating().await;
    for path in ["/way-back", "/logout"] {
        assert_eq!(admin.post_from("cross-site", path, "").await.status, 403);
    }
    assert!(admin.get("/").await.body.ends_with("<p>user 3"));
}

#[tokio::test]
async fn an_outage_ends_nothing() {
    let site = Site::start().await;
    let mut admin = site.impersonating().await;
    site.store.fail();
    assert_eq!(admin.get("/").await.status, 503);
    assert_eq!(admin.post("/way-back", "").await.status, 503);
    site.store.heal();
    assert_eq!(admin.post("/way-back", "").await.status, 303);
    assert_eq!(admin.get("/").await.body, "<p>user 1");
}

#[tokio::test]
async fn the_log_says_who_became_whom_and_holds_no_token() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let site = Site::start().await;
    let mut admin = site.impersonating().await;
    let texts = [OWN, WAY_BACK].map(|name| admin.cookie(name).unwrap().to_owned());
    admin.post("/way-back", "").await;
    let log = log.text();
    assert!(log.contains("an administrator became a user admin=1 user=3"), "{log}");
    assert!(log.contains("an administrator came back admin=1"), "{log}");
    assert!(texts.iter().all(|text| !log.contains(text)));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
