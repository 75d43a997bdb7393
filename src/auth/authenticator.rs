//! From a request's head to its user.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Request};

use crate::auth::inquiry::Inquiry;
use crate::auth::verdict::{Outcome, Verdict};
use crate::head::RequestHead;
use crate::respond::{Answers, OriginalUri, is_page_request};
use crate::source::{Candidate, Offer, SameOrigin, Then, TokenSource, read_candidates};
use crate::user::{CurrentUser, Reason, Unauthenticated};
use crate::validator::TokenValidator;

/// What [`TokenAuthLayer`](super::TokenAuthLayer) does to every request, without the layer: for frameworks that are no
/// Tower services, and for the extractor `Authenticated`. Cheap to clone; made by
/// [`TokenAuthLayer::authenticator`](super::TokenAuthLayer::authenticator).
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Settings>);

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) validator: Arc<dyn TokenValidator>,
    pub(super) sources: Vec<TokenSource>,
    pub(super) same_origin: SameOrigin,
    pub(super) timeout: Duration,
    pub(super) answers: Option<Answers>,
}

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

    /// The answer if nothing has to be waited for: no boxed future, no copy of a token. `None`: something has to be, and
    /// [`authenticate`](Self::authenticate), asked instead of this, does both.
    #[must_use]
    pub fn authenticate_now(&self, head: RequestHead<'_>) -> Option<Result<CurrentUser, Unauthenticated>> {
        self.judge_now(head).ok()
    }

    /// The user of this request, or what kept them out. The future borrows nothing from the request.
    ///
    /// What is in memory is asked at once, and nothing is looked up twice. Everything else must answer within the
    /// time-out of the layer; what does not counts as unavailable. It needs a Tokio runtime with its time driver; outside
    /// of any runtime everything that would have to be waited for is unavailable, too.
    ///
    /// To check an open connection again, keep the head of the request that opened it and ask once more.
    ///
    /// # Panics
    /// When it is polled and something has to be waited for in a Tokio runtime without its time driver (`enable_time`).
    ///
    /// # Errors
    /// [`Unauthenticated`] is the other outcome, not a failure.
    pub fn authenticate(
        &self,
        head: RequestHead<'_>,
    ) -> impl Future<Output = Result<CurrentUser, Unauthenticated>> + Send + use<> {
        let judged = self.judge_now(head);
        async move {
            match judged {
                Ok(outcome) => outcome,
                // Boxed, so that the future of a hit stays small.
                Err(inquiry) => Box::pin(inquiry.finish()).await,
            }
        }
    }

    /// Goes as far as nothing has to be waited for: gives the outcome, or what is left to be asked.
    pub(super) fn judge_now(&self, head: RequestHead<'_>) -> Result<Outcome, Box<Inquiry>> {
        let Settings { validator, sources, same_origin, timeout, .. } = &*self.0;
        let mut verdict = Verdict::new();
        let mut inquiry: Option<Box<Inquiry>> = None;
        read_candidates(sources, same_origin, &head, |candidate, seen| {
            if let Some(inquiry) = &mut inquiry {
                inquiry.add(candidate);
                return Then::GoOn;
            }
            let Candidate { kind, source, ref offer } = candidate;
            let key = match offer {
                Offer::Text(key) => Some(*key),
                Offer::Owned(token) => Some(token.key()),
                Offer::Session { .. } => None,
                Offer::Nothing(nothing) => {
                    verdict.pass_over(kind, source, *nothing);
                    return verdict.then();
                }
            };
            match key.and_then(|key| validator.validate_now(key)) {
                Some(Some(user)) => verdict.accept(kind, source, user),
                Some(None) => verdict.refuse(kind, Reason::Invalid),
                None => {
                    inquiry = Some(Inquiry::new(
                        validator,
                        *timeout,
                        mem::replace(&mut verdict, Verdict::new()),
                        candidate,
                        seen,
                    ));
                    return Then::GoOn;
                }
            }
            verdict.then()
        });
        match inquiry {
            None => Ok(verdict.finish()),
            Some(inquiry) => Err(inquiry),
        }
    }

    /// Leaves the outcome in the request's extensions, in place of what came in with it.
    #[inline]
    pub(super) fn leave<B>(&self, outcome: Outcome, request: &mut Request<B>) {
        if request.extensions().is_empty() {
            *request.extensions_mut() = ROOMY.with(Extensions::clone);
        }
        match outcome {
            Ok(user) => {
                let level = user.level().clone();
                let extensions = request.extensions_mut();
                extensions.insert(user);
                extensions.insert(level);
            }
            Err(unauthenticated) => {
                // What a layer further out has left is the longer one.
                let is_wanted =
                    is_page_request(RequestHead::of(request)) && request.extensions().get::<OriginalUri>().is_none();
                let original = is_wanted.then(|| OriginalUri(request.uri().clone()));
                self.leave_reason(unauthenticated, original, request.extensions_mut());
            }
        }
    }

    /// Leaves what kept the user out, and what an answer to it needs to know.
    pub(crate) fn leave_reason(
        &self,
        unauthenticated: Unauthenticated,
        original: Option<OriginalUri>,
        extensions: &mut Extensions,
    ) {
        unauthenticated.insert_into(extensions);
        if let Some(original) = original {
            extensions.insert(original);
        }
        if let Some(answers) = &self.0.answers {
            extensions.insert(answers.clone());
        }
    }
}

thread_local! {
    /// An empty map of extensions with room for seven. A fresh one has room for three, all of which axum needs, so that
    /// ours would make it grow: copying a roomy one saves that. One a thread, so that no copy waits for another.
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
