//! A request that was sent with a token, and what follows if the API rejects the token.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use tower::Service;

use crate::client::AccessToken;
use crate::client::bearer::BearerTokenError;
use crate::client::bearer::settings::Settings;
use crate::log::log_debug;

/// A request that is on its way.
pub(super) struct Attempt<S, B> {
    /// Not ready.
    pub(super) client: S,
    pub(super) settings: Arc<Settings>,
    /// What the request was sent with.
    pub(super) token: AccessToken,
    /// The same request without the token, if its body has a copy.
    pub(super) copy: Option<Request<B>>,
}

impl<S, B, ResBody> Attempt<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    pub(super) async fn send(&mut self, request: Request<B>) -> Result<Response<ResBody>, BearerTokenError> {
        poll_fn(|cx| self.client.poll_ready(cx)).await.map_err(BearerTokenError::service)?;
        self.client.call(request).await.map_err(BearerTokenError::service)
    }

    pub(super) async fn finish(self, response: Response<ResBody>) -> Result<Response<ResBody>, BearerTokenError> {
        if self.settings.is_rejection(&response) { self.repeat(response).await } else { Ok(response) }
    }

    /// Sends the request again with another token. Without one, or without a copy of the body, the rejection is the
    /// response. The manager gets another token in either case, so that the next request has it.
    pub(super) async fn repeat(
        mut self,
        mut response: Response<ResBody>,
    ) -> Result<Response<ResBody>, BearerTokenError> {
        let token = match self.settings.manager.access_token_after_rejection(&self.token).await {
            Ok(token) if token != self.token => token,
            Ok(_) => {
                log_debug!(
                    status = response.status().as_u16(),
                    "an API rejected the access token, and there is no other"
                );
                return Ok(response);
            }
            Err(error) => {
                log_debug!(status = response.status().as_u16(), kind = ?error.kind(), "an API rejected the access token, and another one is not to be had");
                response.extensions_mut().insert(error);
                return Ok(response);
            }
        };
        let Some(mut request) = self.copy.take() else {
            log_debug!(
                status = response.status().as_u16(),
                "an API rejected the access token of a request that cannot be repeated"
            );
            return Ok(response);
        };
        log_debug!(status = response.status().as_u16(), "a request is repeated with another access token");
        // Without its response, the connection can serve the repetition.
        drop(response);
        request.headers_mut().insert(AUTHORIZATION, token.header_value());
        self.settings.count_repetition();
        let response = self.send(request).await?;
        if !self.settings.is_rejection(&response) {
            self.settings.manager.accepted(&token);
        }
        Ok(response)
    }
}
