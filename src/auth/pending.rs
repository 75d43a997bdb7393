//! The part of an authentication that has to wait: a session or a store.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::auth::check::checkable;
use crate::auth::claimed_user::confirmed;
use crate::auth::outage_log::OutageLog;
use crate::auth::resolution::Resolution;
use crate::auth::settings::Settings;
use crate::error::{Error, ErrorKind};
use crate::log::log_error;
use crate::source::{Candidate, Candidates, Credential};
use crate::token::Token;
use crate::user::{CurrentUser, Reason, SourceKind, Unauthenticated};
use crate::validator::{TokenValidator, Validation};

/// The part of an authentication that has to wait: the remaining candidates, copied out of the request.
pub(super) struct Pending {
    validator: Arc<dyn TokenValidator>,
    timeout: Duration,
    outages: Arc<OutageLog>,
    is_checkable: bool,
    resolution: Resolution,
    rest: Vec<Candidate<'static>>,
    /// The candidates that were looked up already.
    looked_up: Vec<Token>,
}

impl Pending {
    /// `first` has to wait, and `candidates` come after it; `resolution` is what was known without waiting. Boxed, and
    /// apart from the path of a hit, which stays short without it.
    #[cold]
    pub(super) fn new(
        settings: &Settings,
        resolution: Resolution,
        first: Candidate<'_>,
        mut candidates: Candidates<'_, '_>,
    ) -> Box<Self> {
        let looked_up = candidates.texts_before(first.key()).map(|text| Token::from_checked(text.to_owned())).collect();
        let mut pending = Self {
            validator: Arc::clone(&settings.validator),
            timeout: settings.timeout,
            outages: Arc::clone(&settings.outages),
            is_checkable: settings.is_checkable,
            resolution,
            rest: vec![first.into_owned()],
            looked_up,
        };
        if pending.resolution.has_winner() {
            while let Some(candidate) = candidates.next_of_this_source() {
                pending.add(candidate);
            }
        } else {
            candidates.for_each(|candidate| pending.add(candidate));
        }
        Box::new(pending)
    }

    fn add(&mut self, candidate: Candidate<'_>) {
        // Keep one unusable cookie for each reason, not ten thousand.
        let mut of_this_source = self.rest.iter().rev().take_while(|kept| kept.source == candidate.source);
        if !of_this_source.any(|kept| candidate.repeats(kept)) {
            self.rest.push(candidate.into_owned());
        }
    }

    /// Looks up one candidate after the other until the remaining ones cannot change the result.
    pub(super) async fn finish(mut self) -> Result<CurrentUser, Unauthenticated> {
        let started = Instant::now();
        for Candidate { kind, source, credential } in std::mem::take(&mut self.rest) {
            if self.resolution.is_settled_before(source) {
                break;
            }
            let mut claimed = None;
            let token = match credential {
                Credential::Claimed(of_user) => claimed.insert(of_user).token.clone(),
                Credential::Text(text) => Token::from_checked(text.expose_secret().to_owned()),
                Credential::Owned(token) => token,
                Credential::Unusable(why) => {
                    self.resolution.unusable(kind, source, why);
                    continue;
                }
                Credential::Session { session, is_cross_site } => {
                    match self.in_time(started, session.token()).await.unwrap_or_else(Err) {
                        Ok(None) => continue,
                        Ok(Some(_)) if is_cross_site => {
                            self.resolution.refused(kind, Reason::CrossSite);
                            continue;
                        }
                        Ok(Some(token)) => token,
                        Err(error) => {
                            self.session_failed(kind, &error);
                            continue;
                        }
                    }
                }
            };
            if self.looked_up.contains(&token) {
                self.resolution.repeated(kind);
                continue;
            }
            let validation = self.in_time(started, self.validator.validate(token.key())).await;
            let validation = validation.unwrap_or_else(Validation::Unavailable);
            let mut validation = confirmed(claimed.as_deref(), validation);
            if self.is_checkable {
                validation = checkable(validation, &self.validator, token.key());
            }
            self.resolution.add(kind, source, validation, &self.outages);
            // The same text in a later source counts, whoever is claimed here.
            if claimed.is_none() {
                self.looked_up.push(token);
            }
        }
        self.resolution.finish()
    }

    /// Waits until the time for all look-ups together is over. An answer that is ready at once counts even then, so
    /// that one look-up that hangs does not make the others unavailable.
    async fn in_time<T>(&self, started: Instant, answer: impl Future<Output = T>) -> Result<T, Error> {
        if Handle::try_current().is_err() {
            log_error!("tokens cannot be looked up outside of a Tokio runtime: serve requests inside of one");
            return Err(ErrorKind::Unavailable.into());
        }
        let left = self.timeout.saturating_sub(started.elapsed());
        timeout(left, answer).await.map_err(|_elapsed| ErrorKind::TimedOut.into())
    }

    fn session_failed(&mut self, kind: SourceKind, error: &Error) {
        if error.kind() == ErrorKind::InvalidInput {
            self.resolution.refused(kind, Reason::Malformed);
        } else {
            self.resolution.unavailable(kind, error, &self.outages);
        }
    }
}
