//! The service of `RefusalLayer`.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use crate::respond::remembered::RememberedRequest;
use crate::respond::{OriginalUri, RefusalFuture, RespondToRefusal};

/// A service whose refusals get the response that fits the request. Created by [`RefusalLayer`](super::RefusalLayer).
pub struct RefusalService<S, R> {
    inner: S,
    respond: Arc<R>,
}

impl<S, R> RefusalService<S, R> {
    pub(crate) const fn new(inner: S, respond: Arc<R>) -> Self {
        Self { inner, respond }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for RefusalService<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RespondToRefusal<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = RefusalFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let remembered = RememberedRequest::of(&request, self.respond.needs_request_line());
        // A guard in a nested router gets only the rest of the target.
        if let Some(uri) = remembered.navigation().filter(|_| request.extensions().get::<OriginalUri>().is_none()) {
            request.extensions_mut().insert(OriginalUri(uri.clone()));
        }
        RefusalFuture::new(self.inner.call(request), remembered, Arc::clone(&self.respond))
    }
}

impl<S: Clone, R> Clone for RefusalService<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), respond: Arc::clone(&self.respond) }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for RefusalService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusalService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
