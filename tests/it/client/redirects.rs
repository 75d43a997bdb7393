//! A redirect to another host never gets the token, whoever follows it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use openidconnect::reqwest;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_tokens::client::BearerTokenLayer;

use super::api::{Api, hyper};

fn layer(api: &Api) -> BearerTokenLayer {
    BearerTokenLayer::new(api.manager()).with_origin(&api.origin()).unwrap()
}

/// A request that the API redirects there.
fn redirected<B: Default>(api: &Api, to: &str) -> Request<B> {
    Request::get(api.url("/redirect")).header("x-to", to).body(B::default()).unwrap()
}

/// Which header arrives where the redirect leads.
async fn arrives<S, B, ResBody>(client: &S, api: &Api, to: &str) -> String
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: std::fmt::Debug,
    B: Default,
    ResBody: http_body::Body<Error: std::fmt::Debug>,
{
    let response = client.clone().oneshot(redirected(api, to)).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn check<S, B, ResBody>(client: S, api: &Api, other: &Api)
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: std::fmt::Debug,
    B: Default,
    ResBody: http_body::Body<Error: std::fmt::Debug>,
{
    assert_eq!(arrives(&client, api, "/open").await, "Bearer access-1", "the same origin");
    assert_eq!(arrives(&client, api, &other.url("/open")).await, "nothing", "another port");
    let local = api.url("/open").replace("127.0.0.1", "localhost");
    assert_eq!(arrives(&client, api, &local).await, "nothing", "another name of the same host");
    for seen in &other.state().seen {
        assert_eq!(seen.header("authorization"), None);
    }
}

#[tokio::test]
async fn a_layer_around_this_one_follows() {
    let (api, other) = (Api::start().await, Api::start().await);
    let client = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(layer(&api)).service(hyper());
    check(client, &api, &other).await;
}

#[tokio::test]
async fn a_layer_within_this_one_follows() {
    let (api, other) = (Api::start().await, Api::start().await);
    let client = ServiceBuilder::new().layer(layer(&api)).layer(FollowRedirectLayer::new()).service(hyper());
    check(client, &api, &other).await;
}

#[tokio::test]
async fn reqwest_follows_and_its_requests_are_repeated() {
    let (api, other) = (Api::start().await, Api::start().await);
    let inner = reqwest::Client::new();
    let layer = layer(&api);
    let client = layer.layer(tower::service_fn(move |request: Request<Bytes>| {
        let inner = inner.clone();
        async move { inner.execute(request.try_into()?).await.map(Response::<reqwest::Body>::from) }
    }));
    check(client.clone(), &api, &other).await;

    api.revoke_access();
    let request = Request::post(api.url("/work")).body("hello".into()).unwrap();
    let response = reqwest::Response::from(client.clone().oneshot(request).await.unwrap());
    assert_eq!(response.text().await.unwrap(), "done: hello");
    assert_eq!((api.count("/work"), layer.repeated_requests()), (2, 1));
}

#[tokio::test]
async fn bodies_of_reqwest_are_repeated_if_their_bytes_are_there() {
    let api = Api::start().await;
    let inner = reqwest::Client::new();
    let layer = layer(&api).repeat_with(|body: &reqwest::Body| body.as_bytes().map(|bytes| bytes.to_vec().into()));
    let client = layer.layer(tower::service_fn(move |request: Request<reqwest::Body>| {
        let inner = inner.clone();
        async move { inner.execute(request.try_into()?).await.map(Response::<reqwest::Body>::from) }
    }));
    for (body, status) in [(reqwest::Body::from("whole"), 200), (reqwest::Body::wrap("a stream".to_owned()), 401)] {
        api.revoke_access();
        let request = Request::post(api.url("/work")).body(body).unwrap();
        assert_eq!(client.clone().oneshot(request).await.unwrap().status(), status);
    }
}
