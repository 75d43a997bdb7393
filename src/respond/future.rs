//! The future of a service whose refusals get their final response.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::respond::RespondToRefusal;
use crate::respond::remembered::RememberedRequest;

pin_project! {
    /// Response future of [`RefusalService`](super::RefusalService).
    pub struct RefusalFuture<F, R> {
        #[pin]
        response: F,
        remembered: RememberedRequest,
        respond: Arc<R>,
    }
}

impl<F, R> RefusalFuture<F, R> {
    pub(crate) const fn new(response: F, remembered: RememberedRequest, respond: Arc<R>) -> Self {
        Self { response, remembered, respond }
    }
}

impl<F, R, B, E> Future for RefusalFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: RespondToRefusal<B>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx))?;
        Poll::Ready(Ok(this.remembered.answer(response, &**this.respond)))
    }
}

impl<F, R> fmt::Debug for RefusalFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusalFuture").finish_non_exhaustive()
    }
}
