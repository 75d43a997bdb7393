//! [`SameOriginService`], the service of the layer.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use crate::log::log_debug;
use crate::request::RequestHead;
use crate::respond::{Refusal, RefusalKind, RespondToRefusal};
use crate::same_origin::ResponseFuture;
use crate::same_origin::shared::Shared;

/// Accepts unsafe requests only from this site's own pages and from programs. Created by
/// [`SameOriginLayer`](super::SameOriginLayer).
#[derive(Debug)]
pub struct SameOriginService<S, R> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared<R>>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for SameOriginService<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RespondToRefusal<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let head = RequestHead::of(&request);
        if self.shared.settings.allows(&head) {
            return ResponseFuture::passed(self.inner.call(request));
        }
        log_debug!(method = %request.method(), "a request that another site caused was refused");
        let refusal = Refusal::new(RefusalKind::CrossSite);
        let mut response = self.shared.respond.respond(&refusal, head);
        response.extensions_mut().insert(refusal);
        ResponseFuture::refused(response)
    }
}

impl<S: Clone, R> Clone for SameOriginService<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}
