//! What is left to ask when something has to be waited for.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::auth::verdict::{Outcome, Verdict};
use crate::error::{Error, ErrorKind};
use crate::log::log_error;
use crate::source::{Candidate, Offer, Seen};
use crate::token::Token;
use crate::user::{Reason, SourceKind};
use crate::validator::{TokenValidator, Validation};

/// The rest of a request's candidates, copied out of the request, and the verdict on those before them.
pub(super) struct Inquiry {
    validator: Arc<dyn TokenValidator>,
    bound: Duration,
    verdict: Verdict,
    rest: Vec<Candidate<'static>>,
    /// What was looked up already.
    tried: Vec<Token>,
}

impl Inquiry {
    /// Begins with `first`: `verdict` is what was known without waiting, `seen` what was looked up for it. In a box, and
    /// apart from a hit's way, which stays short without it.
    #[cold]
    pub(super) fn new(
        validator: &Arc<dyn TokenValidator>,
        bound: Duration,
        verdict: Verdict,
        first: Candidate<'_>,
        seen: &Seen<'_>,
    ) -> Box<Self> {
        let tried = seen.texts().map(|text| Token::from_checked(text.to_owned())).collect();
        let rest = vec![first.into_owned()];
        Box::new(Self { validator: Arc::clone(validator), bound, verdict, rest, tried })
    }

    /// Asks this one, too.
    #[cold]
    pub(super) fn add(&mut self, candidate: Candidate<'_>) {
        // Ten thousand cookies that say nothing are kept once for each way of saying it.
        let mut of_this_source = self.rest.iter().rev().take_while(|kept| kept.source == candidate.source);
        if !of_this_source.any(|kept| candidate.adds_nothing_to(kept)) {
            self.rest.push(candidate.into_owned());
        }
    }

    /// Asks until the verdict is settled.
    pub(super) async fn finish(mut self) -> Outcome {
        let started = Instant::now();
        for Candidate { kind, source, offer } in std::mem::take(&mut self.rest) {
            if self.verdict.is_settled_before(source) {
                break;
            }
            let token = match offer {
                Offer::Text(text) => Token::from_checked(text.expose_secret().to_owned()),
                Offer::Owned(token) => token,
                Offer::Nothing(nothing) => {
                    self.verdict.pass_over(kind, source, nothing);
                    continue;
                }
                Offer::Session { session, is_cross_site } => {
                    match self.within_bound(started, session.token()).await.unwrap_or_else(Err) {
                        Ok(None) => continue,
                        Ok(Some(_)) if is_cross_site => {
                            self.verdict.refuse(kind, Reason::CrossSite);
                            continue;
                        }
                        Ok(Some(token)) => token,
                        Err(error) => {
                            self.hear_session_error(kind, &error);
                            continue;
                        }
                    }
                }
            };
            if self.tried.contains(&token) {
                self.verdict.hear_again(kind);
                continue;
            }
            let validation = self.within_bound(started, self.validator.validate(token.key())).await;
            match validation.unwrap_or_else(Validation::Unavailable) {
                Validation::Valid(user) => self.verdict.accept(kind, source, user),
                Validation::Invalid => self.verdict.refuse(kind, Reason::Invalid),
                Validation::Unavailable(error) => self.verdict.miss(kind, &error),
            }
            self.tried.push(token);
        }
        self.verdict.finish()
    }

    /// Waits until the time for all look-ups together is over. What is there at once counts even then, so that one that
    /// hangs does not take the rest with it.
    async fn within_bound<T>(&self, started: Instant, answer: impl Future<Output = T>) -> Result<T, Error> {
        if Handle::try_current().is_err() {
            log_error!("tokens cannot be looked up outside of a Tokio runtime: serve requests inside of one");
            return Err(ErrorKind::Unavailable.into());
        }
        let left = self.bound.saturating_sub(started.elapsed());
        timeout(left, answer).await.map_err(|_elapsed| ErrorKind::TimedOut.into())
    }

    fn hear_session_error(&mut self, kind: SourceKind, error: &Error) {
        if error.kind() == ErrorKind::InvalidInput {
            self.verdict.refuse(kind, Reason::Malformed);
        } else {
            self.verdict.miss(kind, error);
        }
    }
}
