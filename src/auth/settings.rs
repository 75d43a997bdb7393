//! The settings of an authentication, which the layer and its services share.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::outage_log::OutageLog;
use crate::respond::RefusalResponses;
use crate::source::{SameOrigin, TokenSource};
use crate::validator::TokenValidator;

/// The settings of [`TokenAuthLayer`](super::TokenAuthLayer). Aligned so that the counter of their clones, which all threads
/// write, is in another line of the processor's cache than what they read.
#[derive(Debug, Clone)]
#[repr(align(128))]
pub(super) struct Settings {
    pub(super) validator: Arc<dyn TokenValidator>,
    pub(super) sources: Vec<TokenSource>,
    pub(super) same_origin: SameOrigin,
    pub(super) timeout: Duration,
    pub(super) responses: Option<RefusalResponses>,
    pub(super) outages: Arc<OutageLog>,
    /// Whether a user can be asked for again.
    pub(super) is_checkable: bool,
}
