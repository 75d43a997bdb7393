//! An endpoint as a `tower::Service`: it reads the body, and boxes the answer.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::endpoints::answer::EndpointBody;

/// The most bytes of a request's body. Our choice: a token of 4,096 bytes fits, even if each byte is percent-encoded.
pub const MAX_BODY_BYTES: usize = 16 * 1_024;

/// The answer of an endpoint, which is on its way.
#[must_use = "an endpoint answers when its future is awaited"]
pub struct EndpointFuture(Pin<Box<dyn Future<Output = Response<EndpointBody>> + Send>>);

impl EndpointFuture {
    pub(super) fn new(answer: impl Future<Output = Response<EndpointBody>> + Send + 'static) -> Self {
        Self(Box::pin(answer))
    }
}

impl Future for EndpointFuture {
    type Output = Result<Response<EndpointBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for EndpointFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointFuture").finish_non_exhaustive()
    }
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFault {
    TooLong,
    /// The connection ended, or what came is not HTTP.
    Broken,
}

/// The whole body.
pub(super) async fn read<B>(body: B) -> Result<Bytes, BodyFault>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyFault::TooLong),
        Err(_) => Err(BodyFault::Broken),
    }
}

/// Makes a service of an endpoint whose method `answer` takes the head of the request and its body.
macro_rules! impl_service {
    ($endpoint:ty) => {
        impl<B> tower::Service<http::Request<B>> for $endpoint
        where
            B: http_body::Body + Send + 'static,
            B::Data: Send,
            B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        {
            type Response = http::Response<crate::endpoints::answer::EndpointBody>;
            type Error = std::convert::Infallible;
            type Future = crate::endpoints::service::EndpointFuture;

            fn poll_ready(
                &mut self,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), std::convert::Infallible>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<B>) -> Self::Future {
                let endpoint = self.clone();
                let (parts, body) = request.into_parts();
                crate::endpoints::service::EndpointFuture::new(async move {
                    let body = crate::endpoints::service::read(body).await;
                    endpoint.answer(&parts, body).await
                })
            }
        }
    };
}

pub(super) use impl_service;
