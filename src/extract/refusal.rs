//! A refusal as the response of a handler.

use axum_core::response::{IntoResponse, Response};

use crate::respond::{Refusal, log_refusal};

/// The response for API clients, because a refusal alone does not contain the request. It stays in the extensions of
/// the response, where a guard or a [`RefusalLayer`](crate::respond::RefusalLayer) finds it and writes the response
/// that fits the request.
impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        log_refusal(&mut self);
        let mut response = self.api_answer();
        response.extensions_mut().insert(self);
        response
    }
}
