//! The client of a Traccar server, against the server of our example.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use time::Duration;
use tower::{Layer, ServiceExt};
use tower_tokens::client::{
    BearerTokenLayer, ClientErrorKind, HttpPost, MemoryTokenStore, StoredTokens, TokenEndpoint, TokenManager,
    TraccarEndpoint,
};
use tower_tokens::clock::{Clock, SystemClock};

use super::api::{Api, Fault, hyper};
use crate::traccar_session::Traccar;

fn origin(traccar: &Traccar) -> String {
    format!("http://{}", traccar.server.host())
}

fn endpoint(traccar: &Traccar, password: &str) -> TraccarEndpoint {
    let base = origin(traccar) + "/api/";
    TraccarEndpoint::new(HttpPost::new(hyper()), &base, "ann@example.org", password).unwrap()
}

#[tokio::test]
async fn a_client_logs_in_asks_and_revokes_its_token() {
    let traccar = Traccar::start_at(SystemClock.now()).await;
    let manager = TokenManager::new(endpoint(&traccar, "correct horse"), MemoryTokenStore::new());
    let client = BearerTokenLayer::new(manager.clone()).with_origin(&origin(&traccar)).unwrap().layer(hyper());
    let session = || Request::get(origin(&traccar) + "/api/session").body(Full::<Bytes>::default()).unwrap();
    let response = client.clone().oneshot(session()).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let account: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(account["email"], "ann@example.org");

    let token = manager.access_token().await.unwrap();
    manager.log_out().await.unwrap();
    let bearer = format!("Bearer {}", token.expose_secret());
    let answer = traccar.server.get("/api/session", &[("authorization", &bearer)]).await;
    assert_eq!(answer.status, 401, "the token is revoked");
    // A second time, with a token that is dead already.
    endpoint(&traccar, "correct horse").log_out(&StoredTokens::new(token.expose_secret())).await.unwrap();
    assert_eq!(client.oneshot(session()).await.unwrap().status(), 200, "another login");
    assert_eq!(manager.statistics().logins(), 2);
}

#[tokio::test]
async fn a_token_lives_as_long_as_was_asked() {
    let traccar = Traccar::start_at(SystemClock.now()).await;
    let endpoint = endpoint(&traccar, "correct horse").with_lifetime(std::time::Duration::from_secs(3_600));
    let manager = TokenManager::new(endpoint, MemoryTokenStore::new());
    let token = manager.access_token().await.unwrap();
    let bearer = format!("Bearer {}", token.expose_secret());
    for (minutes, status) in [(58, 200), (4, 401)] {
        traccar.clock.advance(Duration::minutes(minutes));
        let answer = traccar.server.get("/api/session", &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_shown_nowhere() {
    let traccar = Traccar::start_at(SystemClock.now()).await;
    let endpoint = endpoint(&traccar, "wrong-horse");
    let error = endpoint.log_in().await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Refused);
    assert!(!format!("{error:?} {endpoint:?}").contains("wrong-horse"));
    let refresh = endpoint.refresh(&StoredTokens::new("a").with_refresh_token("r")).await.unwrap_err();
    assert_eq!(refresh.kind(), ClientErrorKind::Refused);
}

#[tokio::test]
async fn answers_of_another_shape_are_malformed() {
    let api = Api::start().await;
    let endpoint = TraccarEndpoint::new(HttpPost::new(hyper()), &api.origin(), "ann", "horse").unwrap();
    let cookies = vec![("set-cookie", "JSESSIONID=n0de; Path=/; HttpOnly".to_owned())];
    for (session, token, kind) in [
        (Fault::Answer(200, Vec::new(), String::new()), None, Some(ClientErrorKind::Malformed)),
        (Fault::Answer(404, Vec::new(), String::new()), None, Some(ClientErrorKind::Malformed)),
        (Fault::Answer(503, Vec::new(), String::new()), None, Some(ClientErrorKind::Unavailable)),
        (Fault::Answer(200, cookies.clone(), String::new()), Some("two words"), Some(ClientErrorKind::Malformed)),
        (Fault::Answer(200, cookies.clone(), String::new()), Some(""), Some(ClientErrorKind::Malformed)),
        (Fault::Answer(200, cookies.clone(), String::new()), Some("RzBFAiEA\n"), None),
    ] {
        api.fail_once("/session", session);
        if let Some(token) = token {
            api.fail_once("/session/token", Fault::Answer(200, Vec::new(), token.to_owned()));
        }
        let result = endpoint.log_in().await;
        assert_eq!(result.map(drop).map_err(|error| error.kind()), kind.map_or(Ok(()), Err));
    }
    let token = api.last();
    assert_eq!((token.path.as_str(), token.header("cookie")), ("/session/token", Some("JSESSIONID=n0de")));
    assert!(token.body.starts_with("expiration=20"), "{}", token.body);
}
