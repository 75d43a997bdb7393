//! [`TokenAuth`], the service of the layer.

use std::mem;
use std::task::{Context, Poll};

use http::Request;
use tower::Service;

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
            Ok(outcome) => {
                self.authenticator.write_extensions(outcome, &mut request);
                ResponseFuture::inner(self.inner.call(request))
            }
            Err(pending) => {
                // Call the service that was polled ready; leave its clone, which is not ready, in its place.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::validating(Box::pin(pending.finish()), request, ready, self.authenticator.clone())
            }
        }
    }
}
