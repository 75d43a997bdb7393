//! The response of an extractor that refuses the request.

use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::auth::Authenticator;
use crate::request::RequestHead;
use crate::respond::{Refusal, RefusalKind, RefusalResponses, RespondToRefusal, log_refusal};
use crate::user::Unauthenticated;

/// The response of an extractor that refuses the request: the same as a guard's, byte for byte.
///
/// With an extractor of `Result<CurrentUser, AuthRejection>` the handler can read the [`refusal`](Self::refusal) and
/// choose its own response.
pub struct AuthRejection(Box<Inner>);

struct Inner {
    refusal: Refusal,
    response: Response<Body>,
}

impl AuthRejection {
    /// The rejection of a request without a user. The response is written here, where the request is available.
    pub(crate) fn of(parts: &Parts) -> Self {
        let refusal = match Unauthenticated::from_extensions(&parts.extensions) {
            Some(unauthenticated) => Refusal::from(unauthenticated),
            None => Refusal::new(RefusalKind::Misconfigured)
                .with_reason("an extractor found no user and no reason: add a TokenAuthLayer around this route"),
        };
        Self::answering(refusal, parts)
    }

    /// The rejection of a request in which an extractor with this authenticator found no user. Leaves the reason in the
    /// request, as a layer does.
    pub(crate) fn by(authenticator: &Authenticator, unauthenticated: Unauthenticated, parts: &mut Parts) -> Self {
        authenticator.write_reason(unauthenticated, None, &mut parts.extensions);
        Self::of(parts)
    }

    /// The rejection of a request whose user has no data of the type that a handler wants.
    pub(crate) fn without_data(parts: &Parts) -> Self {
        let why =
            "a handler wants data of a user that the store does not bring along: name its columns with UserTable::data";
        Self::answering(Refusal::new(RefusalKind::Misconfigured).with_reason(why), parts)
    }

    fn answering(mut refusal: Refusal, parts: &Parts) -> Self {
        let head = RequestHead::of_parts(parts);
        let response = match parts.extensions.get::<RefusalResponses>() {
            Some(responses) => {
                refusal.mark_answered();
                responses.respond(&refusal, head)
            }
            // A guard or a `RefusalLayer` around this route writes the response that fits best.
            None => RefusalResponses::default().respond(&refusal, head),
        };
        Self(Box::new(Inner { refusal, response }))
    }

    /// Why the request is refused.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }
}

impl IntoResponse for AuthRejection {
    fn into_response(self) -> Response {
        let Inner { mut refusal, mut response } = *self.0;
        log_refusal(&mut refusal);
        response.extensions_mut().insert(refusal);
        response
    }
}

impl fmt::Debug for AuthRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthRejection").field(&self.0.refusal).finish()
    }
}

impl fmt::Display for AuthRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.refusal.fmt(f)
    }
}

impl std::error::Error for AuthRejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.refusal.source()
    }
}
