//! `Option<CurrentUser>` in a handler.

use axum_core::extract::OptionalFromRequestParts;
use http::request::Parts;

use crate::extract::AuthRejection;
use crate::user::{CurrentUser, Reason, Unauthenticated};

/// `None` for a request without a credential, or with one that a browser sent by itself and that has ended: nobody's
/// fault. Refuses a bad explicit credential, ambiguous ones, cross-site requests, and when nothing is known. So it is
/// not for a login route: that takes `Option<Extension<CurrentUser>>`, see [`extract`](mod@crate::extract).
impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthRejection> {
        Self::correct_level_in(&mut parts.extensions);
        if let Some(user) = parts.extensions.get::<Self>() {
            return Ok(Some(user.clone()));
        }
        match Unauthenticated::from_extensions(&parts.extensions) {
            Some(unauthenticated) if is_nobody(unauthenticated) => Ok(None),
            _ => Err(AuthRejection::of(parts)),
        }
    }
}

const fn is_nobody(unauthenticated: Unauthenticated) -> bool {
    match unauthenticated.reason() {
        Reason::NoCredential => true,
        Reason::Invalid | Reason::Malformed => !unauthenticated.has_explicit_credential(),
        Reason::Ambiguous | Reason::CrossSite | Reason::Unavailable => false,
    }
}
