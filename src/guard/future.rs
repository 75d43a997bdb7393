//! The response of a guarded service, or the refusal.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Request, Response, header};
use pin_project_lite::pin_project;
use tower::Service;

use crate::guard::check::{Decided, Deciding};
use crate::guard::shared::Shared;
use crate::respond::{RememberedRequest, RespondToRefusal};

pin_project! {
    /// The response of a [`Guard`](super::Guard).
    pub struct ResponseFuture<S, R, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, R, ReqBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        Allowed {
            #[pin]
            response: S::Future,
            remembered: RememberedRequest,
            shared: Arc<Shared<R>>,
        },
        Refused {
            response: Option<S::Response>,
        },
        Deciding {
            waiting: Option<Box<Waiting<S, R, ReqBody>>>,
        },
    }
}

/// A request whose rule has not answered yet, and the service that was ready for it.
struct Waiting<S, R, ReqBody> {
    deciding: Deciding,
    ready: S,
    request: Request<ReqBody>,
    shared: Arc<Shared<R>>,
}

impl<S, R, ReqBody> ResponseFuture<S, R, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    #[inline(always)]
    pub(crate) const fn allowed(response: S::Future, remembered: RememberedRequest, shared: Arc<Shared<R>>) -> Self {
        Self { state: State::Allowed { response, remembered, shared } }
    }

    pub(crate) const fn refused(response: S::Response) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(crate) fn deciding(deciding: Deciding, ready: S, request: Request<ReqBody>, shared: Arc<Shared<R>>) -> Self {
        Self { state: State::Deciding { waiting: Some(Box::new(Waiting { deciding, ready, request, shared })) } }
    }
}

impl<S, R, ReqBody, ResBody> Future for ResponseFuture<S, R, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RespondToRefusal<ResBody>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Allowed { response, remembered, shared } => {
                    let response = ready!(response.poll(cx))?;
                    return Poll::Ready(Ok(keep_private(remembered.answer(response, &shared.respond))));
                }
                StateProj::Refused { response } => {
                    // A future that is polled after its end never ends.
                    return response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
                StateProj::Deciding { waiting } => {
                    let Some(asked) = waiting else { return Poll::Pending };
                    let Decided { refusal, parts, user } = ready!(asked.deciding.as_mut().poll(cx));
                    let Some(asked) = waiting.take() else { return Poll::Pending };
                    let Waiting { mut ready, mut request, shared, .. } = *asked;
                    if let Some(parts) = parts {
                        request = Request::from_parts(parts, request.into_body());
                    }
                    if let Some(user) = user {
                        user.insert_into(request.extensions_mut());
                    }
                    state.set(match refusal {
                        None => {
                            let remembered = RememberedRequest::of(&request, shared.respond.needs_request_line());
                            State::Allowed { response: ready.call(request), remembered, shared }
                        }
                        Some(refusal) => State::Refused { response: Some(shared.refuse(refusal, &request)) },
                    });
                }
            }
        }
    }
}

/// Keeps a member's page out of shared caches.
fn keep_private<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private"));
    response
}

impl<S, R, ReqBody> fmt::Debug for ResponseFuture<S, R, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
