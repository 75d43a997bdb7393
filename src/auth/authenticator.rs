//! From a request's head to its user.

use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Request};

use crate::auth::verdict::Verdict;
use crate::error::{Error, ErrorKind};
use crate::head::RequestHead;
use crate::log::log_error;
use crate::respond::{Answers, OriginalUri, is_page_request};
use crate::source::{Candidate, Candidates, Offer, SameOrigin, TokenSource};
use crate::token::Token;
use crate::user::{CurrentUser, Reason, SourceKind, Unauthenticated};
use crate::validator::{TokenValidator, Validation};

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

/// The user of a request, or what kept them out.
pub(super) type Outcome = Result<CurrentUser, Unauthenticated>;

impl Authenticator {
    pub(super) fn new(settings: Settings) -> Self {
        Self(Arc::new(settings))
    }

    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }

    /// The answer if nothing has to be waited for: no boxed future, no copy of a token. `None`: ask
    /// [`authenticate`](Self::authenticate).
    #[must_use]
    pub fn authenticate_now(&self, head: RequestHead<'_>) -> Option<Result<CurrentUser, Unauthenticated>> {
        self.judge_now(head).map(Verdict::finish)
    }

    /// Returns the verdict as it grew, so that the user in it is not copied once more.
    pub(super) fn judge_now(&self, head: RequestHead<'_>) -> Option<Verdict> {
        let mut verdict = Verdict::default();
        let mut candidates = self.candidates(head);
        while let Some(Candidate { kind, source, offer }) = candidates.next() {
            let found = match &offer {
                Offer::Text(text) => self.0.validator.validate_now(text)?,
                Offer::Owned(token) => self.0.validator.validate_now(token.expose_secret())?,
                Offer::Session { .. } => return None,
                Offer::Refused(reason) => {
                    verdict.refuse(kind, *reason);
                    continue;
                }
            };
            match found {
                Some(user) => {
                    verdict.accept(kind, source, user);
                    candidates.end_with_this_source();
                }
                None => verdict.refuse(kind, Reason::Invalid),
            }
        }
        Some(verdict)
    }

    /// The user of this request, or what kept them out. The future borrows nothing from the request.
    ///
    /// Everything it asks must answer within the time-out of the layer; else the reason is [`Reason::Unavailable`]. It
    /// needs a Tokio runtime with its time driver; outside of any runtime the reason is `Unavailable`, too.
    ///
    /// # Errors
    /// [`Unauthenticated`] is the other outcome, not a failure.
    pub fn authenticate(
        &self,
        head: RequestHead<'_>,
    ) -> impl Future<Output = Result<CurrentUser, Unauthenticated>> + Send + use<> {
        let candidates: Vec<_> = self.candidates(head).map(Candidate::into_owned).collect();
        let this = self.clone();
        async move {
            if tokio::runtime::Handle::try_current().is_err() {
                log_error!("tokens cannot be looked up outside of a Tokio runtime: serve requests inside of one");
                return Err(Unauthenticated::new(Reason::Unavailable));
            }
            match tokio::time::timeout(this.0.timeout, this.hear(candidates)).await {
                Ok(outcome) => outcome,
                Err(_elapsed) => {
                    let mut verdict = Verdict::default();
                    verdict.miss(SourceKind::Direct, &ErrorKind::TimedOut.into());
                    verdict.finish()
                }
            }
        }
    }

    async fn hear(&self, candidates: Vec<Candidate<'static>>) -> Outcome {
        let mut verdict = Verdict::default();
        let mut tried: Vec<Token> = Vec::with_capacity(candidates.len());
        for Candidate { kind, source, offer } in candidates {
            if verdict.is_settled_before(source) {
                break;
            }
            let token = match offer {
                Offer::Text(text) => Token::from_checked(text.to_owned()),
                Offer::Owned(token) => token,
                Offer::Refused(reason) => {
                    verdict.refuse(kind, reason);
                    continue;
                }
                Offer::Session { session, is_cross_site } => match session.token().await {
                    Ok(None) => continue,
                    Ok(Some(_)) if is_cross_site => {
                        verdict.refuse(kind, Reason::CrossSite);
                        continue;
                    }
                    Ok(Some(token)) => token,
                    Err(error) => {
                        hear_session_error(&mut verdict, kind, &error);
                        continue;
                    }
                },
            };
            if !tried.contains(&token) {
                match self.0.validator.validate(token.expose_secret()).await {
                    Validation::Valid(user) => verdict.accept(kind, source, user),
                    Validation::Invalid => verdict.refuse(kind, Reason::Invalid),
                    Validation::Unavailable(error) => verdict.miss(kind, &error),
                }
                tried.push(token);
            }
        }
        verdict.finish()
    }

    fn candidates<'a, 'r>(&'a self, head: RequestHead<'r>) -> Candidates<'a, 'r> {
        Candidates::new(&self.0.sources, &self.0.same_origin, head)
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
                let original = is_page_request(RequestHead::of(request)).then(|| OriginalUri(request.uri().clone()));
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

fn hear_session_error(verdict: &mut Verdict, kind: SourceKind, error: &Error) {
    if error.kind() == ErrorKind::InvalidInput {
        verdict.refuse(kind, Reason::Malformed);
    } else {
        verdict.miss(kind, error);
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
