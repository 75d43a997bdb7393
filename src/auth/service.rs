//! [`TokenAuth`], the service of the layer.

use std::mem;
use std::task::{Context, Poll};

use http::Request;
use tower::Service;

use crate::auth::pending::Pending;
use crate::auth::{Authenticator, ResponseFuture};
use crate::request::RequestHead;

/// The service that [`TokenAuthLayer`](super::TokenAuthLayer) puts around an inner one.
#[derive(Debug, Clone)]
pub struct TokenAuth<S> {
    inner: S,
    authenticator: Authenticator,
}

impl<S> TokenAuth<S> {
    pub(super) const fn new(inner: S, authenticator: Authenticator) -> Self {
        Self { inner, authenticator }
    }
}

impl<S, B> Service<Request<B>> for TokenAuth<S>
where
    S: Service<Request<B>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.authenticator.start(RequestHead::of(&request)) {
            Ok(outcome) => self.authenticator.write_extensions(outcome, &mut request),
            Err(pending) => return self.wait(*pending, request),
        }
        ResponseFuture::inner(self.inner.call(request))
    }
}

impl<S> TokenAuth<S> {
    /// The future of a request whose token has to be waited for. The service that was polled ready is the one that will be called;
    /// its clone, which is not ready, takes its place. Apart from `call`, so that the future of a hit is written where it stays.
    #[cold]
    #[inline(never)]
    fn wait<B>(&mut self, pending: Pending, request: Request<B>) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>> + Clone,
    {
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::validating(Box::pin(pending.finish()), request, ready, self.authenticator.clone())
    }
}
