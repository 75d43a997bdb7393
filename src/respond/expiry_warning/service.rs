//! The service of `ExpiryWarningLayer`.

use std::task::{Context, Poll};

use http::{HeaderName, Request, Response};
use time::Duration;
use tower::Service;

use crate::respond::ExpiryWarningFuture;
use crate::respond::expiry_warning::date::http_date;
use crate::user::CurrentUser;

/// A service that warns of the end of an API token. Created by [`ExpiryWarningLayer`](super::ExpiryWarningLayer).
#[derive(Debug, Clone)]
pub struct ExpiryWarningService<S> {
    inner: S,
    within: Duration,
    header: HeaderName,
}

impl<S> ExpiryWarningService<S> {
    pub(super) const fn new(inner: S, within: Duration, header: HeaderName) -> Self {
        Self { inner, within, header }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ExpiryWarningService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ExpiryWarningFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let user = request.extensions().get::<CurrentUser>();
        let end = user.and_then(|user| user.token().ends_soon(user.checked_at(), self.within));
        let warning = end.and_then(http_date).map(|date| (self.header.clone(), date));
        ExpiryWarningFuture::new(self.inner.call(request), warning)
    }
}
