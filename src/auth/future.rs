//! The future of a request that is authenticated before the inner service is called.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Request;
use pin_project_lite::pin_project;
use tower::Service;

use crate::auth::Authenticator;
use crate::user::{CurrentUser, Unauthenticated};

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
            waiting: Option<Box<Waiting<S, B>>>,
        },
        Inner {
            #[pin]
            future: S::Future,
        },
    }
}

/// A request whose token is being looked up, and the inner service that is ready for it. Boxed, so that the future of a
/// hit stays small.
struct Waiting<S, B> {
    validation: Pin<Box<dyn Future<Output = Result<CurrentUser, Unauthenticated>> + Send>>,
    request: Request<B>,
    ready: S,
    authenticator: Authenticator,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    #[inline(always)]
    pub(super) const fn inner(future: S::Future) -> Self {
        Self { state: State::Inner { future } }
    }

    pub(super) fn validating(
        validation: Pin<Box<dyn Future<Output = Result<CurrentUser, Unauthenticated>> + Send>>,
        request: Request<B>,
        ready: S,
        authenticator: Authenticator,
    ) -> Self {
        Self {
            state: State::Validating { waiting: Some(Box::new(Waiting { validation, request, ready, authenticator })) },
        }
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Inner { future } => return future.poll(cx),
                StateProj::Validating { waiting } => {
                    let Some(asked) = waiting else { return Poll::Pending };
                    let outcome = ready!(asked.validation.as_mut().poll(cx));
                    let Some(asked) = waiting.take() else { return Poll::Pending };
                    let Waiting { mut request, mut ready, authenticator, .. } = *asked;
                    authenticator.write_extensions(outcome, &mut request);
                    let future = ready.call(request);
                    state.set(State::Inner { future });
                }
            }
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
