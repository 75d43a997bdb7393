//! `UserLevel` in a handler.

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::extract::AuthRejection;
use crate::user::UserLevel;

/// Refuses requests without a user, as [`extract`](mod@crate::extract) tells.
impl<S: Send + Sync> FromRequestParts<S> for UserLevel {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthRejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| AuthRejection::of(parts))
    }
}
