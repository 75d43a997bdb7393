//! What an extractor answers instead of calling the handler.

use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::head::RequestHead;
use crate::respond::{Answers, Refusal, RefusalKind, Respond, log_refusal};
use crate::user::Unauthenticated;

/// What the extractors answer instead of calling the handler: the same as a guard, byte for byte.
///
/// An extractor of `Result<CurrentUser, AuthRejection>` lets the handler look at the
/// [`refusal`](Self::refusal) and answer for itself.
pub struct AuthRejection(Box<Inner>);

struct Inner {
    refusal: Refusal,
    response: Response<Body>,
}

impl AuthRejection {
    /// The rejection of a request without a user. It is worded here, where the request can still be seen.
    pub(crate) fn of(parts: &Parts) -> Self {
        let mut refusal = match Unauthenticated::from_extensions(&parts.extensions) {
            Some(unauthenticated) => Refusal::from(unauthenticated),
            None => Refusal::new(RefusalKind::Misconfigured)
                .with_reason("an extractor found no user and no reason: add a TokenAuthLayer around this route"),
        };
        let head = RequestHead::of_parts(parts);
        let response = match parts.extensions.get::<Answers>() {
            Some(answers) => {
                refusal.mark_answered();
                answers.respond(&refusal, head)
            }
            // A guard or a `RefusalLayer` around this route knows better how to answer.
            None => Answers::default().respond(&refusal, head),
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
