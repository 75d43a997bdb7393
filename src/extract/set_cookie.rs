//! A token's cookie as a part of a response.

use std::convert::Infallible;

use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};

use crate::respond::SetTokenCookie;

/// Appends `Set-Cookie`, and forbids every cache to store the response.
impl IntoResponseParts for SetTokenCookie {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        self.apply(parts.headers_mut());
        Ok(parts)
    }
}

/// An empty response with the cookie.
impl IntoResponse for SetTokenCookie {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}
