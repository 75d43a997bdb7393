//! Requests to another API: nothing that is logged, by this crate or by the HTTP client, and no error, shows a token or a password.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt};
use tower_tokens::client::{
    BearerTokenError, BearerTokenLayer, ClientError, ErganiEndpoint, HttpPost, MemoryTokenStore, OAuth2Endpoint,
    StoredTokens, TokenEndpoint, TokenManager, TraccarEndpoint, UseToken,
};

use crate::client::api::{Api, Fault, hyper};
use crate::secrets::journal::Journal;

#[tokio::test]
async fn requests_with_tokens_show_no_secret() {
    let journal = Journal::open();
    let api = Api::start().await;
    let secret = journal.keep("s3cret-of-the-client");
    let endpoint =
        OAuth2Endpoint::client_credentials(HttpPost::new(hyper()), &api.url("/token"), "id", secret).unwrap();
    let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
    let layer = BearerTokenLayer::new(manager.clone()).with_origin(&api.origin()).unwrap();
    let client = layer.layer(hyper());
    journal.write(&(&endpoint, &manager, &layer, &client));
    for (access, refresh) in
        [("access-token-number-1", "refresh-token-number-1"), ("access-token-number-2", "refresh-token-2-of-it")]
    {
        let (access, refresh) = (journal.keep(access), journal.keep(refresh));
        api.state().access.insert(access.clone());
        let body = format!(r#"{{"access_token":"{access}","expires_in":60,"refresh_token":"{refresh}"}}"#);
        api.fail_once("/token", Fault::Answer(200, Vec::new(), body));
    }
    let get = || Request::get(api.url("/work")).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(client.clone().oneshot(get()).await.unwrap().status(), 200);
    api.state().access.remove("access-token-number-1");
    let future = client.clone().oneshot(get());
    journal.write(&future);
    assert_eq!(future.await.unwrap().status(), 200, "refreshed and repeated");
    let mut own = get();
    own.extensions_mut().insert(UseToken::new(journal.keep("a-token-of-this-request")).unwrap());
    journal.write(&own);
    assert_eq!(client.clone().oneshot(own).await.unwrap().status(), 401);
    api.revoke_access();
    api.fail("/token", Fault::Answer(503, Vec::new(), String::new()));
    let rejected = client.clone().oneshot(get()).await.unwrap();
    assert_eq!(rejected.status(), 401);
    journal.write(&rejected);
    journal.write_error(rejected.extensions().get::<ClientError>().unwrap());
    let _ = manager.log_out().await;
    api.state().heal();
    api.fail("/token", Fault::Answer(401, Vec::new(), String::new()));
    match client.oneshot(get()).await.unwrap_err() {
        error @ BearerTokenError::Token(_) => journal.write_error(&error),
        error => panic!("{error:?}"),
    }
    assert!(journal.says("a token endpoint was called") && journal.says("a request is repeated"), "nothing was logged");
    journal.assert_silent();
}

/// A server that answers with the request itself: its headers, and its body as it came and as a JSON text.
fn echo(status: u16, seen: Arc<Mutex<Vec<String>>>) -> HttpPost {
    HttpPost::new(tower::service_fn(move |request: Request<Full<Bytes>>| {
        let seen = Arc::clone(&seen);
        async move {
            use http_body_util::BodyExt as _;
            let (head, body) = request.into_parts();
            let header = head.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let body = String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap();
            seen.lock().unwrap().push(body.clone());
            let said = format!("{body} {}", header.unwrap_or_default());
            let answer = match head.uri.path() {
                path if path.ends_with("/token") => serde_json::json!({ "error": said, "error_description": said }),
                _ => serde_json::json!(said),
            };
            let response = Response::builder().status(status).header("set-cookie", "JSESSIONID=the-session-of-traccar");
            Ok::<_, std::convert::Infallible>(response.body(Full::<Bytes>::from(answer.to_string())).unwrap())
        }
    }))
}

#[tokio::test]
async fn a_server_that_repeats_what_it_was_sent_makes_no_error_show_it() {
    let journal = Journal::open();
    journal.keep("the-session-of-traccar");
    let password = journal.keep("correct/horse+battery=staple");
    let stored = StoredTokens::new(journal.keep("the-stored-access-token"))
        .with_refresh_token(journal.keep("the/stored+refresh=token"));
    let url = "https://api.example/token";
    for status in [200, 400, 401, 403, 500] {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let http = || echo(status, Arc::clone(&seen));
        let oauth2 = OAuth2Endpoint::password(http(), url, "ann", password.as_str()).unwrap();
        let oauth2 = oauth2.with_revocation_url(url).unwrap();
        let endpoints: [Box<dyn TokenEndpoint>; 5] = [
            Box::new(oauth2.clone().with_client_in_body("id", journal.keep("the-secret-in-the-body"))),
            Box::new(oauth2.with_client("id", journal.keep("the-secret-in-the-header"))),
            Box::new(
                OAuth2Endpoint::client_credentials(http(), url, "id", journal.keep("the-secret-of-the-client"))
                    .unwrap(),
            ),
            Box::new(ErganiEndpoint::new(http(), "https://api.example", "ann", password.as_str()).unwrap()),
            Box::new(TraccarEndpoint::new(http(), "https://api.example", "ann", password.as_str()).unwrap()),
        ];
        for endpoint in endpoints {
            journal.write(&endpoint);
            for result in [endpoint.log_in().await, endpoint.refresh(&stored).await] {
                journal.write_error(&result.unwrap_err());
            }
            if let Err(error) = endpoint.log_out(&stored).await {
                journal.write_error(&error);
            }
        }
        assert!(seen.lock().unwrap().len() > 10, "the secrets were sent");
    }
    journal.assert_silent();
}
