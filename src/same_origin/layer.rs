//! [`SameOriginLayer`] and its settings.

use std::sync::Arc;

use tower_layer::Layer;

use crate::respond::RefusalResponses;
use crate::same_origin::SameOriginService;
use crate::same_origin::shared::{Settings, Shared};
use crate::source::SameOrigin;

/// Refuses unsafe requests that another site caused. An example is in [`same_origin`](super).
///
/// `R` writes the response to a refusal; see [`RespondToRefusal`](crate::respond::RespondToRefusal).
#[derive(Debug)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct SameOriginLayer<R = RefusalResponses> {
    shared: Arc<Shared<R>>,
}

impl SameOriginLayer {
    /// The rule without a trusted origin, [`SameOrigin::new`], and the default [`RefusalResponses`].
    pub fn new() -> Self {
        Self::with_rule(SameOrigin::new())
    }

    /// This rule, and the default [`RefusalResponses`].
    pub fn with_rule(rule: SameOrigin) -> Self {
        let settings = Settings { rule, bypassed: Vec::new() };
        Self { shared: Arc::new(Shared { settings, respond: RefusalResponses::default() }) }
    }
}

impl<R> SameOriginLayer<R> {
    /// Answers with these responses; with `.responses(&policy)` as a [`SecurityPolicy`](crate::policy::SecurityPolicy) does.
    pub fn responses(self, responses: impl Into<RefusalResponses>) -> SameOriginLayer {
        self.with_respond(responses.into())
    }

    /// Answers with `respond`.
    pub fn with_respond<R2>(self, respond: R2) -> SameOriginLayer<R2> {
        SameOriginLayer { shared: Arc::new(Shared { settings: self.shared.settings.clone(), respond }) }
    }

    /// Allows every request to this path. For a route that other sites post forms to by agreement, such as `/saml/acs`
    /// or the return of a payment, and that checks a signature itself. Default: no such path.
    ///
    /// The path is compared byte for byte with the path of the request as this layer gets it, without the query.
    pub fn insecure_bypass_path(self, path: &str) -> Self
    where
        R: Clone,
    {
        let mut settings = self.shared.settings.clone();
        settings.bypassed.push(path.to_owned());
        Self { shared: Arc::new(Shared { settings, respond: self.shared.respond.clone() }) }
    }
}

impl Default for SameOriginLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Clone for SameOriginLayer<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S, R> Layer<S> for SameOriginLayer<R> {
    type Service = SameOriginService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        SameOriginService { inner, shared: Arc::clone(&self.shared) }
    }
}
