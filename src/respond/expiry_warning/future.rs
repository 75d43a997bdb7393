//! The future of a service that warns of the end of an API token.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderName, HeaderValue, Response};
use pin_project_lite::pin_project;

pin_project! {
    /// Response future of [`ExpiryWarningService`](super::ExpiryWarningService).
    pub struct ExpiryWarningFuture<F> {
        #[pin]
        response: F,
        warning: Option<(HeaderName, HeaderValue)>,
    }
}

impl<F> ExpiryWarningFuture<F> {
    pub(super) const fn new(response: F, warning: Option<(HeaderName, HeaderValue)>) -> Self {
        Self { response, warning }
    }
}

impl<F, B, E> Future for ExpiryWarningFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.response.poll(cx))?;
        if let Some((name, date)) = this.warning.take() {
            response.headers_mut().insert(name, date);
        }
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for ExpiryWarningFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpiryWarningFuture").finish_non_exhaustive()
    }
}
