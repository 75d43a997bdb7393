//! A log-in by a link in a letter.

use std::sync::Arc;

use tempfile::TempDir;
use time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower_tokens::clock::{Clock, ManualClock, SystemClock};
use tower_tokens::repository::{SqliteRepository, UserRepository};
use tower_tokens::sealed::{Key, KeyRing, Sealer};

use super::visitor::Visitor;
use crate::http::Server;

#[path = "../../../examples/magic_link.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

const ANN: &str = "email=ann%40example.org";

struct Site {
    server: Server,
    users: SqliteRepository,
    keys: KeyRing,
    clock: ManualClock,
    letters: UnboundedReceiver<(String, String)>,
    _directory: TempDir,
}

impl Site {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let users = SqliteRepository::open(directory.path().join("site.db")).await.unwrap();
        let keys = KeyRing::new(Key::generate("1").unwrap());
        let clock = ManualClock::at(SystemClock.now());
        let links = Sealer::new(keys.clone(), "log-in link").unwrap().with_clock(clock.clone());
        let (sender, letters) = unbounded_channel();
        let send = move |to: &str, path: &str| sender.send((to.to_owned(), path.to_owned())).unwrap();
        let app = program::app(users.clone(), links, Arc::new(send)).await.unwrap();
        Self { server: Server::start(app).await, users, keys, clock, letters, _directory: directory }
    }

    /// The token in the letter that this form causes.
    async fn ask(&mut self, form: &str) -> String {
        let answer = Visitor::new(&self.server).post("/login", form).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "An e-mail is on its way."));
        let (to, path) = self.letters.recv().await.unwrap();
        assert_eq!(to, "ann@example.org");
        path.strip_prefix("/link?token=").unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_link_shows_a_button_and_the_button_logs_in_once() {
    let mut site = Site::start().await;
    let token = site.ask(ANN).await;
    let (page, form) = (format!("/link?token={token}"), format!("token={token}"));
    // A program that checks mail opens the link, and opens it again.
    for _ in 0..3 {
        let shown = Visitor::new(&site.server).get(&page).await;
        assert_eq!((shown.status, shown.header("set-cookie")), (200, None));
        assert!(shown.body.contains(&format!("name=token value={token}>Log in as ann@example.org")), "{}", shown.body);
        assert_eq!(shown.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(shown.header("cache-control"), Some("no-store"));
    }
    let mut ann = Visitor::new(&site.server);
    assert_eq!(ann.get("/members").await.header("location"), Some("/login?next=%2Fmembers"));
    let answer = ann.post("/link", &form).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/members")), "{answer:?}");
    assert_eq!(ann.get("/members").await.body, "Hello, user 1!");
    for dead in [Visitor::new(&site.server).post("/link", &form).await, Visitor::new(&site.server).get(&page).await] {
        assert_eq!((dead.status, dead.header("set-cookie")), (401, None), "{dead:?}");
        assert_eq!(dead.header("content-type"), Some("text/html; charset=utf-8"));
    }
}

#[tokio::test]
async fn a_second_log_in_finds_the_account_that_the_first_one_made() {
    let mut site = Site::start().await;
    let exists = async |site: &Site| site.users.user(&1.into()).await.unwrap().is_some();
    for form in [ANN, "email=+Ann%40Example.ORG"] {
        let token = site.ask(form).await;
        assert_eq!(exists(&site).await, form != ANN, "an address has an account when it is verified, not before");
        let mut ann = Visitor::new(&site.server);
        ann.post("/link", &format!("token={token}")).await;
        assert_eq!(ann.get("/members").await.body, "Hello, user 1!");
    }
}

#[tokio::test]
async fn the_answer_is_the_same_for_an_address_with_and_without_an_account() {
    let mut site = Site::start().await;
    let without = Visitor::new(&site.server).post("/login", ANN).await;
    let (_, path) = site.letters.recv().await.unwrap();
    Visitor::new(&site.server).post("/link", path.strip_prefix("/link?").unwrap()).await;
    assert!(site.users.user(&1.into()).await.unwrap().is_some());
    let with = Visitor::new(&site.server).post("/login", ANN).await;
    for name in ["content-type", "content-length", "set-cookie", "cache-control"] {
        assert_eq!(without.header(name), with.header(name), "{name}");
    }
    assert_eq!((without.status, without.body), (with.status, with.body));
}

#[tokio::test]
async fn of_many_clicks_at_once_one_logs_in() {
    let mut site = Site::start().await;
    let form = format!("token={}", site.ask(ANN).await);
    let click = async || Visitor::new(&site.server).post("/link", &form).await.status;
    let (a, b, c, d) = tokio::join!(click(), click(), click(), click());
    let mut statuses = [a, b, c, d];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 303);
    assert!(statuses[1..].iter().all(|status| matches!(status, 401 | 410)), "{statuses:?}");
}

#[tokio::test]
async fn a_log_in_ends_the_links_that_were_sent_before() {
    let mut site = Site::start().await;
    let first = site.ask(ANN).await;
    assert_eq!(Visitor::new(&site.server).post("/link", &format!("token={first}")).await.status, 303);
    let (old, new) = (site.ask(ANN).await, site.ask(ANN).await);
    assert_eq!(Visitor::new(&site.server).post("/link", &format!("token={new}")).await.status, 303);
    assert_eq!(Visitor::new(&site.server).post("/link", &format!("token={old}")).await.status, 401);

    // Who gets the address later does not get the account: a link belongs to one account.
    let link = site.ask(ANN).await;
    sqlx::query("UPDATE accounts SET id = 7").execute(site.users.pool()).await.unwrap();
    assert_eq!(Visitor::new(&site.server).post("/link", &format!("token={link}")).await.status, 401);
}

#[tokio::test]
async fn a_link_expires_after_a_quarter_of_an_hour() {
    let mut site = Site::start().await;
    let token = site.ask(ANN).await;
    site.clock.advance(Duration::minutes(15) - Duration::SECOND);
    assert_eq!(Visitor::new(&site.server).get(&format!("/link?token={token}")).await.status, 200);
    site.clock.advance(Duration::SECOND);
    let late = Visitor::new(&site.server).post("/link", &format!("token={token}")).await;
    assert_eq!((late.status, late.header("set-cookie")), (401, None));
}

#[tokio::test]
async fn what_is_no_link_of_this_site_logs_no_one_in() {
    let site = Site::start().await;
    let seal = |purpose| Sealer::new(site.keys.clone(), purpose).unwrap();
    let reset = seal("password reset").bound_to_state().seal("ann@example.org", Duration::HOUR, "None").unwrap();
    let unbound = seal("log-in link").seal("ann@example.org", Duration::HOUR).unwrap();
    for token in ["", "abc", reset.expose_secret(), unbound.expose_secret()] {
        let answer = Visitor::new(&site.server).post("/link", &format!("token={token}")).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{answer:?}");
    }
}

#[tokio::test]
async fn another_site_logs_no_visitor_in_with_its_own_link() {
    let mut site = Site::start().await;
    let token = site.ask(ANN).await;
    let mut victim = Visitor::new(&site.server);
    let forged = victim.post_from("cross-site", "/link", &format!("token={token}")).await;
    assert_eq!((forged.status, forged.header("set-cookie")), (403, None));
    assert_eq!(victim.post("/link", &format!("token={token}")).await.status, 303, "the link was not used up");
}

#[tokio::test]
async fn what_is_no_address_gets_no_letter() {
    let mut site = Site::start().await;
    // The Kelvin sign is a `k` in lower case, so that two addresses would be one account; a line break adds a header.
    for form in ["email=", "email=ann", "email=%E2%84%AAen%40example.org", "email=a%40b%0ABcc%3Ac%40d", "", "x=1"] {
        assert_eq!(Visitor::new(&site.server).post("/login", form).await.status, 400, "{form}");
    }
    assert!(site.letters.try_recv().is_err());
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_said_to_be_unavailable() {
    let mut site = Site::start().await;
    let token = site.ask(ANN).await;
    site.users.close().await;
    let answer = Visitor::new(&site.server).post("/link", &format!("token={token}")).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (503, None), "{answer:?}");
    assert_eq!(
        Visitor::new(&site.server).post("/login", ANN).await.status,
        200,
        "and who has an account stays unknown"
    );
}
