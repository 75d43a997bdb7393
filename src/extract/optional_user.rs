//! Extracts `Option<CurrentUser>` in a handler.

use axum_core::extract::OptionalFromRequestParts;
use http::request::Parts;

use crate::extract::AuthRejection;
use crate::user::{CurrentUser, Reason, Unauthenticated};

/// `None` for a request without a credential, or with an ambient one that has ended, which is no error of its sender.
/// Refuses an invalid explicit credential, ambiguous ones, cross-site requests, and an outage. So it does not suit a
/// login route: use `Option<Extension<CurrentUser>>` there, see [`extract`](mod@crate::extract).
impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthRejection> {
        Self::correct_level_in(&mut parts.extensions);
        if let Some(user) = parts.extensions.get::<Self>() {
            return Ok(Some(user.clone()));
        }
        match Unauthenticated::from_extensions(&parts.extensions) {
            Some(unauthenticated) if has_no_user(unauthenticated) => Ok(None),
            _ => Err(AuthRejection::of(parts)),
        }
    }
}

const fn has_no_user(unauthenticated: Unauthenticated) -> bool {
    match unauthenticated.reason() {
        Reason::NoCredential => true,
        Reason::Invalid | Reason::Malformed => !unauthenticated.has_explicit_credential(),
        Reason::Ambiguous | Reason::CrossSite | Reason::Unavailable => false,
    }
}
