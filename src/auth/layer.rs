//! [`TokenAuthLayer`] and its settings.

use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use crate::auth::settings::Settings;
use crate::auth::{Authenticator, TokenAuth};
use crate::respond::RefusalResponses;
use crate::source::{SameOrigin, TokenSource};
use crate::validator::TokenValidator;

/// Turns the token in a request into a [`CurrentUser`](crate::user::CurrentUser) and a
/// [`UserLevel`](crate::user::UserLevel) in its extensions, or leaves
/// [`Unauthenticated`](crate::user::Unauthenticated) there.
///
/// It never answers a request itself: it reads, validates, writes extensions and calls the inner service. Only a guard
/// or an extractor refuses a request.
///
/// # Cost
/// The cheap ways to attach it are around the whole router, in one tuple with the other layers, such as
/// `.layer((token_auth, policy.guard("members area")))`, or not at all with the extractor `Authenticated`. Each separate `Router::layer` or
/// `route_layer` adds the cost of axum's own boxing again. [Architecture](crate::guide::architecture) has the figures.
///
/// # Panics
/// If a look-up has to wait in a Tokio runtime that was built without its time driver (`enable_time`). Outside of any
/// runtime the token counts as unavailable.
///
/// # Example
/// See the [module](crate::auth).
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct TokenAuthLayer {
    authenticator: Authenticator,
}

impl TokenAuthLayer {
    /// Validates tokens with `validator` (usually [`Tokens`](crate::lifecycle::Tokens)), reads the validator's own
    /// [sources](TokenValidator::sources), applies the [same-origin rule](SameOrigin), and waits at most 5 seconds.
    pub fn new(validator: impl TokenValidator) -> Self {
        let sources = validator.sources();
        let authenticator = Authenticator::new(Settings {
            validator: Arc::new(validator),
            sources,
            same_origin: SameOrigin::new(),
            timeout: Duration::from_secs(5),
            responses: None,
            outages: Arc::default(),
            is_checkable: false,
        });
        Self { authenticator }
    }

    /// Where a token may be, in order. Default: the validator's sources; for `Tokens` its cookie, then the session,
    /// then `Authorization: Bearer`.
    pub fn sources(mut self, sources: impl IntoIterator<Item = TokenSource>) -> Self {
        self.authenticator.settings_mut().sources = sources.into_iter().collect();
        self
    }

    /// Which requests may use ambient credentials. Default: [`SameOrigin::new`].
    pub fn same_origin(mut self, rule: SameOrigin) -> Self {
        self.authenticator.settings_mut().same_origin = rule;
        self
    }

    /// How long the look-ups of one request may take together. After this time the store counts as unavailable.
    /// Default: 5 seconds; our choice, well below the time-outs of browsers and proxies.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.authenticator.settings_mut().timeout = timeout;
        self
    }

    /// Lets the rule [`checked_now`](crate::policy::checked_now) ask the store for the token of a request again: by a guard, and by
    /// `make_sure_allowed` in a handler. Default: off.
    ///
    /// The text of the token stays in memory as long as the [`CurrentUser`](crate::user::CurrentUser) of the request or a clone of it
    /// does. `Debug` and serialization leave it out, and it is wiped. A request pays two allocations, and a counter that
    /// all threads share: put it on the layer of the routes that need it, if others are hot.
    ///
    /// # Example
    /// See [`checked_now`](crate::policy::checked_now).
    pub fn checkable(mut self) -> Self {
        self.authenticator.settings_mut().is_checkable = true;
        self
    }

    /// How extractors answer a request without a user on a route that has neither a guard nor a
    /// [`RefusalLayer`](crate::respond::RefusalLayer) around it: realm, login page and so on. Pass the
    /// [`SecurityPolicy`](crate::policy::SecurityPolicy), as `.responses(&policy)`. Default: the defaults of [`RefusalResponses`],
    /// without a login page.
    pub fn responses(mut self, responses: impl Into<RefusalResponses>) -> Self {
        self.authenticator.settings_mut().responses = Some(responses.into());
        self
    }

    /// The [`Authenticator`], which does what the layer does without wrapping a service.
    #[must_use]
    pub fn authenticator(&self) -> Authenticator {
        self.authenticator.clone()
    }
}

impl<S> Layer<S> for TokenAuthLayer {
    type Service = TokenAuth<S>;

    fn layer(&self, inner: S) -> TokenAuth<S> {
        TokenAuth::new(inner, self.authenticator.clone())
    }
}
