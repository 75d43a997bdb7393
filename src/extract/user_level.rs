//! Extracts `UserLevel` in a handler.

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::extract::AuthRejection;
use crate::user::{CurrentUser, UserLevel};

/// The level of the [`CurrentUser`]. Refuses requests without a user, as described in [`extract`](mod@crate::extract).
impl<S: Send + Sync> FromRequestParts<S> for UserLevel {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthRejection> {
        CurrentUser::correct_level_in(&mut parts.extensions);
        parts.extensions.get::<CurrentUser>().map(|user| user.level().clone()).ok_or_else(|| AuthRejection::of(parts))
    }
}
