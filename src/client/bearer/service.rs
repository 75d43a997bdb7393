//! [`BearerTokenService`], the service of the layer.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use tower::Service;

use crate::client::AccessToken;
use crate::client::bearer::attempt::Attempt;
use crate::client::bearer::settings::Settings;
use crate::client::bearer::{BearerTokenError, RepeatBody, ResponseFuture, UseToken};

/// Adds access tokens to requests. Created by [`BearerTokenLayer`](crate::client::BearerTokenLayer).
#[derive(Clone)]
pub struct BearerTokenService<S, R> {
    pub(super) inner: S,
    pub(super) settings: Arc<Settings>,
    pub(super) repeat: R,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for BearerTokenService<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Send,
    R: RepeatBody<ReqBody>,
    ReqBody: Send + 'static,
    ResBody: Send + 'static,
{
    type Response = Response<ResBody>;
    type Error = BearerTokenError;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(BearerTokenError::service)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        if !self.settings.is_for(request.uri()) || request.headers().contains_key(AUTHORIZATION) {
            return ResponseFuture::passed(self.inner.call(request));
        }
        if let Some(use_token) = request.extensions_mut().remove::<UseToken>() {
            if let Some(token) = use_token.token() {
                add(&mut request, token);
            }
            return ResponseFuture::passed(self.inner.call(request));
        }
        let copy = self.repeat.repeat(request.body()).map(|body| copy(&request, body));
        let settings = Arc::clone(&self.settings);
        // It is not ready: the one that is was polled for the first request.
        let client = self.inner.clone();
        if let Some(token) = self.settings.manager.access_token_now() {
            add(&mut request, &token);
            let attempt = Attempt { client, settings, token, copy };
            return ResponseFuture::sent(self.inner.call(request), attempt);
        }
        // What is ready may keep a place that the endpoint's requests need: it is given back while this one waits.
        self.inner = client.clone();
        ResponseFuture::waiting(async move {
            let token = settings.manager.access_token().await.map_err(BearerTokenError::Token)?;
            add(&mut request, &token);
            let mut attempt = Attempt { client, settings, token, copy };
            let response = attempt.send(request).await?;
            attempt.finish(response).await
        })
    }
}

impl<S: fmt::Debug, R> fmt::Debug for BearerTokenService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerTokenService")
            .field("inner", &self.inner)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

pub(super) fn add<B>(request: &mut Request<B>, token: &AccessToken) {
    request.headers_mut().insert(AUTHORIZATION, token.header_value());
}

fn copy<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    request.method().clone_into(copy.method_mut());
    request.uri().clone_into(copy.uri_mut());
    *copy.version_mut() = request.version();
    request.headers().clone_into(copy.headers_mut());
    request.extensions().clone_into(copy.extensions_mut());
    copy
}
