//! The service behind a guard.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use crate::guard::ResponseFuture;
use crate::guard::check::{Deciding, GuardDecision};
use crate::guard::shared::Shared;
use crate::request::RequestHead;
use crate::respond::{Refusal, RefusalKind, RememberedRequest, RespondToRefusal};
use crate::user::{CurrentUser, Unauthenticated};

/// A service behind a guard. Made by [`GuardLayer`](super::GuardLayer).
pub struct Guard<S, R> {
    pub(crate) inner: S,
    pub(crate) shared: Arc<Shared<R>>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for Guard<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: RespondToRefusal<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, R, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let user = request.extensions().get::<CurrentUser>();
        if !CurrentUser::is_level_of(user, request.extensions()) {
            CurrentUser::correct_level_in(request.extensions_mut());
            return self.call(request);
        }
        let decision = match user {
            Some(user) => self.shared.check.decide(RequestHead::of(&request), user),
            None => GuardDecision::Refuse(self.refusal_without_user(&request)),
        };
        match decision {
            GuardDecision::Allow => {}
            GuardDecision::Refuse(refusal) => return self.refuse(refusal, &request),
            GuardDecision::Later(deciding) => return self.decide(deciding, request),
            #[cfg(feature = "axum")]
            GuardDecision::NeedsParts => return self.decide_with_parts(request),
        }
        let remembered = RememberedRequest::of(&request, self.shared.respond.needs_request_line());
        ResponseFuture::allowed(self.inner.call(request), remembered, Arc::clone(&self.shared))
    }
}

/// The futures of requests that are not allowed at once. Apart from `call`, so that the future of the others is written where it
/// stays.
impl<S, R> Guard<S, R> {
    #[cold]
    #[inline(never)]
    fn refuse<ReqBody, ResBody>(&self, refusal: Refusal, request: &Request<ReqBody>) -> ResponseFuture<S, R, ReqBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>>,
        R: RespondToRefusal<ResBody>,
    {
        ResponseFuture::refused(self.shared.refuse(refusal, request))
    }

    /// The service that was polled ready is the one that is called; its clone waits here.
    #[cold]
    #[inline(never)]
    fn decide<ReqBody>(&mut self, deciding: Deciding, request: Request<ReqBody>) -> ResponseFuture<S, R, ReqBody>
    where
        S: Service<Request<ReqBody>> + Clone,
    {
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        ResponseFuture::deciding(deciding, ready, request, Arc::clone(&self.shared))
    }

    #[cfg(feature = "axum")]
    #[cold]
    #[inline(never)]
    fn decide_with_parts<ReqBody, ResBody>(&mut self, request: Request<ReqBody>) -> ResponseFuture<S, R, ReqBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
        R: RespondToRefusal<ResBody>,
    {
        let Some(user) = request.extensions().get::<CurrentUser>().cloned() else {
            let refusal = self.refusal_without_user(&request);
            return self.refuse(refusal, &request);
        };
        let (parts, body) = request.into_parts();
        let deciding = self.shared.check.decide_with_parts(parts, &user);
        self.decide(deciding, Request::new(body))
    }

    fn refusal_without_user<B>(&self, request: &Request<B>) -> Refusal {
        let refusal = match Unauthenticated::from_extensions(request.extensions()) {
            Some(unauthenticated) => Refusal::from(unauthenticated),
            None => Refusal::new(RefusalKind::Misconfigured)
                .with_reason("no TokenAuthLayer was here: add one around the guard, outside of it"),
        };
        refusal.with_scenario(Arc::clone(self.shared.check.scenario()))
    }
}

impl<S: Clone, R> Clone for Guard<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Guard<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("inner", &self.inner)
            .field("scenario", self.shared.check.scenario())
            .finish_non_exhaustive()
    }
}
