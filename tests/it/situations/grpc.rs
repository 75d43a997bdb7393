//! A gRPC service, called by tonic's client over HTTP/2.

use std::sync::Arc;

use axum::http::uri::PathAndQuery;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tonic::{Code, Status};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};
use tower_tokens::respond::RefusalKind;

use crate::http::Server;

#[path = "../../../examples/grpc.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

const WHO_AM_I: &str = "/club.Members/WhoAmI";

struct Club {
    server: Server,
    store: Arc<FaultyRepository<MemoryRepository>>,
}

impl Club {
    async fn open() -> Self {
        let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
        for (name, level) in [("ann", "member"), ("root", "admin"), ("guest", "stranger")] {
            store.create_level(level).await.unwrap();
            store.create_user(Some(name.into()), level).await.unwrap();
        }
        let server = Server::start(program::app(Tokens::new(Arc::clone(&store)))).await;
        Self { server, store }
    }

    async fn call(&self, method: &'static str, message: &str, token: Option<&str>) -> Result<String, Status> {
        let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<tonic::body::Body>();
        let origin = format!("http://{}", self.server.host()).parse().unwrap();
        let mut client = tonic::client::Grpc::with_origin(http, origin);
        client.ready().await.unwrap();
        let mut request = tonic::Request::new(message.to_owned());
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let reply = client.unary(request, PathAndQuery::from_static(method), program::Text).await?;
        Ok(reply.into_inner())
    }

    async fn log_in(&self, name: &str) -> String {
        self.call("/club.Members/LogIn", &format!("{name}:correct horse"), None).await.unwrap()
    }
}

fn metadata<'s>(status: &'s Status, name: &str) -> Option<&'s str> {
    status.metadata().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_client_logs_in_and_calls_with_its_token() {
    let club = Club::open().await;
    let token = club.log_in("ann").await;
    assert_eq!(club.call(WHO_AM_I, "hello", Some(&token)).await.unwrap(), "hello, you are ann, member");
    let admin = club.log_in("root").await;
    assert_eq!(club.call("/club.Members/Ban", "ann", Some(&admin)).await.unwrap(), "ann is banned");
}

#[tokio::test]
async fn each_refusal_is_a_status_with_its_message_and_its_challenge() {
    let club = Club::open().await;
    let (ann, guest) = (club.log_in("ann").await, club.log_in("guest").await);
    let stranger = club.call(WHO_AM_I, "hello", None).await.unwrap_err();
    assert_eq!((stranger.code(), stranger.message()), (Code::Unauthenticated, "This resource needs a token."));
    assert_eq!(metadata(&stranger, "www-authenticate"), Some(r#"Bearer realm="the club""#));

    let stale = club.call(WHO_AM_I, "hello", Some("stale")).await.unwrap_err();
    assert_eq!((stale.code(), stale.message()), (Code::Unauthenticated, "The token is not valid."));
    assert!(metadata(&stale, "www-authenticate").unwrap().contains(r#"error="invalid_token""#));

    let denied = club.call(WHO_AM_I, "hello", Some(&guest)).await.unwrap_err();
    assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, "This user may not do this."));

    club.store.fail();
    let unavailable = club.call(WHO_AM_I, "hello", Some(&ann)).await.unwrap_err();
    assert_eq!(unavailable.code(), Code::Unavailable);
    assert_eq!(metadata(&unavailable, "retry-after"), Some("5"));
}

#[tokio::test]
async fn what_a_method_refuses_is_a_status_too() {
    let club = Club::open().await;
    let ann = club.log_in("ann").await;
    let denied = club.call("/club.Members/Ban", "root", Some(&ann)).await.unwrap_err();
    assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, "not allowed"));
    let wrong = club.call("/club.Members/LogIn", "ann:wrong", None).await.unwrap_err();
    assert_eq!((wrong.code(), wrong.message()), (Code::Unauthenticated, "wrong name or password"));
    let unknown = club.call("/club.Members/Nothing", "", Some(&ann)).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_browser_with_grpc_web_gets_a_status_in_its_own_media_type() {
    let club = Club::open().await;
    let headers = [("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1"), ("sec-fetch-mode", "cors")];
    let answer = club.server.send("POST", WHO_AM_I, &headers).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("16")));
    assert_eq!(answer.header("content-type"), Some("application/grpc-web"));
}

#[test]
fn each_code_is_the_one_that_tonic_has_for_it() {
    for (kind, code) in [
        (RefusalKind::NoCredential, Code::Unauthenticated),
        (RefusalKind::InvalidRequest, Code::InvalidArgument),
        (RefusalKind::AlreadyUsed, Code::FailedPrecondition),
        (RefusalKind::AlreadyExists, Code::AlreadyExists),
        (RefusalKind::TooManyTokens, Code::ResourceExhausted),
        (RefusalKind::CrossSite, Code::PermissionDenied),
        (RefusalKind::NotFound, Code::NotFound),
        (RefusalKind::Unavailable, Code::Unavailable),
        (RefusalKind::Misconfigured, Code::Internal),
    ] {
        assert_eq!(Code::from(kind.grpc_code()), code, "{kind:?}");
    }
}
