//! Extracts `CurrentUser` in a handler.

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::extract::AuthRejection;
use crate::user::CurrentUser;

/// Refuses requests without a user, as described in [`extract`](mod@crate::extract). Answers 500 and writes a log line
/// if no `TokenAuthLayer` ran.
impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthRejection> {
        Self::correct_level_in(&mut parts.extensions);
        parts.extensions.get::<Self>().cloned().ok_or_else(|| AuthRejection::of(parts))
    }
}
