//! The layer that puts a guard before a service.

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use crate::guard::Guard;
use crate::guard::check::GuardCheck;
use crate::guard::shared::Shared;
use crate::respond::RefusalResponses;

/// Allows a request only if a scenario allows its user. Made by [`SecurityPolicy::guard`](crate::policy::SecurityPolicy::guard).
///
/// It stands inside `TokenAuthLayer`, which finds the user. `R` writes the responses; see
/// [`RespondToRefusal`](crate::respond::RespondToRefusal). An example is in [`guard`](super).
#[must_use = "a guard protects nothing until it is a layer of a service"]
pub struct GuardLayer<R = RefusalResponses> {
    shared: Arc<Shared<R>>,
}

impl GuardLayer {
    pub(crate) fn new(check: impl GuardCheck + 'static, responses: RefusalResponses) -> Self {
        Self { shared: Arc::new(Shared { check: Arc::new(check), respond: responses }) }
    }
}

impl<R> GuardLayer<R> {
    /// Answers with `respond` instead of the policy's [`RefusalResponses`].
    ///
    /// # Example
    /// ```
    /// use tower_tokens::policy::{SecurityPolicy, level};
    /// use tower_tokens::respond::RefusalResponses;
    ///
    /// let policy = SecurityPolicy::new().scenario("admin panel", level("admin"));
    /// let guard = policy.guard("admin panel").with_respond(RefusalResponses::new().with_realm("the back office"));
    /// ```
    pub fn with_respond<R2>(self, respond: R2) -> GuardLayer<R2> {
        GuardLayer { shared: Arc::new(Shared { check: Arc::clone(&self.shared.check), respond }) }
    }
}

impl<S, R> Layer<S> for GuardLayer<R> {
    type Service = Guard<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Guard { inner, shared: Arc::clone(&self.shared) }
    }
}

impl<R> Clone for GuardLayer<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R> fmt::Debug for GuardLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardLayer").field("scenario", self.shared.check.scenario()).finish_non_exhaustive()
    }
}
