//! The recorded exchanges of the Ergani SDK, replayed over the file that it shares with our client: the same bytes are in it.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::service_fn;
use tower_tokens::client::{
    ClientError, ClientErrorKind, ErganiEndpoint, FileTokenStore, HttpPost, SecretText, TokenManager,
};
use tower_tokens::clock::{ManualClock, Timestamp};

use crate::client::file::{files, home, mode};

const RECORDED: &str = include_str!("../../fixtures/ergani/exchanges.json");

/// A manager over the file of the SDK, in front of an API that gives the recorded answers.
struct Replay {
    _home: tempfile::TempDir,
    directory: std::path::PathBuf,
    exchanges: Vec<Value>,
    /// The bodies of the requests that came.
    bodies: Arc<Mutex<Vec<String>>>,
    next: Arc<AtomicUsize>,
    clock: ManualClock,
    outcome: Vec<Value>,
}

impl Replay {
    /// The case of this name. The SDK's clock stood at `now`.
    fn start(name: &str, now: i64) -> Self {
        let recorded: Value = serde_json::from_str(RECORDED).unwrap();
        let cases = recorded["cases"].as_array().unwrap();
        let case = cases.iter().find(|case| case["case"] == name).unwrap();
        let list = |name: &str| case[name].as_array().unwrap().clone();
        let (home, directory) = home();
        let replay = Self {
            _home: home,
            directory,
            exchanges: list("exchanges"),
            bodies: Arc::default(),
            next: Arc::default(),
            clock: ManualClock::at(Timestamp::from_unix_seconds(now)),
            outcome: list("outcome"),
        };
        if let Some(token) = case["file_before"].get("token") {
            fs::DirBuilder::new().mode(0o700).create(&replay.directory).unwrap();
            let end = |name: &str| now + token[name].as_str().unwrap()["now".len()..].parse::<i64>().unwrap();
            let token = json!({
                "accessToken": token["accessToken"], "accessTokenExpiresAt": end("accessTokenExpiresAt"),
                "refreshToken": token["refreshToken"], "refreshTokenExpiresAt": end("refreshTokenExpiresAt"),
            });
            fs::write(replay.store().path(), json!({ "token": token }).to_string()).unwrap();
        }
        replay
    }

    fn store(&self) -> FileTokenStore {
        FileTokenStore::shared_with_ergani_sdk(&self.directory, "user", &SecretText::new("pass"), "TEST")
    }

    /// A manager as another process has it.
    fn manager(&self) -> TokenManager {
        let (exchanges, bodies, next) = (self.exchanges.clone(), Arc::clone(&self.bodies), Arc::clone(&self.next));
        let service = service_fn(move |request: Request<Full<Bytes>>| {
            let response = exchanges[next.fetch_add(1, Ordering::SeqCst)]["response"].clone();
            let bodies = Arc::clone(&bodies);
            async move {
                let body = request.into_body().collect().await?.to_bytes();
                bodies.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
                let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
                let body = response["body"].as_str().unwrap().to_owned();
                let response = Response::builder().status(status).header("content-type", "application/json");
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(response.body(Full::<Bytes>::from(body)).unwrap())
            }
        });
        let base = "https://api.example.org/WebservicesAPI/Api";
        let endpoint = ErganiEndpoint::new(HttpPost::new(service), base, "user", "pass").unwrap();
        TokenManager::new(endpoint, self.store()).with_clock(self.clock.clone())
    }

    /// The requests are those that were recorded, byte for byte.
    fn assert_all_was_asked(&self) {
        let recorded = self.exchanges.iter().map(|exchange| exchange["request"]["body"].as_str().unwrap());
        assert_eq!(*self.bodies.lock().unwrap(), recorded.collect::<Vec<_>>());
    }

    /// What the SDK's file was after the first thing that it did.
    fn recorded_file(&self) -> &Value {
        &self.outcome[1]
    }
}

#[tokio::test]
async fn a_login_and_a_refresh_leave_the_bytes_that_the_sdk_leaves() {
    for (name, now) in [
        ("login", 1_795_620_185),
        ("refresh", 1_795_620_186),
        ("refresh_401", 1_795_620_186),
        ("both_expired", 1_795_620_187),
    ] {
        let replay = Replay::start(name, now);
        let token = replay.manager().access_token().await.unwrap();
        assert_eq!(token.expose_secret(), replay.outcome[0]["authenticate"].as_str().unwrap(), "{name}");
        replay.assert_all_was_asked();
        let recorded = replay.recorded_file();
        assert_eq!(files(&replay.directory, ".json"), [replay.directory.join(recorded["file"].as_str().unwrap())]);
        let path = replay.store().path();
        assert_eq!(fs::read_to_string(&path).unwrap(), recorded["content"].as_str().unwrap(), "{name}");
        assert_eq!(format!("100{:o}", mode(&path)), recorded["mode"].as_str().unwrap());

        // The next process takes what is in the file.
        assert_eq!(replay.manager().access_token().await.unwrap(), token);
        replay.assert_all_was_asked();
    }
}

#[tokio::test]
async fn a_refused_login_removes_the_file_as_the_sdk_does() {
    let replay = Replay::start("login_401_string", 1_795_620_185);
    let error: ClientError = replay.manager().access_token().await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Refused);
    replay.assert_all_was_asked();
    assert_eq!(replay.recorded_file()["exists"], false);
    assert!(files(&replay.directory, ".json").is_empty());
}

#[tokio::test]
async fn a_logout_removes_the_file_which_the_sdk_leaves_and_uses_again() {
    let replay = Replay::start("logout", 1_795_620_188);
    let manager = replay.manager();
    manager.access_token().await.unwrap();
    manager.log_out().await.unwrap();
    assert_eq!(replay.recorded_file()["exists"], true);
    assert!(files(&replay.directory, ".json").is_empty());
    assert_eq!(replay.next.load(Ordering::SeqCst), 2);
}
