//! A refusal as the response of a handler.

use axum_core::response::{IntoResponse, Response};

use crate::respond::{Answers, Refusal};

/// The answer for API clients, for a refusal alone knows no request. It stays in the extensions of the response.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = match self.answers() {
            Some(answers) => answers.api(self.kind()),
            None => Answers::default().api(self.kind()),
        };
        response.extensions_mut().insert(self);
        response
    }
}
