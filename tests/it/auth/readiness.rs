//! The inner service that was polled ready is the one that is called.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::{Layer, Service, ServiceExt};
use tower_tokens::policy::{SecurityPolicy, authenticated};

use crate::site::Site;

/// Panics if it is called before it was polled ready. A clone is not ready, whatever its original is.
#[derive(Default)]
struct Strict {
    is_ready: bool,
    /// Whether the next poll says "not yet".
    is_slow: Arc<AtomicBool>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { is_ready: false, is_slow: Arc::clone(&self.is_slow) }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<bytes::Bytes>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.is_slow.swap(false, Ordering::SeqCst) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<()>) -> Self::Future {
        assert!(self.is_ready, "called without being ready");
        self.is_ready = false;
        ready(Ok(Response::new(bytes::Bytes::from_static(b"secret"))))
    }
}

fn assert_send<F: Future + Send>(future: F) -> F {
    future
}

async fn drive<S>(mut service: S, token: &str, is_slow: &AtomicBool)
where
    S: Service<Request<()>, Response = Response<bytes::Bytes>, Error = Infallible, Future: Send>,
{
    for round in 0..3 {
        is_slow.store(round == 1, Ordering::SeqCst);
        let request = Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
        let response = assert_send(service.ready().await.unwrap().call(request)).await.unwrap();
        assert_eq!(response.body(), "secret");
    }
    // Two that overlap: the second must not use the readiness of the first.
    let request = || Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
    let first = service.ready().await.unwrap().call(request());
    let second = service.ready().await.unwrap().call(request());
    assert_eq!(second.await.unwrap().body(), "secret");
    assert_eq!(first.await.unwrap().body(), "secret");
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_called_whether_or_not_the_look_up_waits() {
    for site in [Site::new().await, Site::async_only().await] {
        let (inner, token) = (Strict::default(), site.member_token().await);
        let is_slow = Arc::clone(&inner.is_slow);
        drive(site.layer().layer(inner), &token, &is_slow).await;
    }
}

#[tokio::test]
async fn the_same_holds_behind_a_guard() {
    let policy = SecurityPolicy::new().scenario("members area", authenticated());
    for site in [Site::new().await, Site::async_only().await] {
        let (inner, token) = (Strict::default(), site.member_token().await);
        let is_slow = Arc::clone(&inner.is_slow);
        drive(site.layer().layer(policy.guard("members area").layer(inner)), &token, &is_slow).await;
    }
}
