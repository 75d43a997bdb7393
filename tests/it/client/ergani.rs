//! The recorded exchanges of Ergani's SDK for PHP, replayed against our client.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, ServiceExt};
use tower_tokens::client::{
    BearerTokenLayer, ClientErrorKind, ErganiEndpoint, HttpPost, IssuedTokens, MemoryTokenStore, StoredTokens,
    TokenEndpoint, TokenManager, TokenStore,
};
use tower_tokens::clock::{Clock, SystemClock, Timestamp};

use super::api::{Api, Fault, hyper};

const RECORDED: &str = include_str!("../../fixtures/ergani/exchanges.json");
const BASE: &str = "/WebservicesAPI/Api";

/// The recorded case of this name.
fn case(name: &str) -> Value {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    cases.iter().find(|case| case["case"] == name).unwrap_or_else(|| panic!("{name}")).clone()
}

/// An API that answers as was recorded, and the client that speaks to it.
struct Replay {
    api: Api,
    case: Value,
    store: Arc<MemoryTokenStore>,
    manager: TokenManager,
}

impl Replay {
    async fn start(name: &str) -> Self {
        let (api, case) = (Api::start().await, case(name));
        for exchange in case["exchanges"].as_array().unwrap() {
            let line = exchange["request"]["line"].as_str().unwrap();
            let path = line.split(' ').nth(1).unwrap();
            let response = &exchange["response"];
            let headers = response["headers"].as_object().unwrap().iter();
            let headers = headers.map(|(name, value)| {
                let name = if name == "api-token-expired" { "api-token-expired" } else { "content-type" };
                (name, value.as_str().unwrap().to_owned())
            });
            let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
            let body = response["body"].as_str().unwrap().to_owned();
            api.fail_once(path, Fault::Answer(status, headers.collect(), body));
        }
        let store = Arc::new(MemoryTokenStore::new());
        if let Some(tokens) = before(&case) {
            store.save(&tokens).await.unwrap();
        }
        let manager = TokenManager::new(endpoint(&api), Arc::clone(&store));
        Self { api, case, store, manager }
    }

    /// The requests that came are those of these recorded exchanges: line, type, credential and body, byte for byte.
    fn assert_requests(&self, exchanges: std::ops::Range<usize>) {
        let seen = self.api.state().seen.clone();
        let recorded = &self.case["exchanges"].as_array().unwrap()[exchanges];
        assert_eq!(seen.len(), recorded.len());
        for (seen, recorded) in seen.iter().zip(recorded) {
            let request = &recorded["request"];
            assert_eq!(format!("{} {} HTTP/1.1", seen.method, seen.path), request["line"].as_str().unwrap());
            assert_eq!(seen.body, request["body"].as_str().unwrap());
            for name in ["Content-Type", "Authorization", "Content-Length"] {
                let headers = request["headers"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
                let value = headers.filter_map(|line| line.split_once(": ")).find(|(other, _)| *other == name);
                assert_eq!(seen.header(name), value.map(|(_, value)| value), "{name}");
            }
        }
    }
}

fn endpoint(api: &Api) -> ErganiEndpoint {
    ErganiEndpoint::new(HttpPost::new(hyper()), &api.url(BASE), "user", "pass").unwrap()
}

/// What the file had before.
fn before(case: &Value) -> Option<StoredTokens> {
    let token = case["file_before"].get("token")?;
    let text = |name: &str| token[name].as_str().unwrap().to_owned();
    let end = |name: &str| {
        let seconds: i64 = token[name].as_str().unwrap().strip_prefix("now").unwrap().parse().unwrap();
        SystemClock.now() + time::Duration::seconds(seconds)
    };
    let tokens = StoredTokens::new(text("accessToken")).with_access_expiry(end("accessTokenExpiresAt"));
    Some(tokens.with_refresh_token(text("refreshToken")).with_refresh_expiry(end("refreshTokenExpiresAt")))
}

/// The end that a recorded date says, to the second.
const REFRESH_END: Timestamp = Timestamp::from_unix_seconds(1_797_857_068);

#[tokio::test]
async fn every_recorded_login_and_refresh_sends_the_same_bytes_and_stores_the_same_end() {
    for (name, access) in [
        ("login", "eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoidSJ9.AAA"),
        ("refresh", "eyJ2.2.2"),
        ("refresh_401", "eyJ2.2.2"),
        ("both_expired", "eyJ2.2.2"),
    ] {
        let replay = Replay::start(name).await;
        let token = replay.manager.access_token().await.unwrap();
        assert_eq!(token.expose_secret(), access, "{name}");
        let count = replay.case["exchanges"].as_array().unwrap().len();
        replay.assert_requests(0..count);
        let stored = replay.store.load().await.unwrap().unwrap();
        assert_eq!(stored.refresh_expires_at(), Some(REFRESH_END), "{name}");
        let left = stored.access_expires_at().unwrap() - SystemClock.now();
        assert!((10_790..=10_800).contains(&left.whole_seconds()), "{name}: {left}");
        assert_eq!(replay.manager.access_token().await.unwrap(), token);
        replay.assert_requests(0..count);
    }
}

#[tokio::test]
async fn a_recorded_refusal_is_an_error_with_the_servers_words() {
    let replay = Replay::start("login_401_string").await;
    let error = replay.manager.access_token().await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Refused);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "status 401 Unauthorized: Λάθος όνομα χρήστη");
    replay.assert_requests(0..1);
    assert_eq!(replay.store.load().await.unwrap(), None, "as the SDK, which removes the file");
}

#[tokio::test]
async fn a_recorded_call_with_an_expired_token_refreshes_where_the_sdk_repeats_the_same_token() {
    let replay = Replay::start("call_expired_header").await;
    let layer = BearerTokenLayer::new(replay.manager.clone())
        .with_origin(&replay.api.origin())
        .unwrap()
        .with_rejection(ErganiEndpoint::says_token_expired);
    let client = layer.layer(hyper());
    let refreshed = r#"{"accessToken":"A2","accessTokenExpired":10800,"refreshToken":"R2"}"#;
    let refresh = format!("{BASE}/Authentication/Refresh");
    replay.api.fail_once(&refresh, Fault::Answer(200, Vec::new(), refreshed.to_owned()));
    let list = replay.api.url(&format!("{BASE}/WebServices/ServicesList"));
    let request = Request::get(list).body(Full::<Bytes>::default()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "[{\"id\": 1}]");
    let seen = replay.api.state().seen.clone();
    let headers: Vec<_> = seen.iter().map(|seen| (seen.path.as_str(), seen.header("authorization"))).collect();
    let list = format!("{BASE}/WebServices/ServicesList");
    assert_eq!(
        headers,
        [(list.as_str(), Some("Bearer A1")), (refresh.as_str(), None), (list.as_str(), Some("Bearer A2"))]
    );
    assert_eq!(seen[1].body, r#"{"AccessToken":"A1","RefreshToken":"R1"}"#);
}

#[tokio::test]
async fn a_recorded_logout_sends_the_same_bytes_and_forgets_the_tokens() {
    let replay = Replay::start("logout").await;
    replay.manager.access_token().await.unwrap();
    replay.manager.log_out().await.unwrap();
    replay.assert_requests(0..2);
    assert_eq!(replay.store.load().await.unwrap(), None, "the SDK keeps the file, and uses the dead token again");
}

#[tokio::test]
async fn answers_are_read_in_every_spelling() {
    let api = Api::start().await;
    let path = format!("{BASE}/Authentication");
    let hour = || IssuedTokens::new("a").expires_in(std::time::Duration::from_secs(3_600));
    for (body, expected) in [
        (r#"{"accessToken":"a","accessTokenExpired":3600}"#, hour()),
        (r#"{"accessToken":"a","accessTokenExpired":"3600"}"#, hour()),
        (r#"{"accessToken":"a","accessTokenExpired":"3600","refreshToken":"r"}"#, hour().refresh_token("r")),
        (
            r#"{"accessToken":"a","accessTokenExpired":"3600","refreshToken":"r","refreshTokenExpired":"2026-12-21T12:44:28Z"}"#,
            hour().refresh_token("r").refresh_expires_at(REFRESH_END),
        ),
        (
            r#"{"accessToken":"a","accessTokenExpired":"3600","refreshToken":"r","refreshTokenExpired":"21/12/2026"}"#,
            hour().refresh_token("r"),
        ),
        (r#"{"accessToken":"a"}"#, IssuedTokens::new("a")),
    ] {
        api.fail_once(&path, Fault::Answer(200, Vec::new(), body.to_owned()));
        assert_eq!(endpoint(&api).log_in().await.unwrap(), expected, "{body}");
    }
    for body in ["{}", "\"a\"", r#"{"accessToken":"a","accessTokenExpired":"soon"}"#, r#"{"accessToken":"a b"}"#, ""] {
        api.fail_once(&path, Fault::Answer(200, Vec::new(), body.to_owned()));
        assert_eq!(endpoint(&api).log_in().await.unwrap_err().kind(), ClientErrorKind::Malformed, "{body}");
    }
}

#[tokio::test]
async fn failures_have_the_kind_that_says_how_to_react_and_show_no_secret() {
    use ClientErrorKind::{Malformed, Refused, Unavailable};
    let api = Api::start().await;
    let stored = StoredTokens::new("stored-access").with_refresh_token("stored-refresh");
    for (status, at_login, at_refresh, at_logout) in [
        (400, Malformed, Refused, Malformed),
        (401, Refused, Refused, Refused),
        (403, Malformed, Malformed, Malformed),
        (429, Unavailable, Unavailable, Unavailable),
        (500, Unavailable, Unavailable, Unavailable),
    ] {
        for (path, expected) in [("", at_login), ("/Refresh", at_refresh), ("/Logout", at_logout)] {
            let body = "\"pass stored-access stored-refresh\"".to_owned();
            api.fail_once(&format!("{BASE}/Authentication{path}"), Fault::Answer(status, Vec::new(), body));
            let error = match path {
                "" => endpoint(&api).log_in().await.unwrap_err(),
                "/Refresh" => endpoint(&api).refresh(&stored).await.unwrap_err(),
                _ => endpoint(&api).log_out(&stored).await.unwrap_err(),
            };
            assert_eq!(error.kind(), expected, "{status} {path}");
            assert!(!format!("{error:?}").contains("stored-") && !format!("{error:?}").contains("pass "), "{error:?}");
        }
    }
    assert!(!format!("{:?}", endpoint(&api)).contains("\"pass\""));
    endpoint(&api).log_out(&StoredTokens::new("a")).await.unwrap();
    let refused = endpoint(&api).refresh(&StoredTokens::new("a")).await.unwrap_err();
    assert_eq!(refused.kind(), Refused);
}

#[tokio::test]
async fn the_kind_of_account_and_odd_characters_are_sent() {
    let bodies = Arc::<Mutex<Vec<Bytes>>>::default();
    let seen = Arc::clone(&bodies);
    let client = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let seen = Arc::clone(&seen);
        async move {
            let body = request.into_body().collect().await?.to_bytes();
            seen.lock().unwrap().push(body);
            Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("{\"accessToken\":\"a\"}")))
        }
    });
    let endpoint = ErganiEndpoint::new(HttpPost::new(client), "https://a.example/Api/", "χ\"", "a/b\\").unwrap();
    endpoint.with_user_type("02").log_in().await.unwrap();
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies[0], r#"{"Username":"\u03c7\"","Password":"a\/b\\","Usertype":"02"}"#);
}
