//! The layer for outgoing requests, around real HTTP clients, against a server that fails as a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::limit::ConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_tokens::client::{
    AccessToken, BearerTokenError, BearerTokenLayer, ClientError, ClientErrorKind, ErganiEndpoint, HttpPost,
    MemoryTokenStore, OAuth2Endpoint, TokenManager, UseToken,
};

use super::api::{Api, Fault, HyperClient, hyper};

fn layer(api: &Api) -> BearerTokenLayer {
    BearerTokenLayer::new(api.manager()).with_origin(&api.origin()).unwrap()
}

fn get(url: &str) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

fn post(url: &str, body: &str) -> Request<Full<Bytes>> {
    Request::post(url).header("x-kept", "yes").body(Full::from(body.to_owned())).unwrap()
}

/// The status and the text of a response.
async fn read<B>(response: Response<B>) -> (u16, String)
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn send<S, B>(client: &S, request: Request<Full<Bytes>>) -> (u16, String)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BearerTokenError> + Clone,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    read(client.clone().oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn a_request_gets_the_token_in_a_sensitive_header() {
    let api = Api::start().await;
    let saw_it = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&saw_it);
    let client = ServiceBuilder::new()
        .layer(layer(&api))
        .map_request(move |request: Request<Full<Bytes>>| {
            let is_sensitive = request.headers()["authorization"].is_sensitive();
            assert!(!format!("{request:?}").contains("access-1"));
            flag.store(is_sensitive, Ordering::SeqCst);
            request
        })
        .service(hyper());
    for _ in 0..3 {
        assert_eq!(send(&client, post(&api.url("/work"), "dig")).await, (200, "done: dig".to_owned()));
    }
    assert!(saw_it.load(Ordering::SeqCst));
    assert_eq!(api.last().header("authorization"), Some("Bearer access-1"));
    assert_eq!((api.count("/token"), api.count("/work")), (1, 3));
}

#[tokio::test]
async fn a_request_to_another_origin_passes_and_causes_no_login() {
    let (api, other) = (Api::start().await, Api::start().await);
    let layer = layer(&api);
    let client = layer.layer(hyper());
    for url in [other.url("/open"), api.url("/open").replace("127.0.0.1", "localhost")] {
        assert_eq!(send(&client, get(&url)).await, (200, "nothing".to_owned()), "{url}");
    }
    assert_eq!((api.count("/token"), other.count("/token")), (0, 0));
    let both = layer.with_origin(&other.origin()).unwrap().layer(hyper());
    assert_eq!(send(&both, get(&other.url("/open"))).await.1, "Bearer access-1");
    assert_eq!(send(&both, get(&api.url("/open"))).await.1, "Bearer access-1");
}

#[tokio::test]
async fn a_relative_address_passes_without_a_token() {
    let api = Api::start().await;
    let inner = tower::service_fn(async |request: Request<String>| {
        Ok::<_, std::io::Error>(Response::new(request.headers().contains_key("authorization")))
    });
    let mut client = layer(&api).layer(inner);
    let request = Request::get("/open").header("host", api.origin().trim_start_matches("http://")).body(String::new());
    assert!(!client.ready().await.unwrap().call(request.unwrap()).await.unwrap().into_body());
}

#[tokio::test]
async fn a_request_with_a_credential_of_its_own_keeps_it_and_is_not_repeated() {
    let (api, other) = (Api::start().await, Api::start().await);
    let client = layer(&api).layer(hyper());
    let mut own = get(&api.url("/work"));
    own.headers_mut().insert("authorization", "Basic YTpi".parse().unwrap());
    assert_eq!(send(&client, own).await.0, 401);
    assert_eq!(api.last().header("authorization"), Some("Basic YTpi"));

    let with = |url: &str, use_token: UseToken| {
        let mut request = get(url);
        request.extensions_mut().insert(use_token);
        request
    };
    let explicit = UseToken::new("of-this-user").unwrap();
    assert_eq!(send(&client, with(&api.url("/work"), explicit.clone())).await.0, 401);
    assert_eq!(api.last().header("authorization"), Some("Bearer of-this-user"));
    assert_eq!(send(&client, with(&api.url("/open"), UseToken::none())).await.1, "nothing");
    assert_eq!((api.count("/work"), api.count("/token")), (2, 0));
    assert_eq!(send(&client, with(&other.url("/open"), explicit)).await.1, "nothing", "it is not for other origins");
    assert!(!format!("{:?}", UseToken::new("of-this-user").unwrap()).contains("of-this"));
    assert_eq!(UseToken::new("a b").unwrap_err().kind(), ClientErrorKind::Malformed);
    let from_a_manager = UseToken::from(AccessToken::new("x").unwrap());
    assert_eq!(from_a_manager, UseToken::new("x").unwrap());
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_the_request_repeated_with_all_that_it_had() {
    let api = Api::start().await;
    let layer = layer(&api);
    let client = layer.layer(hyper());
    assert_eq!(send(&client, post(&api.url("/work"), "1")).await.0, 200);
    api.revoke_access();
    assert_eq!(send(&client, post(&api.url("/work?a=b"), "2")).await, (200, "done: 2".to_owned()));
    let seen = api.state().seen.clone();
    let [.., rejected, refresh, repeated] = &seen[..] else { panic!("too few requests") };
    assert_eq!(refresh.body, "grant_type=refresh_token&refresh_token=refresh-1");
    for request in [rejected, repeated] {
        let what = (request.method.as_str(), request.path.as_str(), request.body.as_str(), request.header("x-kept"));
        assert_eq!(what, ("POST", "/work", "2", Some("yes")));
    }
    assert_eq!(repeated.header("authorization"), Some("Bearer access-2"));
    assert_eq!(repeated.headers.get_all("authorization").iter().count(), 1);
    assert_eq!((layer.repeated_requests(), api.count("/token")), (1, 2));
}

#[tokio::test]
async fn a_token_that_ends_while_the_request_is_on_its_way_is_replaced() {
    let api = Api::start().await;
    let client = layer(&api).layer(hyper());
    api.fail_once("/work", Fault::EndToken);
    assert_eq!(send(&client, post(&api.url("/work"), "x")).await, (200, "done: x".to_owned()));
    assert_eq!((api.count("/work"), api.count("/token")), (2, 2));
}

#[tokio::test]
async fn an_api_that_answers_401_for_ever_is_sent_no_storm() {
    let api = Api::start().await;
    let layer = layer(&api);
    let client = layer.layer(hyper());
    api.fail("/work", Fault::Answer(401, Vec::new(), "never".to_owned()));
    assert_eq!(send(&client, get(&api.url("/work"))).await, (401, "never".to_owned()), "the API's own answer");
    assert_eq!((api.count("/work"), api.count("/token")), (2, 2), "a login, a refresh, and one repetition");
    for _ in 0..50 {
        assert_eq!(send(&client, get(&api.url("/work"))).await, (401, "never".to_owned()));
    }
    let (work, token) = (api.count("/work"), api.count("/token"));
    assert!(work <= 54 && token <= 4, "{work} requests, {token} for tokens");
}

#[tokio::test]
async fn a_hundred_requests_with_a_revoked_token_cause_one_refresh() {
    let api = Api::start().await;
    let layer = layer(&api);
    let client = layer.layer(hyper());
    assert_eq!(send(&client, get(&api.url("/work"))).await.0, 200);
    api.revoke_access();
    api.fail_once("/token", Fault::Late(Duration::from_millis(50)));
    let mut requests = JoinSet::new();
    for number in 0..100 {
        let (client, request) = (client.clone(), post(&api.url("/work"), &number.to_string()));
        requests.spawn(async move { (number, send(&client, request).await) });
    }
    while let Some(result) = requests.join_next().await {
        let (number, response) = result.unwrap();
        assert_eq!(response, (200, format!("done: {number}")));
    }
    assert_eq!(api.count("/token"), 2, "a login and a refresh");
    assert!(layer.repeated_requests() <= 100);
}

#[tokio::test]
async fn a_hundred_first_requests_cause_one_login() {
    let api = Api::start().await;
    let client = layer(&api).layer(hyper());
    let requests: JoinSet<_> = (0..100)
        .map(|_| {
            let (client, request) = (client.clone(), get(&api.url("/work")));
            async move { send(&client, request).await.0 }
        })
        .collect();
    assert_eq!(requests.join_all().await, [200; 100]);
    assert_eq!(api.count("/token"), 1);
}

#[tokio::test]
async fn a_body_that_cannot_be_copied_is_sent_once_and_the_next_request_works() {
    type Stream =
        StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<http_body::Frame<Bytes>, std::io::Error>>>>;
    let api = Api::start().await;
    let streaming: Client<_, Stream> = Client::builder(TokioExecutor::new()).build_http();
    let layer = layer(&api).repeat_with(|_: &Stream| None);
    let client = layer.layer(streaming);
    let request = || {
        let frames = vec![Ok(http_body::Frame::data(Bytes::from("part")))];
        Request::post(api.url("/work")).body(StreamBody::new(futures_util::stream::iter(frames))).unwrap()
    };
    assert_eq!(read(client.clone().oneshot(request()).await.unwrap()).await, (200, "done: part".to_owned()));
    api.revoke_access();
    let rejected = read(client.clone().oneshot(request()).await.unwrap()).await;
    assert_eq!(rejected, (401, "go away".to_owned()));
    assert_eq!((api.count("/work"), api.count("/token"), layer.repeated_requests()), (2, 2, 0));
    assert_eq!(read(client.oneshot(request()).await.unwrap()).await.0, 200, "there is another token already");
    assert_eq!((api.count("/work"), api.count("/token")), (3, 2));
}

#[tokio::test]
async fn a_refresh_that_hangs_leaves_the_rejection_as_the_answer_in_bounded_time() {
    let api = Api::start().await;
    let manager = api.manager().with_time_out(Duration::from_millis(100));
    let client = BearerTokenLayer::new(manager).with_origin(&api.origin()).unwrap().layer(hyper());
    assert_eq!(send(&client, get(&api.url("/work"))).await.0, 200);
    api.revoke_access();
    api.fail("/token", Fault::Hang);
    let rejected = tokio::time::timeout(Duration::from_secs(20), client.clone().oneshot(get(&api.url("/work"))));
    let rejected = rejected.await.unwrap().unwrap();
    let error = rejected.extensions().get::<ClientError>().unwrap();
    assert_eq!(error.kind(), ClientErrorKind::Unavailable);
    assert_eq!(read(rejected).await, (401, "go away".to_owned()));
    assert_eq!(api.count("/work"), 2);
}

#[tokio::test]
async fn without_a_token_no_request_is_sent_and_the_error_says_why() {
    let api = Api::start().await;
    let client = layer(&api).layer(hyper());
    let refusal = r#"{"error":"invalid_client","error_description":"no client s3cret"}"#;
    api.fail("/token", Fault::Answer(401, Vec::new(), refusal.to_owned()));
    for _ in 0..10 {
        match client.clone().oneshot(get(&api.url("/work"))).await.unwrap_err() {
            BearerTokenError::Token(error) => {
                assert_eq!(error.kind(), ClientErrorKind::Refused);
                let shown = format!("{error:?} {error}");
                assert!(!shown.contains("s3cret"), "{shown}");
            }
            error => panic!("{error:?}"),
        }
    }
    assert_eq!((api.count("/work"), api.count("/token")), (0, 1), "one login, and a pause");
}

#[tokio::test]
async fn the_error_of_the_client_is_passed_on_and_causes_no_refresh() {
    let api = Api::start().await;
    let resetting = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", resetting.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = resetting.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            stream.readable().await.unwrap();
            stream.set_zero_linger().unwrap();
        }
    });
    let layer = layer(&api).with_origin(&origin).unwrap();
    let error = layer.layer(hyper()).oneshot(get(&origin)).await.unwrap_err();
    let BearerTokenError::Service(inner) = &error else { panic!("{error:?}") };
    assert!(inner.is::<hyper_util::client::legacy::Error>());
    assert_eq!(error.to_string(), inner.to_string());
    assert_eq!((accepted.load(Ordering::SeqCst), api.count("/token")), (1, 1));

    // The same at the token endpoint.
    let endpoint = OAuth2Endpoint::client_credentials(HttpPost::new(hyper()), &origin, "id", "s3cret").unwrap();
    let manager = TokenManager::new(endpoint, MemoryTokenStore::new());
    let client = BearerTokenLayer::new(manager).with_origin(&api.origin()).unwrap().layer(hyper());
    let error = client.oneshot(get(&api.url("/work"))).await.unwrap_err();
    let BearerTokenError::Token(error) = error else { panic!("{error:?}") };
    assert_eq!((error.kind(), api.count("/work")), (ClientErrorKind::Unavailable, 0));
    server.abort();
}

#[tokio::test]
async fn only_what_the_application_names_is_a_rejection() {
    let api = Api::start().await;
    let layer = layer(&api).with_rejection(ErganiEndpoint::says_token_expired);
    let client = layer.layer(hyper());
    api.fail_once("/work", Fault::Answer(401, Vec::new(), "\"another reason\"".to_owned()));
    assert_eq!(send(&client, get(&api.url("/work"))).await, (401, "\"another reason\"".to_owned()));
    assert_eq!((api.count("/work"), api.count("/token")), (1, 1));
    let header = vec![("api-token-expired", "true".to_owned())];
    api.fail_once("/work", Fault::Answer(401, header.clone(), "\"Token expired\"".to_owned()));
    assert_eq!(send(&client, get(&api.url("/work"))).await.0, 200);
    assert_eq!((api.count("/work"), api.count("/token")), (3, 2));
    // The SDK for PHP repeated such a request 3,028 times in 4 seconds.
    api.fail("/work", Fault::Answer(401, header, "\"Token expired\"".to_owned()));
    for _ in 0..20 {
        assert_eq!(send(&client, get(&api.url("/work"))).await.0, 401);
    }
    assert!(
        api.count("/work") <= 3 + 20 + 3 && api.count("/token") <= 6,
        "{} {}",
        api.count("/work"),
        api.count("/token")
    );
    let teapot = |status: StatusCode, _: &HeaderMap| status == StatusCode::IM_A_TEAPOT;
    let other = Api::start().await;
    let client = self::layer(&other).with_rejection(teapot).layer(hyper());
    other.fail_once("/work", Fault::Answer(418, Vec::new(), String::new()));
    assert_eq!(send(&client, get(&other.url("/work"))).await.0, 200);
}

/// Counts connections, and hands them to a server.
async fn counting_proxy(target: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let mut to = tokio::net::TcpStream::connect(target.trim_start_matches("http://")).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
    (origin, connections)
}

#[tokio::test]
async fn the_repetition_uses_the_connection_of_the_rejected_request() {
    let api = Api::start().await;
    let (origin, connections) = counting_proxy(api.origin()).await;
    let client = layer(&api).with_origin(&origin).unwrap().layer(hyper());
    for _ in 0..5 {
        assert_eq!(send(&client, get(&(origin.clone() + "/work"))).await.0, 200);
        api.revoke_access();
    }
    assert_eq!((connections.load(Ordering::SeqCst), api.count("/work")), (1, 9));
}

/// A service that fails a test if it is called without having been polled ready, as its clones are.
struct Strict {
    is_ready: bool,
    client: HyperClient,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { is_ready: false, client: self.client.clone() }
    }
}

impl Service<Request<Full<Bytes>>> for Strict {
    type Response = Response<hyper::body::Incoming>;
    type Error = hyper_util::client::legacy::Error;
    type Future = hyper_util::client::legacy::ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "it was not polled ready");
        self.client.request(request)
    }
}

#[tokio::test]
async fn each_service_that_is_called_was_polled_ready() {
    let (api, other) = (Api::start().await, Api::start().await);
    let mut client = layer(&api).layer(Strict { is_ready: false, client: hyper() });
    for round in 0..6 {
        // The first waits for the login, the others are sent at once, and every second one is repeated.
        let response = client.ready().await.unwrap().call(get(&api.url("/work"))).await.unwrap();
        assert_eq!(response.status(), 200);
        let response = client.ready().await.unwrap().call(get(&other.url("/open"))).await.unwrap();
        assert_eq!(response.status(), 200);
        if round % 2 == 0 {
            api.revoke_access();
        }
    }
    assert_eq!(api.count("/work"), 6 + 3, "each of three revocations causes one repetition");
}

#[tokio::test]
async fn a_request_that_waits_for_a_token_keeps_no_place_that_the_login_needs() {
    let api = Api::start().await;
    // One place for all: requests of the application, and those of the endpoint.
    let limited = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(hyper());
    let manager = api.manager_over(HttpPost::new(limited.clone()));
    let mut client = BearerTokenLayer::new(manager).with_origin(&api.origin()).unwrap().layer(limited);
    for _ in 0..3 {
        let response = client.ready().await.unwrap().call(get(&api.url("/work")));
        let response = tokio::time::timeout(Duration::from_secs(5), response).await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        api.revoke_access();
    }
}

#[tokio::test]
async fn an_endpoint_may_use_a_client_that_has_the_layer() {
    let api = Api::start().await;
    let boxed = Arc::new(std::sync::OnceLock::<
        BoxCloneSyncService<Request<Full<Bytes>>, Response<hyper::body::Incoming>, BearerTokenError>,
    >::new());
    let later = Arc::clone(&boxed);
    let endpoint_client = tower::service_fn(move |request| later.get().unwrap().clone().oneshot(request));
    let manager = api.manager_over(HttpPost::new(endpoint_client));
    let layer = BearerTokenLayer::new(manager).with_origin(&api.origin()).unwrap();
    assert!(boxed.set(BoxCloneSyncService::new(layer.layer(hyper()))).is_ok());
    let response =
        tokio::time::timeout(Duration::from_secs(5), boxed.get().unwrap().clone().oneshot(get(&api.url("/work"))));
    assert_eq!(response.await.unwrap().unwrap().status(), 200);
    assert_eq!(api.state().seen[0].header("authorization"), Some("Basic aWQ6czNjcmV0"));
}

#[tokio::test]
async fn a_wrong_origin_is_refused_when_the_layer_is_built() {
    let manager = Api::start().await.manager();
    for bad in ["api.example", "https://api.example/v1", "http://api.example", "http://10.0.0.1:8080", "ftp://a", ""] {
        let error = BearerTokenLayer::new(manager.clone()).with_origin(bad).unwrap_err();
        assert_eq!(error.kind(), ClientErrorKind::Configuration, "{bad}");
    }
    let layer = BearerTokenLayer::new(manager);
    let shown = format!("{:?}", layer.clone().layer(hyper()));
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(layer.insecure_with_http_origin("http://api.example").is_ok());
}

/// A layer without the service of a test: what is measured is its own work.
#[tokio::test]
async fn a_fresh_token_costs_few_allocations() {
    use std::pin::pin;
    let api = Api::start().await;
    let manager = api.manager();
    let token = manager.access_token().await.unwrap();
    let inner =
        tower::service_fn(|_: Request<Full<Bytes>>| std::future::ready(Ok::<_, std::io::Error>(Response::new(()))));
    let layer = BearerTokenLayer::new(manager).with_origin("https://api.example").unwrap();
    let repeating = layer.clone().layer(inner);
    let once = layer.repeat_with(|_: &Full<Bytes>| None).layer(inner);
    let constant = tower::util::MapRequest::new(inner, move |mut request: Request<Full<Bytes>>| {
        request.headers_mut().insert("authorization", token.header_value());
        request
    });
    let request = || {
        let request = Request::post("https://api.example/work").header("content-type", "text/plain");
        request.body(Full::from("hello")).unwrap()
    };
    fn count<S>(mut client: S, request: impl Fn() -> Request<Full<Bytes>>) -> u64
    where
        S: Service<Request<Full<Bytes>>>,
    {
        let mut drive = |request| {
            let is_ready =
                pin!(client.call(request)).poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready();
            assert!(is_ready, "it waits for nothing");
        };
        drive(request());
        let last = request();
        allocation_counter::measure(|| drive(last)).count_total
    }
    let constant = count(constant, request);
    assert_eq!(count(once, request) - constant, 0, "without a copy");
    let copied = count(repeating, request) - constant;
    assert!(copied <= 4, "{copied} allocations for the copy");
}
