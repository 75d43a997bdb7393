//! What the log says of refusals: one line with the causes for each 5xx, and no alarm that a visitor can ring.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use tower::ServiceExt;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::policy::{SecurityPolicy, authenticated, check_async, level};
use tower_tokens::respond::{Refusal, RefusalKind};
use tower_tokens::user::{CurrentUser, Reason, Unauthenticated};
use tracing_subscriber::fmt::MakeWriter;

use crate::policy_users::user;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The status of the answer, and the lines at `WARN` and `ERROR` that it left.
async fn send(app: &Router, request: Request) -> (u16, Vec<String>) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let guard = tracing::subscriber::set_default(subscriber.with_writer(lines.clone()).finish());
    let status = app.clone().oneshot(request).await.unwrap().status().as_u16();
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let alarms = text.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
    (status, alarms.map(str::to_owned).collect())
}

fn policy() -> SecurityPolicy {
    let failing = check_async(|_, ()| async { Err::<bool, _>(io::Error::other("the rule's cause")) });
    SecurityPolicy::new()
        .scenario("members area", authenticated())
        .scenario("admin panel", level("admin"))
        .scenario("failing", failing)
}

fn refusing(kind: ErrorKind) -> axum::routing::MethodRouter {
    any(async move || Err::<(), _>(Refusal::from(Error::with_source(kind, io::Error::other("the innermost cause")))))
}

fn request(path: &str, who: Result<CurrentUser, Reason>) -> Request {
    let mut request = Request::get(path).header("accept", "text/html").body(Body::empty()).unwrap();
    match who {
        Ok(user) => user.insert_into(request.extensions_mut()),
        Err(reason) => Unauthenticated::new(reason).insert_into(request.extensions_mut()),
    }
    request
}

/// A handler's refusal by itself, inside of the layer, behind a guard, and behind both.
fn ways(routes: impl Fn() -> Router) -> [Router; 4] {
    let guarded = || routes().route_layer(policy().guard("members area"));
    [routes(), routes().layer(policy().refusal_layer()), guarded(), guarded().layer(policy().refusal_layer())]
}

#[tokio::test]
async fn each_5xx_leaves_one_line_with_its_causes() {
    for (kind, expected) in [
        (ErrorKind::Unavailable, 503),
        (ErrorKind::TimedOut, 503),
        (ErrorKind::Corrupt, 503),
        (ErrorKind::Configuration, 500),
    ] {
        for app in ways(|| Router::new().route("/", refusing(kind))) {
            let (status, lines) = send(&app, request("/", Ok(user(7, "member")))).await;
            assert_eq!((status, lines.len()), (expected, 1), "{lines:?}");
            assert!(lines[0].contains(&Error::new(kind).to_string()), "{lines:?}");
            assert!(lines[0].contains("the innermost cause"), "{lines:?}");
            assert!(lines[0].contains(if expected == 503 { " WARN " } else { " ERROR " }), "{lines:?}");
        }
    }
}

#[tokio::test]
async fn what_a_policy_cannot_decide_leaves_one_line() {
    let handler = |scenario: &'static str| {
        any(async move |user: CurrentUser| policy().make_sure_allowed(scenario, &user).await.map(|()| "in"))
    };
    for app in ways(|| Router::new().route("/failing", handler("failing")).route("/unknown", handler("unknown"))) {
        let (status, lines) = send(&app, request("/failing", Ok(user(7, "member")))).await;
        assert_eq!((status, lines.len()), (503, 1), "{lines:?}");
        assert!(lines[0].contains("the rule's cause") && lines[0].contains("user=Some(UserId(7))"), "{lines:?}");
        let (status, lines) = send(&app, request("/unknown", Ok(user(7, "member")))).await;
        assert_eq!((status, lines.len()), (500, 1), "{lines:?}");
        assert!(lines[0].contains("the policy knows:"), "{lines:?}");
    }
    let app = Router::new().route("/", any(async || "in")).route_layer(policy().guard("failing"));
    let (status, lines) = send(&app, request("/", Ok(user(7, "member")))).await;
    assert_eq!((status, lines.len()), (503, 1), "{lines:?}");
    assert!(lines[0].contains("the rule's cause"), "{lines:?}");
}

#[tokio::test]
async fn a_guard_and_an_extractor_leave_one_line_each_for_an_outage_or_a_missing_layer() {
    let extracting = || Router::new().route("/", any(async |user: CurrentUser| user.id().to_string()));
    let guarded = Router::new().route("/", any(async || "in")).route_layer(policy().guard("members area"));
    for app in [extracting(), extracting().layer(policy().refusal_layer()), guarded] {
        let (status, lines) = send(&app, request("/", Err(Reason::Unavailable))).await;
        assert_eq!((status, lines.len()), (503, 1), "{lines:?}");
        let (status, lines) = send(&app, Request::get("/").body(Body::empty()).unwrap()).await;
        assert_eq!((status, lines.len()), (500, 1), "{lines:?}");
        assert!(lines[0].contains("TokenAuthLayer"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_visitor_fills_no_log() {
    for kind in [
        ErrorKind::InvalidToken,
        ErrorKind::Expired,
        ErrorKind::AlreadyUsed,
        ErrorKind::InvalidInput,
        ErrorKind::AlreadyExists,
        ErrorKind::TooManyTokens,
        ErrorKind::UserNotFound,
        ErrorKind::LevelNotFound,
    ] {
        for app in ways(|| Router::new().route("/", refusing(kind))) {
            let (status, lines) = send(&app, request("/", Ok(user(7, "member")))).await;
            assert!((400..500).contains(&status), "{kind:?}: {status}");
            assert_eq!(lines, Vec::<String>::new());
        }
    }
    let wrong = || Router::new().route("/", any(async || Err::<(), _>(Refusal::from(RefusalKind::WrongCredentials))));
    for app in ways(wrong) {
        assert_eq!(send(&app, request("/", Ok(user(7, "member")))).await, (401, Vec::new()));
    }
    let guarded = Router::new().route("/", any(async || "in")).route_layer(policy().guard("admin panel"));
    for who in [Ok(user(7, "member")), Err(Reason::Invalid), Err(Reason::Ambiguous), Err(Reason::CrossSite)] {
        assert_eq!(send(&guarded, request("/", who)).await.1, Vec::<String>::new());
    }
}
