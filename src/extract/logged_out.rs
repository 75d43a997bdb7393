//! A logout as a part of a response.

use std::convert::Infallible;

use axum_core::response::{IntoResponseParts, ResponseParts};

use crate::auth::LoggedOut;

/// Appends the removal cookie, and forbids every cache to store the response.
impl IntoResponseParts for LoggedOut {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        self.apply(parts.headers_mut());
        Ok(parts)
    }
}
