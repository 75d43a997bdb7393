//! The settings that all services of one layer share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, Response, StatusCode, Uri};

use crate::client::TokenManager;
use crate::client::origin::Origin;

type Rejection = dyn Fn(StatusCode, &HeaderMap) -> bool + Send + Sync;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) manager: TokenManager,
    pub(super) origins: Vec<Origin>,
    pub(super) rejection: Arc<Rejection>,
    repeated: Arc<AtomicU64>,
}

impl Settings {
    pub(super) fn new(manager: TokenManager) -> Self {
        let rejection = Arc::new(|status, _: &HeaderMap| status == StatusCode::UNAUTHORIZED);
        Self { manager, origins: Vec::new(), rejection, repeated: Arc::default() }
    }

    /// Whether the tokens are for this address.
    pub(super) fn is_for(&self, uri: &Uri) -> bool {
        self.origins.iter().any(|origin| origin.is_of(uri))
    }

    /// Whether the API says by this response that the token is not valid.
    pub(super) fn is_rejection<B>(&self, response: &Response<B>) -> bool {
        (self.rejection)(response.status(), response.headers())
    }

    pub(super) fn count_repetition(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("manager", &self.manager)
            .field("origins", &self.origins)
            .field("repeated", &self.repeated())
            .finish_non_exhaustive()
    }
}
