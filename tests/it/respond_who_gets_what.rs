//! The table of the chapter "Who gets what answer", every cell of it over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use time::Duration;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, ability, authenticated, authenticated_within, level};
use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};
use tower_tokens::respond::Refusal;
use tower_tokens::token::Abilities;
use tower_tokens::user::CurrentUser;

use crate::http::{Answer, Server};

const CHAPTER: &str = include_str!("../../src/guide/who_gets_what_answer.md");

type Headers = Vec<(&'static str, String)>;

/// The requests of a column: each as its clients may send it.
fn requests_of(column: &str) -> Vec<(&'static str, Headers)> {
    const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
    let headers = |pairs: &[(&'static str, &str)]| -> Headers {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let html = ("accept", HTML);
    let (navigate, document) = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"));
    let (cors, same, empty) =
        (("sec-fetch-mode", "cors"), ("sec-fetch-mode", "same-origin"), ("sec-fetch-dest", "empty"));
    let xhr = ("x-requested-with", "XMLHttpRequest");
    match column {
        "link" => {
            vec![("GET", headers(&[html, navigate, document])), ("GET", headers(&[html])), ("HEAD", headers(&[html]))]
        }
        "posted form" => vec![
            ("POST", headers(&[html, navigate, document, ("content-type", "application/x-www-form-urlencoded")])),
            ("POST", headers(&[html])),
        ],
        "`fetch`, XHR" => vec![
            ("GET", headers(&[("accept", "*/*"), cors, empty])),
            ("POST", headers(&[("accept", "application/json"), same, empty])),
            ("GET", headers(&[("accept", "*/*"), xhr])),
        ],
        "script that asks for HTML" => vec![
            ("GET", headers(&[html, xhr])),
            ("POST", headers(&[html, xhr, cors, empty])),
            ("GET", headers(&[html, same, empty])),
            ("PUT", headers(&[html])),
        ],
        "htmx" => vec![
            ("GET", headers(&[("hx-request", "true"), ("accept", "*/*"), cors, empty])),
            ("POST", headers(&[("hx-request", "true"), ("hx-boosted", "true"), html])),
        ],
        "Trongate MX" => vec![
            ("GET", headers(&[("trongate-mx-request", "true"), ("accept", "*/*"), cors, empty])),
            ("POST", headers(&[("trongate-mx-request", "true")])),
        ],
        "gRPC" => {
            let media_types = [
                "application/grpc",
                "application/grpc+proto",
                "application/grpc-web+proto",
                "application/grpc-web-text",
            ];
            media_types.into_iter().map(|media_type| ("POST", headers(&[("content-type", media_type)]))).collect()
        }
        "API client" => vec![("GET", headers(&[])), ("DELETE", headers(&[("accept", "*/*")]))],
        _ => panic!("which requests are of the column {column:?}?"),
    }
}

struct Club {
    server: Server,
    store: Arc<FaultyRepository<MemoryRepository>>,
    clock: ManualClock,
    ann: String,
    bob: String,
    /// A token of Ann's that may only read.
    script: String,
}

impl Club {
    async fn open() -> Self {
        let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
        store.create_level("member").await.unwrap();
        let clock = ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000));
        let tokens = Tokens::new(Arc::clone(&store)).with_clock(clock.clone());
        let mut cookies = Vec::new();
        for _ in 0..2 {
            let user = store.create_user(None, "member").await.unwrap();
            let issued = tokens.generate(&user).await.unwrap();
            cookies.push(format!("trongatetoken={}", issued.token().expose_secret()));
        }
        let script = tokens.generate(1).abilities(Abilities::new(["read"]).unwrap()).await.unwrap();
        let script = format!("Bearer {}", script.token().expose_secret());
        let policy = SecurityPolicy::new()
            .scenario("write", level("member").and(ability("devices:write")).and(ability("read")))
            .scenario("members area", authenticated())
            .scenario("admin panel", level("admin"))
            .scenario("recent", authenticated_within(Duration::minutes(5)))
            .login_page("/login");
        let guarded = |path: &str, scenario: &str| {
            Router::new().route(path, any(async || "in")).route_layer(policy.guard(scenario))
        };
        let failing = |error: fn() -> Refusal| any(async move || Err::<(), _>(error()));
        let asking = policy.clone();
        let misconfigured = any(async move |user: CurrentUser| {
            asking.make_sure_allowed("no such scenario", &user).await.map(|()| "in")
        });
        let asking = policy.clone();
        let writes_inside =
            any(async move |user: CurrentUser| asking.make_sure_allowed("write", &user).await.map(|()| "in"));
        let app = Router::new()
            .merge(guarded("/members", "members area"))
            .merge(guarded("/admin", "admin panel"))
            .merge(guarded("/recent", "recent"))
            .merge(guarded("/write", "write"))
            .route("/write-inside", writes_inside)
            .route("/wrong", failing(Refusal::wrong_credentials))
            .route("/expired", failing(|| Error::new(ErrorKind::Expired).into()))
            .route("/used", failing(|| Error::new(ErrorKind::AlreadyUsed).into()))
            .route("/invalid", failing(|| Error::new(ErrorKind::InvalidInput).into()))
            .route("/exists", failing(|| Error::new(ErrorKind::AlreadyExists).into()))
            .route("/too-many", failing(|| Error::new(ErrorKind::TooManyTokens).into()))
            .route("/missing", failing(|| Error::new(ErrorKind::UserNotFound).into()))
            .route("/misconfigured", misconfigured)
            .layer(policy.refusal_layer())
            .layer(TokenAuthLayer::new(tokens));
        let [ann, bob] = cookies.try_into().unwrap();
        Self { server: Server::start(app).await, store, clock, ann, bob, script }
    }

    /// Brings the request into this situation.
    async fn ask(&self, situation: &str, method: &str, headers: &Headers) -> Answer {
        let (mut path, mut more) = ("/members", vec![("cookie", self.ann.as_str())]);
        let both = format!("{}; {}", self.ann, self.bob);
        match situation {
            "no credential" => more.clear(),
            "a stale or unknown credential" => more = vec![("cookie", "trongatetoken=unknown")],
            "the login is too old" => path = "/recent",
            "contradicting credentials" => more = vec![("cookie", &both)],
            "the rule denies" => path = "/admin",
            "the token lacks an ability" => (path, more) = ("/write", vec![("authorization", self.script.as_str())]),
            "… and a handler asks" => (path, more) = ("/write-inside", vec![("authorization", self.script.as_str())]),
            // A safe method is unsafe only when it shakes hands for a WebSocket.
            "cross-site" => more.extend([("sec-fetch-site", "cross-site"), ("upgrade", "websocket")]),
            "wrong name or password" => path = "/wrong",
            "an expired link" => path = "/expired",
            "a link that was used" => path = "/used",
            "invalid input" => path = "/invalid",
            "there already" => path = "/exists",
            "too many tokens of one user" => path = "/too-many",
            "not found" => path = "/missing",
            "the store does not answer" => {}
            "misconfigured" => path = "/misconfigured",
            _ => panic!("how does a request get into the situation {situation:?}?"),
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).chain(more).collect();
        if situation == "the store does not answer" {
            self.store.fail();
        }
        let answer = self.server.send(method, path, &headers).await;
        self.store.heal();
        answer
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[tokio::test]
async fn every_cell_of_the_table_is_true() {
    let club = Club::open().await;
    club.clock.advance(Duration::hours(1));
    let mut lines = CHAPTER.lines().skip_while(|line| !line.starts_with("| situation |"));
    let columns = cells(lines.next().unwrap());
    let mut answers = 0;
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let row = cells(line);
        for (column, cell) in columns.iter().zip(&row).skip(1) {
            for (method, headers) in requests_of(column) {
                let answer = club.ask(row[0], method, &headers).await;
                let case = format!("{} / {column} / {method} {headers:?}", row[0]);
                if row[0] == "the token lacks an ability" {
                    let inside = club.ask("… and a handler asks", method, &headers).await;
                    assert_cell(cell, &inside, method, &format!("inside of a handler: {case}"));
                    for answer in [&answer, &inside] {
                        assert_scope(column, cell, answer, method);
                    }
                }
                assert_cell(cell, &answer, method, &case);
                answers += 1;
            }
        }
    }
    assert!(answers > 200, "the table was not found");
}

/// Programs learn which ability is missing; people who look at a page do not.
fn assert_scope(column: &str, cell: &str, answer: &Answer, method: &str) {
    let is_looked_at = column == "htmx" || cell.contains("page") && ["GET", "HEAD"].contains(&method);
    let scope = r#"Bearer realm="members", error="insufficient_scope", scope="devices:write""#;
    assert_eq!(answer.header("www-authenticate"), (!is_looked_at).then_some(scope), "{column} {method} {answer:?}");
}

/// A gRPC client gets its status in the headers of a response without a body.
fn assert_grpc(code: &str, answer: &Answer, case: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{case}: {answer:?}");
    assert_eq!(answer.header("grpc-status"), Some(code), "{case}");
    assert!(answer.header("grpc-message").unwrap().ends_with('.'), "{case}");
    let media_type = answer.header("content-type").unwrap();
    assert!(case.contains(media_type) && media_type.starts_with("application/grpc"), "{case}: {media_type}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert_eq!(answer.header("retry-after").is_some(), code == "14", "{case}");
    assert!(answer.header("www-authenticate").is_some() || code != "16", "{case}");
}

fn assert_cell(cell: &str, answer: &Answer, method: &str, case: &str) {
    if let Some(code) = cell.strip_prefix("code ") {
        return assert_grpc(code, answer, case);
    }
    let status: u16 = cell[..3].parse().unwrap();
    assert_eq!(answer.status, status, "{case}: {answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert_eq!(answer.header("location").is_some(), status == 303, "{case}");
    assert_eq!(answer.header("hx-redirect").is_some(), cell.contains("HX-Redirect"), "{case}");
    assert_eq!(answer.header("retry-after").is_some(), status == 503, "{case}");
    assert!(answer.header("www-authenticate").is_some() || status != 401, "{case}");
    let kind = &cell[4..];
    if kind == "login" {
        assert!(answer.header("location").unwrap().starts_with("/login"), "{case}");
    } else if kind.starts_with("page") {
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{case}");
        assert!(method == "HEAD" || answer.body.starts_with("<!doctype html>"), "{case}");
    } else {
        assert_eq!(kind, "problem", "{case}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}");
        assert!(answer.body.contains(&format!(r#""status":{status}"#)), "{case}");
    }
}
