//! The port of axum-login's example `sqlite`, by requests as browsers send them.

use argon2::{Argon2, PasswordHasher};
use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqlitePool};
use tempfile::TempDir;
use time::Duration;
use tower_tokens::clock::{Clock, ManualClock, SystemClock};
use tower_tokens::repository::SqliteRepository;

use crate::http::{Answer, Server};

#[path = "../../examples/coming_from_axum_login.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

const PAGE: &str = include_str!("../../src/guide/coming_from_axum_login.md");
const INDEX: &str = include_str!("../../src/guide/mod.rs");

const FERRIS: &str = "username=ferris&password=hunter42";

/// Something that a browser sends with a form of this site.
const OWN_FORM: [(&str, &str); 3] =
    [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];

struct Site {
    server: Server,
    database: SqlitePool,
    clock: ManualClock,
    _directory: TempDir,
}

impl Site {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let repository = SqliteRepository::open(directory.path().join("example.db")).await.unwrap();
        let (database, tokens) = program::open(repository).await.unwrap();
        let clock = ManualClock::at(SystemClock.now());
        let server = Server::start(program::app(database.clone(), tokens.with_clock(clock.clone()))).await;
        let site = Self { server, database, clock, _directory: directory };
        let hash = Argon2::default().hash_password(b"hunter42").unwrap().to_string();
        site.run(sqlx::query("INSERT INTO users (username, password) VALUES ('ferris', ?)").bind(hash)).await;
        site
    }

    async fn run(&self, statement: Query<'_, Sqlite, SqliteArguments>) {
        assert_eq!(statement.execute(&self.database).await.unwrap().rows_affected(), 1);
    }

    async fn page(&self, path: &str, cookie: &str) -> Answer {
        self.server.get(path, &[("accept", "text/html"), ("cookie", cookie)]).await
    }

    async fn post(&self, path: &str, cookie: &str, form: &str) -> Answer {
        self.server.send_with_body("POST", path, &[&OWN_FORM[..], &[("cookie", cookie)]].concat(), form).await
    }

    async fn log_in(&self) -> String {
        let answer = self.post("/login", "", FERRIS).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        format!("__Host-token={}", answer.cookie("__Host-token").unwrap())
    }
}

#[tokio::test]
async fn ferris_is_sent_to_the_login_page_logs_in_sees_the_page_and_logs_out() {
    let site = Site::start().await;
    let refused = site.page("/?page=2", "").await;
    assert_eq!((refused.status, refused.header("location")), (303, Some("/login?next=%2F%3Fpage%3D2")));
    let form = site.page("/login?next=%2F%3Fpage%3D2", "").await;
    assert!(form.body.contains("<input name=next type=hidden value=\"/?page=2\">"), "{}", form.body);

    let answer = site.post("/login", "", &format!("{FERRIS}&next=%2F%3Fpage%3D2")).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/?page=2")));
    let set_cookie = answer.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Max-Age="] {
        assert!(set_cookie.contains(attribute), "{set_cookie}");
    }
    let cookie = format!("__Host-token={}", answer.cookie("__Host-token").unwrap());
    let page = site.page("/?page=2", &cookie).await;
    assert!(page.status == 200 && page.body.contains("Logged in as ferris."), "{page:?}");

    let logged_out = site.post("/logout", &cookie, "").await;
    assert_eq!((logged_out.status, logged_out.header("location")), (303, Some("/login")));
    assert_eq!(logged_out.cookie("__Host-token"), Some(""));
    assert_eq!(site.page("/", &cookie).await.status, 303, "the token has ended, not only the cookie");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_form_again_with_next() {
    let site = Site::start().await;
    for wrong in ["username=ferris&password=hunter43", "username=gopher&password=hunter42"] {
        let answer = site.post("/login", "", &format!("{wrong}&next=%2F%3F%22%3E")).await;
        assert_eq!((answer.status, answer.cookie("__Host-token")), (422, None));
        assert!(answer.body.contains("Invalid credentials"), "{}", answer.body);
        assert!(!answer.body.contains("?\">"), "the address is text: {}", answer.body);
    }
}

#[tokio::test]
async fn no_other_site_logs_ferris_in_or_out_or_receives_ferris_after_the_login() {
    let site = Site::start().await;
    let cookie = site.log_in().await;
    let cross_site = [&OWN_FORM[..2], &[("sec-fetch-site", "cross-site"), ("cookie", &cookie)]].concat();
    for (path, form) in [("/logout", ""), ("/login", FERRIS)] {
        let answer = site.server.send_with_body("POST", path, &cross_site, form).await;
        assert_eq!((answer.status, answer.cookie("__Host-token")), (403, None), "{path}");
    }
    assert_eq!(site.page("/", &cookie).await.status, 200, "still logged in");
    for hostile in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example"] {
        let answer = site.post("/login", "", &format!("{FERRIS}&next={hostile}")).await;
        assert_eq!(answer.header("location"), Some("/"), "{hostile}");
    }
}

#[tokio::test]
async fn a_login_ends_after_a_day_without_a_request() {
    let site = Site::start().await;
    let cookie = site.log_in().await;
    for _ in 0..3 {
        site.clock.advance(Duration::hours(20));
        assert_eq!(site.page("/", &cookie).await.status, 200);
        tokio::task::yield_now().await;
    }
    site.clock.advance(Duration::hours(25));
    assert_eq!(site.page("/", &cookie).await.status, 303);
}

#[tokio::test]
async fn a_second_login_ends_the_first_one_of_the_same_browser() {
    let site = Site::start().await;
    let first = site.log_in().await;
    let answer = site.post("/login", &first, FERRIS).await;
    assert_eq!(answer.status, 303, "the second login of a user, too");
    assert_eq!(site.page("/", &first).await.status, 303);
}

#[tokio::test]
async fn whoever_changes_a_row_of_the_table_changes_the_next_request() {
    let site = Site::start().await;
    let cookie = site.log_in().await;
    site.run(sqlx::query("UPDATE users SET username = 'ferris II'")).await;
    assert!(site.page("/", &cookie).await.body.contains("Logged in as ferris II."));
    let hash = Argon2::default().hash_password(b"hunter43").unwrap().to_string();
    site.run(sqlx::query("UPDATE users SET password = ?").bind(hash)).await;
    assert_eq!(site.page("/", &cookie).await.status, 303, "a new password ends the login");

    let answer = site.post("/login", "", "username=ferris+II&password=hunter43").await;
    let cookie = format!("__Host-token={}", answer.cookie("__Host-token").unwrap());
    assert_eq!(site.page("/", &cookie).await.status, 200);
    site.run(sqlx::query("DELETE FROM users")).await;
    assert_eq!(site.page("/", &cookie).await.status, 303, "and so does the end of the user");
}

#[tokio::test]
async fn the_table_of_users_stays_as_it_is() {
    let site = Site::start().await;
    site.log_in().await;
    let columns = sqlx::query_scalar::<_, String>("SELECT name FROM pragma_table_info('users')");
    assert_eq!(columns.fetch_all(&site.database).await.unwrap(), ["id", "username", "password"]);
}

#[test]
fn the_chapter_shows_the_program_and_its_numbers() {
    let program = include_str!("../../examples/coming_from_axum_login.rs");
    assert!(INDEX.contains("include_str!(\"../../examples/coming_from_axum_login.rs\")"));
    let code = program.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"));
    let (lines, code) = (program.lines().count(), code.count());
    assert!(PAGE.contains(&format!("| {lines} ({code} without comments and empty lines) |")), "{lines} {code}");
}
