//! [`ResponseFuture`]: the response of the service within, or of a repeated request.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use crate::client::bearer::BearerTokenError;
use crate::client::bearer::attempt::Attempt;

type Waiting<Res> = Pin<Box<dyn Future<Output = Result<Res, BearerTokenError>> + Send>>;

pin_project! {
    /// Response future of [`BearerTokenService`](crate::client::BearerTokenService). A request with a token that is in memory is
    /// in no box of its own; one that waits for a token, or is repeated, is.
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
        Passed {
            #[pin]
            future: S::Future,
        },
        Sent {
            #[pin]
            future: S::Future,
            attempt: Option<Attempt<S, B>>,
        },
        Waiting {
            future: Waiting<S::Response>,
        },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    /// The request is not ours: its response is passed on.
    pub(super) fn passed(future: S::Future) -> Self {
        Self { state: State::Passed { future } }
    }

    pub(super) fn sent(future: S::Future, attempt: Attempt<S, B>) -> Self {
        Self { state: State::Sent { future, attempt: Some(attempt) } }
    }

    pub(super) fn waiting(
        future: impl Future<Output = Result<S::Response, BearerTokenError>> + Send + 'static,
    ) -> Self {
        Self { state: State::Waiting { future: Box::pin(future) } }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Send,
    B: Send + 'static,
    ResBody: Send + 'static,
{
    type Output = Result<Response<ResBody>, BearerTokenError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let (response, attempt) = match state.as_mut().project() {
                StateProj::Passed { future } => return future.poll(cx).map_err(BearerTokenError::service),
                StateProj::Waiting { future } => return future.as_mut().poll(cx),
                StateProj::Sent { future, attempt } => {
                    let Poll::Ready(response) = future.poll(cx) else { return Poll::Pending };
                    (response.map_err(BearerTokenError::service)?, attempt.take())
                }
            };
            match attempt {
                Some(attempt) if attempt.settings.is_rejection(&response) => {
                    state.set(State::Waiting { future: Box::pin(attempt.repeat(response)) });
                }
                _ => return Poll::Ready(Ok(response)),
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
