//! A client of a Traccar server logs in, generates a token, uses it in each of Traccar's ways, and revokes it.

use tempfile::TempDir;
use time::Duration;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::repository::SqliteRepository;

use crate::http::{Answer, Server};
use crate::site::NOW;

#[path = "../../examples/traccar_session.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
pub(crate) mod program;

const ANN: &str = "email=ann%40example.org&password=correct horse";

/// The example, with two accounts.
pub(crate) struct Traccar {
    pub(crate) server: Server,
    pub(crate) clock: ManualClock,
    _directory: TempDir,
}

impl Traccar {
    async fn start() -> Self {
        Self::start_at(NOW).await
    }

    pub(crate) async fn start_at(now: Timestamp) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let users = SqliteRepository::open(directory.path().join("traccar.db")).await.unwrap();
        let clock = ManualClock::at(now);
        let app = program::app(users.clone(), clock.clone()).await.unwrap();
        program::create_account(&users, "ann@example.org", "correct horse").await.unwrap();
        program::create_account(&users, "bob@example.org", "correct horse").await.unwrap();
        Self { server: Server::start(app).await, clock, _directory: directory }
    }

    async fn send(&self, method: &str, path: &str, credential: (&str, &str), form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded"), credential];
        self.server.send_with_body(method, path, &headers, &form.replace(' ', "+")).await
    }

    /// The cookie of a session.
    async fn log_in(&self, form: &str) -> Option<String> {
        let answer = self.send("POST", "/api/session", ("accept", "*/*"), form).await;
        let cookie = answer.cookie("JSESSIONID").map(|value| format!("JSESSIONID={value}"));
        assert_eq!(answer.status, if cookie.is_some() { 200 } else { 401 }, "{}", answer.body);
        cookie
    }

    async fn generate(&self, credential: (&str, &str), form: &str) -> String {
        let answer = self.send("POST", "/api/session/token", credential, form).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain")), "{}", answer.body);
        answer.body
    }

    /// Who the session of this credential is, or the status.
    async fn who(&self, path: &str, credential: (&str, &str)) -> Result<String, u16> {
        let answer = self.server.get(path, &[credential]).await;
        match answer.status {
            200 => {
                let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
                Ok(body["email"].as_str().unwrap().to_owned())
            }
            status => Err(status),
        }
    }
}

const NONE: (&str, &str) = ("accept", "*/*");

#[tokio::test]
async fn a_session_is_opened_asked_for_and_closed() {
    let traccar = Traccar::start().await;
    assert_eq!(traccar.who("/api/session", NONE).await, Err(404), "no session");
    for wrong in ["email=ann%40example.org&password=wrong", "email=eve%40example.org&password=correct horse", "email="]
    {
        assert_eq!(traccar.log_in(wrong).await, None, "{wrong}");
    }
    let cookie = traccar.log_in(ANN).await.unwrap();
    assert_eq!(traccar.who("/api/session", ("cookie", &cookie)).await.as_deref(), Ok("ann@example.org"));
    assert_eq!(traccar.send("DELETE", "/api/session", ("cookie", &cookie), "").await.status, 204);
    assert_eq!(traccar.who("/api/session", ("cookie", &cookie)).await, Err(404));
}

#[tokio::test]
async fn a_token_works_in_each_way_of_traccar_until_it_is_revoked() {
    let traccar = Traccar::start().await;
    let cookie = traccar.log_in(ANN).await.unwrap();
    let token = traccar.generate(("cookie", &cookie), "").await;
    let bearer = format!("Bearer {token}");
    let (in_address, as_password) =
        (format!("/api/session?token={token}"), format!("email=ann%40example.org&password={token}"));
    assert_eq!(traccar.who("/api/session", ("authorization", &bearer)).await.as_deref(), Ok("ann@example.org"));
    assert_eq!(traccar.who(&in_address, NONE).await.as_deref(), Ok("ann@example.org"));
    let session = traccar.log_in(&as_password).await.unwrap();
    assert_eq!(traccar.who("/api/session", ("cookie", &session)).await.as_deref(), Ok("ann@example.org"));
    assert_eq!(traccar.log_in(&as_password.replace("ann", "bob")).await, None, "it is not bob's");

    let bob = traccar.log_in(&ANN.replace("ann", "bob")).await.unwrap();
    let revoke = format!("token={token}");
    assert_eq!(traccar.send("POST", "/api/session/token/revoke", ("cookie", &bob), &revoke).await.status, 204);
    assert_eq!(traccar.who(&in_address, NONE).await.as_deref(), Ok("ann@example.org"), "bob cannot revoke it");
    assert_eq!(traccar.send("POST", "/api/session/token/revoke", ("cookie", &cookie), &revoke).await.status, 204);
    assert_eq!(traccar.send("POST", "/api/session/token/revoke", ("cookie", &cookie), &revoke).await.status, 204);

    assert_eq!(traccar.who("/api/session", ("authorization", &bearer)).await, Err(401));
    assert_eq!(traccar.who(&in_address, NONE).await, Err(404));
    assert_eq!(traccar.log_in(&as_password).await, None);
    assert_eq!(traccar.who("/api/session", ("cookie", &session)).await, Err(404), "its session ended with it");
    assert_eq!(traccar.who("/api/session", ("cookie", &cookie)).await.as_deref(), Ok("ann@example.org"));
}

#[tokio::test]
async fn without_a_date_a_token_lives_for_seven_days_and_with_one_until_then() {
    let traccar = Traccar::start().await;
    let cookie = traccar.log_in(ANN).await.unwrap();
    let week = traccar.generate(("cookie", &cookie), "").await;
    let date = time::OffsetDateTime::from(NOW + Duration::days(30));
    let text = date.format(&time::format_description::well_known::Rfc3339).unwrap().replace(':', "%3A");
    let month = traccar.generate(("cookie", &cookie), &format!("expiration={text}")).await;
    let is_valid = async |token: &str| traccar.who(&format!("/api/session?token={token}"), NONE).await.is_ok();
    traccar.clock.set(NOW + Duration::days(7) - Duration::seconds(1));
    assert!(is_valid(&week).await && is_valid(&month).await);
    traccar.clock.set(NOW + Duration::days(7));
    assert!(!is_valid(&week).await && is_valid(&month).await);
    traccar.clock.set(NOW + Duration::days(30));
    assert!(!is_valid(&month).await);
    traccar.clock.set(NOW);
    for bad in ["expiration=soon", "expiration=2020-01-01T00%3A00%3A00Z"] {
        assert_eq!(traccar.send("POST", "/api/session/token", ("cookie", &cookie), bad).await.status, 400, "{bad}");
    }
    assert_eq!(traccar.send("POST", "/api/session/token", NONE, "").await.status, 401);
}

#[tokio::test]
async fn a_token_that_was_generated_with_a_token_ends_with_it() {
    let traccar = Traccar::start().await;
    let cookie = traccar.log_in(ANN).await.unwrap();
    let first = traccar.generate(("cookie", &cookie), "").await;
    let bearer = format!("Bearer {first}");
    let second = traccar.generate(("authorization", &bearer), "").await;
    let revoke = format!("token={first}");
    assert_eq!(traccar.send("POST", "/api/session/token/revoke", ("cookie", &cookie), &revoke).await.status, 204);
    assert_eq!(traccar.who(&format!("/api/session?token={second}"), NONE).await, Err(404));
}
