//! Chooses the winning candidate of a request.

use crate::auth::outage_log::OutageLog;
use crate::error::Error;
use crate::log::{log_debug, log_trace};
use crate::source::Unusable;
use crate::user::{CurrentUser, Reason, SourceKind, Unauthenticated};
use crate::validator::Validation;

/// Chooses the winning candidate of a request: the first valid one, unless candidates of the same source belong to
/// different users.
#[derive(Debug)]
pub(super) struct Resolution {
    winner: Option<CurrentUser>,
    winning_source: usize,
    failure: Reason,
    explicit: bool,
}

impl Resolution {
    pub(super) const fn new() -> Self {
        Self { winner: None, winning_source: 0, failure: Reason::NoCredential, explicit: false }
    }

    /// Whether a candidate was valid. Then only the other candidates of its source matter.
    #[inline]
    pub(super) const fn has_winner(&self) -> bool {
        self.winner.is_some()
    }

    /// Whether no further candidate can change the result: ambiguous stays ambiguous.
    #[inline]
    pub(super) const fn is_settled(&self) -> bool {
        matches!(self.failure, Reason::Ambiguous)
    }

    /// Whether no candidate of this source can change the result.
    pub(super) const fn is_settled_before(&self, source: usize) -> bool {
        self.is_settled() || (self.has_winner() && self.winning_source != source)
    }

    /// Adds a candidate that was looked up.
    #[inline]
    pub(super) fn add(&mut self, kind: SourceKind, source: usize, validation: Validation, outages: &OutageLog) {
        match validation {
            Validation::Valid(user) => self.valid(kind, source, user),
            Validation::Invalid => self.refused(kind, Reason::Invalid),
            Validation::Unavailable(error) => self.unavailable(kind, &error, outages),
        }
    }

    #[inline]
    fn valid(&mut self, kind: SourceKind, source: usize, user: CurrentUser) {
        if self.winner.is_some() {
            return self.second_valid(kind, &user);
        }
        self.winner = Some(user.with_source(kind));
        self.winning_source = source;
    }

    #[cold]
    fn second_valid(&mut self, kind: SourceKind, user: &CurrentUser) {
        if self.winner.as_ref().is_some_and(|winner| winner.id() != user.id()) {
            self.refused(kind, Reason::Ambiguous);
        }
    }

    /// Adds a candidate that could not be looked up.
    #[cold]
    pub(super) fn unavailable(&mut self, kind: SourceKind, error: &Error, outages: &OutageLog) {
        outages.report(kind, error);
        self.refused(kind, Reason::Unavailable);
    }

    /// Adds a candidate that does not count, with its reason.
    #[cold]
    pub(super) fn refused(&mut self, kind: SourceKind, reason: Reason) {
        self.explicit |= kind.is_explicit();
        if weight(self.failure) < weight(reason) {
            self.failure = reason;
        }
    }

    /// Adds a candidate that must not be looked up.
    #[cold]
    pub(super) fn unusable(&mut self, kind: SourceKind, source: usize, why: Unusable) {
        match why {
            Unusable::Refused(reason) => self.refused(kind, reason),
            Unusable::Repeated => self.repeated(kind),
            // It might have belonged to another user.
            Unusable::OverLimit if self.winner.is_some() && self.winning_source == source => {
                self.refused(kind, Reason::Ambiguous);
            }
            Unusable::OverLimit => {}
        }
    }

    /// Adds a candidate that was looked up before and was not valid.
    pub(super) fn repeated(&mut self, kind: SourceKind) {
        self.explicit |= kind.is_explicit();
    }

    /// The user, or why there is no user.
    #[inline]
    pub(super) fn finish(&mut self) -> Result<CurrentUser, Unauthenticated> {
        match self.winner.take() {
            Some(user) if !matches!(self.failure, Reason::Ambiguous) => {
                log_trace!(source = user.source().as_str(), "authenticated");
                Ok(user)
            }
            _ => Err(no_user(self.failure, self.explicit)),
        }
    }
}

fn no_user(reason: Reason, explicit: bool) -> Unauthenticated {
    log_debug!(%reason, "no user");
    let outcome = Unauthenticated::new(reason);
    if explicit { outcome.with_explicit_credential() } else { outcome }
}

/// The order in which one of several reasons is reported: first the reason that leaves the most open, because an outage
/// must not look like a logout; then the most specific reason.
const fn weight(reason: Reason) -> u8 {
    match reason {
        Reason::NoCredential => 0,
        Reason::Malformed => 1,
        Reason::CrossSite => 2,
        Reason::Invalid => 3,
        Reason::Unavailable => 4,
        Reason::Ambiguous => 5,
    }
}
