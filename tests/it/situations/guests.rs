//! Guests who become members on the same device.

use tempfile::TempDir;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{PageRequest, SqliteRepository, UserRepository};
use tower_tokens::token::Token;

use super::visitor::Visitor;
use crate::http::Server;

#[path = "../../../examples/guests.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

const TOKEN: &str = "__Host-token";
const ANN: &str = "name=ann&password=correct+horse";
const BOB: &str = "name=bob&password=correct+horse";

struct Site {
    server: Server,
    users: SqliteRepository,
    _directory: TempDir,
}

impl Site {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let users = SqliteRepository::open(directory.path().join("site.db")).await.unwrap();
        let server = Server::start(program::app(users.clone()).await.unwrap()).await;
        Self { server, users, _directory: directory }
    }

    fn visitor(&self) -> Visitor<'_> {
        Visitor::new(&self.server)
    }

    async fn is_valid(&self, text: &str) -> bool {
        Tokens::new(self.users.clone()).validate(&Token::parse(text).unwrap()).await.unwrap().is_some()
    }

    /// The levels of all users, by id.
    async fn levels(&self) -> Vec<String> {
        let users = self.users.users(PageRequest::first(100)).await.unwrap().items;
        users.iter().map(|user| user.level.title().to_owned()).collect()
    }
}

async fn cart(visitor: &mut Visitor<'_>) -> String {
    let answer = visitor.get("/cart").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

async fn add(visitor: &mut Visitor<'_>, items: &[&str]) {
    for item in items {
        assert_eq!(visitor.post("/cart", item).await.status, 303);
    }
}

async fn enter(visitor: &mut Visitor<'_>, path: &str, form: &str) {
    let answer = visitor.post(path, form).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/cart")), "{answer:?}");
}

#[tokio::test]
async fn a_guest_who_registers_keeps_the_cart_and_gets_another_token() {
    let site = Site::start().await;
    let mut ann = site.visitor();
    add(&mut ann, &["tea", "tea", "milk"]).await;
    assert_eq!(cart(&mut ann).await, "1 milk, 2 tea");
    assert_eq!((site.levels().await, ann.get("/orders").await.status), (vec!["guest".to_owned()], 403));
    let guest = ann.cookie(TOKEN).unwrap().to_owned();

    enter(&mut ann, "/register", ANN).await;
    assert_eq!(cart(&mut ann).await, "1 milk, 2 tea");
    assert_eq!(ann.get("/orders").await.body, "orders of user 2");
    assert_eq!(site.levels().await, ["member"], "the guest is deleted");
    assert_ne!(ann.cookie(TOKEN), Some(guest.as_str()));
    assert!(!site.is_valid(&guest).await);
}

#[tokio::test]
async fn a_guest_who_logs_in_adds_to_the_cart_that_the_member_has() {
    let site = Site::start().await;
    let mut computer = site.visitor();
    enter(&mut computer, "/register", ANN).await;
    add(&mut computer, &["tea"]).await;
    let mut phone = site.visitor();
    add(&mut phone, &["tea", "tea", "milk"]).await;
    enter(&mut phone, "/login", ANN).await;
    assert_eq!(cart(&mut phone).await, "1 milk, 3 tea");
    assert_eq!(cart(&mut computer).await, "1 milk, 3 tea", "and both devices are logged in");
    assert_eq!(site.levels().await, ["member"]);
}

#[tokio::test]
async fn what_another_member_has_stays_theirs() {
    let site = Site::start().await;
    enter(&mut site.visitor(), "/register", BOB).await;
    let mut shared = site.visitor();
    enter(&mut shared, "/register", ANN).await;
    add(&mut shared, &["tea"]).await;
    let ann = shared.cookie(TOKEN).unwrap().to_owned();
    enter(&mut shared, "/login", BOB).await;
    assert_eq!(cart(&mut shared).await, "");
    assert!(!site.is_valid(&ann).await, "and ann is logged out on this device");
    let mut ann = site.visitor();
    enter(&mut ann, "/login", ANN).await;
    assert_eq!(cart(&mut ann).await, "1 tea");
}

#[tokio::test]
async fn who_plants_the_cookie_of_a_guest_gets_nothing_of_the_member() {
    let site = Site::start().await;
    let mut mallory = site.visitor();
    add(&mut mallory, &["spam"]).await;
    let mut victim = site.visitor();
    victim.set_cookie(TOKEN, mallory.cookie(TOKEN).unwrap());
    enter(&mut victim, "/register", ANN).await;
    add(&mut victim, &["tea"]).await;
    assert_eq!(mallory.get("/orders").await.status, 401);
    assert_eq!(cart(&mut mallory).await, "", "a stranger again");
    assert_eq!(cart(&mut victim).await, "1 spam, 1 tea");
}

#[tokio::test]
async fn a_log_in_that_fails_leaves_the_guest_as_they_are() {
    let site = Site::start().await;
    enter(&mut site.visitor(), "/register", ANN).await;
    let mut guest = site.visitor();
    add(&mut guest, &["tea"]).await;
    for (path, form, status) in [
        ("/login", "name=ann&password=wrong+horse", 401),
        ("/login", "name=nemo&password=wrong+horse", 401),
        ("/register", ANN, 409),
        ("/register", "name=eve&password=short", 400),
    ] {
        assert_eq!(guest.post(path, form).await.status, status, "{path} {form}");
        assert_eq!(cart(&mut guest).await, "1 tea");
    }
    assert_eq!(site.levels().await, ["member", "guest"]);
}

#[tokio::test]
async fn a_visit_makes_no_guest() {
    let site = Site::start().await;
    let mut robot = site.visitor();
    assert_eq!(cart(&mut robot).await, "");
    robot.get("/orders").await;
    assert_eq!(robot.post("/cart", "").await.status, 400);
    assert_eq!(robot.post_from("cross-site", "/cart", "tea").await.status, 403);
    assert!(site.levels().await.is_empty() && robot.cookie(TOKEN).is_none());
}

#[tokio::test]
async fn log_ins_at_once_add_the_cart_once() {
    let site = Site::start().await;
    enter(&mut site.visitor(), "/register", ANN).await;
    for round in 1..=5 {
        let mut guest = site.visitor();
        add(&mut guest, &["tea"]).await;
        let log_in = async || guest.clone().post("/login", ANN).await.status;
        tokio::join!(log_in(), log_in(), log_in(), log_in());
        let mut ann = site.visitor();
        enter(&mut ann, "/login", ANN).await;
        assert_eq!(cart(&mut ann).await, format!("{round} tea"));
        assert_eq!(site.levels().await, ["member"]);
    }
}

#[tokio::test]
async fn the_statement_of_the_page_finds_guests_without_a_token() {
    let page = include_str!("../../../src/guide/situations/guests.md");
    let statement = page.split('`').find(|part| part.starts_with("SELECT u.id")).unwrap();
    let site = Site::start().await;
    for _ in 0..3 {
        add(&mut site.visitor(), &["tea"]).await;
    }
    enter(&mut site.visitor(), "/register", ANN).await;
    for id in [2, 4] {
        Tokens::new(site.users.clone()).destroy_all(&id.into()).await.unwrap();
    }
    let found: Vec<i64> = sqlx::query_scalar(statement).fetch_all(site.users.pool()).await.unwrap();
    assert_eq!(found, [2], "not the guests with a token, and not the member");
}

#[tokio::test]
async fn an_outage_loses_no_cart() {
    let site = Site::start().await;
    enter(&mut site.visitor(), "/register", ANN).await;
    let mut guest = site.visitor();
    add(&mut guest, &["tea"]).await;
    sqlx::raw_sql("ALTER TABLE carts RENAME TO away").execute(site.users.pool()).await.unwrap();
    assert_eq!(guest.post("/login", ANN).await.status, 503);
    sqlx::raw_sql("ALTER TABLE away RENAME TO carts").execute(site.users.pool()).await.unwrap();
    assert_eq!(cart(&mut guest).await, "1 tea");
    enter(&mut guest, "/login", ANN).await;
    assert_eq!(cart(&mut guest).await, "1 tea");
}
