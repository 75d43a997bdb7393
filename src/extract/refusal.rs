//! A refusal as the response of a handler.

use axum_core::response::{IntoResponse, Response};

use crate::respond::{Answers, Refusal, log_refusal};

/// The answer for API clients, for a refusal alone knows no request. It stays in the extensions of the response, where a
/// guard or a [`RefusalLayer`](crate::respond::RefusalLayer) finds it and answers as the request asks for it.
impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        log_refusal(&mut self);
        let mut response = match self.answers() {
            Some(answers) => answers.api(self.kind()),
            None => Answers::default().api(self.kind()),
        };
        response.extensions_mut().insert(self);
        response
    }
}
