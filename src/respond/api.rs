//! The answers to programs: problem details, a challenge and `Retry-After`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::respond::challenge::Challenges;
use crate::respond::{RefusalKind, problem};
use crate::token::Abilities;

pub(super) const DEFAULT_REALM: &str = "members";
pub(super) const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The answers to programs, which depend on the kind of a refusal alone. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ApiResponses(Arc<Settings>);

#[derive(Debug, Clone)]
struct Settings {
    challenges: Challenges,
    retry_after: Duration,
}

impl ApiResponses {
    pub(super) fn set_realm(&mut self, realm: &str) {
        Arc::make_mut(&mut self.0).challenges = Challenges::new(realm);
    }

    pub(super) fn set_retry_after(&mut self, delay: Duration) {
        Arc::make_mut(&mut self.0).retry_after = delay;
    }

    /// The answer to a refusal of this kind, which names the missing abilities.
    pub(crate) fn answer<B: From<Bytes>>(&self, kind: RefusalKind, missing: Option<&Abilities>) -> Response<B> {
        let mut response = new_response(kind.status(), problem::MEDIA_TYPE, problem::body(kind));
        self.add_headers(kind, missing, &mut response);
        response
    }

    /// `WWW-Authenticate` and `Retry-After`, where they belong to this kind.
    pub(super) fn add_headers<B>(&self, kind: RefusalKind, missing: Option<&Abilities>, response: &mut Response<B>) {
        if let Some(challenge) = self.0.challenges.of(kind, missing) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if kind == RefusalKind::Unavailable {
            let seconds = self.0.retry_after.as_secs();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

impl Default for ApiResponses {
    fn default() -> Self {
        Self(Arc::new(Settings { challenges: Challenges::new(DEFAULT_REALM), retry_after: DEFAULT_RETRY_AFTER }))
    }
}

/// A response that no cache keeps.
pub(super) fn new_response<B: From<Bytes>>(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<B> {
    let mut response = Response::new(B::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
