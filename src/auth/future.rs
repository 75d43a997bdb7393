//! The future of a request that is authenticated first.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Request;
use pin_project_lite::pin_project;
use tower::Service;

use crate::auth::Authenticator;
use crate::auth::authenticator::Outcome;

pin_project! {
    /// Response future of [`TokenAuth`](super::TokenAuth).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Validating {
            validation: Pin<Box<dyn Future<Output = Outcome> + Send>>,
            request: Option<Request<B>>,
            inner: S,
            authenticator: Authenticator,
        },
        Inner {
            #[pin]
            future: S::Future,
        },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) const fn inner(future: S::Future) -> Self {
        Self { state: State::Inner { future } }
    }

    pub(super) const fn validating(
        validation: Pin<Box<dyn Future<Output = Outcome> + Send>>,
        request: Request<B>,
        inner: S,
        authenticator: Authenticator,
    ) -> Self {
        Self { state: State::Validating { validation, request: Some(request), inner, authenticator } }
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let future = match this.state.as_mut().project() {
                StateProj::Inner { future } => return future.poll(cx),
                StateProj::Validating { validation, request, inner, authenticator } => {
                    let outcome = ready!(validation.as_mut().poll(cx));
                    // Taken once: the state is left right below.
                    let Some(mut request) = request.take() else { return Poll::Pending };
                    authenticator.leave(outcome, &mut request);
                    inner.call(request)
                }
            };
            this.state.set(State::Inner { future });
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
