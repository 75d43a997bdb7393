//! Authenticates a request without the layer.

use std::sync::Arc;

use http::{Extensions, Request};

use crate::auth::check::checkable;
use crate::auth::claimed_user::confirmed;
use crate::auth::pending::Pending;
use crate::auth::resolution::Resolution;
use crate::auth::settings::Settings;
use crate::request::RequestHead;
use crate::respond::{OriginalUri, is_page_request};
use crate::source::{Candidate, Candidates, Credential, Value};
use crate::token::TokenKey;
use crate::user::{CurrentUser, Unauthenticated};
use crate::validator::Validation;

/// Does what [`TokenAuthLayer`](super::TokenAuthLayer) does to every request, without the layer: for frameworks that do
/// not use Tower services, and for the extractor `Authenticated`. Cheap to clone; created by
/// [`TokenAuthLayer::authenticator`](super::TokenAuthLayer::authenticator).
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Settings>);

impl Authenticator {
    pub(super) fn new(settings: Settings) -> Self {
        Self(Arc::new(settings))
    }

    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0
    }

    /// Authenticates without waiting: no boxed future, no copy of a token. `None` if a session or a store has to be
    /// waited for; call [`authenticate`](Self::authenticate) in place of this method to get the answer in both cases.
    #[must_use]
    pub fn authenticate_now(&self, head: RequestHead<'_>) -> Option<Result<CurrentUser, Unauthenticated>> {
        self.start(head).ok()
    }

    /// The user of this request, or why there is no user. The future borrows nothing from the request.
    ///
    /// What is in memory is used at once, and nothing is looked up twice. Every other look-up must answer
    /// within the time-out of the layer, or it counts as unavailable. Waiting needs a Tokio runtime with its time
    /// driver; outside of any runtime, every look-up that has to wait counts as unavailable.
    ///
    /// To check an open connection again, keep the head of the request that opened it and call this again.
    ///
    /// # Panics
    /// If it is polled in a Tokio runtime without its time driver (`enable_time`) and a look-up has to wait.
    ///
    /// # Errors
    /// [`Unauthenticated`] if the request has no user. This is an ordinary result, not a failure.
    pub fn authenticate(
        &self,
        head: RequestHead<'_>,
    ) -> impl Future<Output = Result<CurrentUser, Unauthenticated>> + Send + use<> {
        let started = self.start(head);
        async move {
            match started {
                Ok(outcome) => outcome,
                // Boxed, so that the future of a hit stays small.
                Err(pending) => Box::pin(pending.finish()).await,
            }
        }
    }

    /// Authenticates as far as possible without waiting: returns the result, or the part that has to wait.
    pub(super) fn start(&self, head: RequestHead<'_>) -> Result<Result<CurrentUser, Unauthenticated>, Box<Pending>> {
        let Settings { sources, same_origin, outages, .. } = &*self.0;
        let mut candidates = Candidates::new(sources, same_origin, &head);
        let mut resolution = Resolution::new();
        while !resolution.is_settled() {
            let Some(value) = candidates.next_value(resolution.has_winner()) else { break };
            // Texts, which most requests carry, apart from the others: as candidates they would be copied several times.
            let Value::Text(text) = value else {
                let candidate = candidates.candidate(value);
                let Candidate { kind, source, .. } = candidate;
                if let Credential::Unusable(why) = candidate.credential {
                    resolution.unusable(kind, source, why);
                    continue;
                }
                let Some(validation) = candidate.key().and_then(|key| self.validate_now(key)) else {
                    return Err(Pending::new(&self.0, resolution, candidate, candidates));
                };
                resolution.add(kind, source, confirmed(candidate.claimed(), validation), outages);
                continue;
            };
            let (kind, source) = candidates.source();
            let key = match candidates.usable(text) {
                Ok(key) => key,
                Err(why) => {
                    resolution.unusable(kind, source, why);
                    continue;
                }
            };
            let Some(validation) = self.validate_now(key) else {
                let candidate = Candidate { kind, source, credential: Credential::Text(key) };
                return Err(Pending::new(&self.0, resolution, candidate, candidates));
            };
            resolution.add(kind, source, validation, outages);
        }
        Ok(resolution.finish())
    }

    #[inline(always)]
    fn validate_now(&self, key: TokenKey<'_>) -> Option<Validation> {
        let Settings { validator, is_checkable, .. } = &*self.0;
        let validation = validator.validate_now(key)?;
        Some(if *is_checkable { checkable(validation, validator, key) } else { validation })
    }

    /// Writes the result into the request's extensions, in place of what was there.
    #[inline]
    pub(super) fn write_extensions<B>(&self, outcome: Result<CurrentUser, Unauthenticated>, request: &mut Request<B>) {
        if request.extensions().is_empty() {
            *request.extensions_mut() = ROOMY.with(Extensions::clone);
        }
        match outcome {
            Ok(user) => user.insert_into(request.extensions_mut()),
            Err(unauthenticated) => {
                // An outer layer left a longer list; keep it.
                let is_wanted =
                    is_page_request(RequestHead::of(request)) && request.extensions().get::<OriginalUri>().is_none();
                let original = is_wanted.then(|| OriginalUri(request.uri().clone()));
                self.write_reason(unauthenticated, original, request.extensions_mut());
            }
        }
    }

    /// Writes the reason why there is no user, and the settings that a response to it needs.
    pub(crate) fn write_reason(
        &self,
        unauthenticated: Unauthenticated,
        original: Option<OriginalUri>,
        extensions: &mut Extensions,
    ) {
        unauthenticated.insert_into(extensions);
        if let Some(original) = original {
            extensions.insert(original);
        }
        if let Some(responses) = &self.0.responses {
            extensions.insert(responses.clone());
        }
    }
}

thread_local! {
    /// An empty map of extensions with room for seven. A new map has room for three, all of which axum needs, so that
    /// our entries would make it grow: copying a larger one saves that. One per thread, so that threads do not contend
    /// for it.
    static ROOMY: Extensions = {
        let mut extensions = Extensions::new();
        extensions.insert([(); 1]);
        extensions.insert([(); 2]);
        extensions.insert([(); 3]);
        extensions.insert([(); 4]);
        extensions.clear();
        extensions
    };
}
