//! What several candidates come to.

use crate::error::Error;
use crate::log::{log_debug, log_warn};
use crate::source::{Nothing, Then};
use crate::user::{CurrentUser, Reason, SourceKind, Unauthenticated};

/// The user of a request, or what kept them out.
pub(super) type Outcome = Result<CurrentUser, Unauthenticated>;

/// Hears the candidates of one request in order and comes to a verdict: the first valid one wins, unless candidates of
/// the same source name different users.
#[derive(Debug)]
pub(super) struct Verdict {
    winner: Option<CurrentUser>,
    winning_source: usize,
    failure: Reason,
    explicit: bool,
}

impl Verdict {
    /// Before anything was heard.
    pub(super) const fn new() -> Self {
        Self { winner: None, winning_source: 0, failure: Reason::NoCredential, explicit: false }
    }

    const fn is_ambiguous(&self) -> bool {
        matches!(self.failure, Reason::Ambiguous)
    }

    /// Which candidates can change anything yet.
    #[inline]
    pub(super) const fn then(&self) -> Then {
        if self.is_ambiguous() {
            // Ambiguous is ambiguous: nothing that follows is looked up.
            Then::Stop
        } else if self.winner.is_some() {
            Then::EndWithThisSource
        } else {
            Then::GoOn
        }
    }

    /// Whether a candidate of this source can change nothing any more.
    pub(super) const fn is_settled_before(&self, source: usize) -> bool {
        self.is_ambiguous() || (self.winner.is_some() && self.winning_source != source)
    }

    /// Hears whose token a candidate is.
    #[inline]
    pub(super) fn accept(&mut self, kind: SourceKind, source: usize, user: CurrentUser) {
        if self.winner.is_some() {
            return self.accept_another(kind, &user);
        }
        self.winner = Some(user.with_source(kind));
        self.winning_source = source;
    }

    #[cold]
    fn accept_another(&mut self, kind: SourceKind, user: &CurrentUser) {
        if self.winner.as_ref().is_some_and(|winner| winner.id() != user.id()) {
            self.refuse(kind, Reason::Ambiguous);
        }
    }

    /// Hears that a candidate could not be looked up.
    pub(super) fn miss(&mut self, kind: SourceKind, _error: &Error) {
        log_warn!(error = _error as &dyn std::error::Error, source = kind.as_str(), "a token was not looked up");
        self.refuse(kind, Reason::Unavailable);
    }

    /// Hears that a candidate counts for nothing.
    #[cold]
    pub(super) fn refuse(&mut self, kind: SourceKind, reason: Reason) {
        self.explicit |= kind.is_explicit();
        if weight(self.failure) < weight(reason) {
            self.failure = reason;
        }
    }

    /// Hears that there is nothing to look up.
    #[cold]
    pub(super) fn pass_over(&mut self, kind: SourceKind, source: usize, nothing: Nothing) {
        match nothing {
            Nothing::Refused(reason) => self.refuse(kind, reason),
            Nothing::Repeated => self.hear_again(kind),
            // It might have named another user.
            Nothing::Uncounted if self.winner.is_some() && self.winning_source == source => {
                self.refuse(kind, Reason::Ambiguous);
            }
            Nothing::Uncounted => {}
        }
    }

    /// Hears a candidate that counted for nothing before.
    pub(super) fn hear_again(&mut self, kind: SourceKind) {
        self.explicit |= kind.is_explicit();
    }

    /// The user, or what kept them out.
    #[inline]
    pub(super) fn finish(self) -> Outcome {
        match self.winner {
            Some(user) if !matches!(self.failure, Reason::Ambiguous) => Ok(user),
            _ => Err(nobody(self.failure, self.explicit)),
        }
    }
}

fn nobody(reason: Reason, explicit: bool) -> Unauthenticated {
    log_debug!(%reason, "no user");
    let outcome = Unauthenticated::new(reason);
    if explicit { outcome.with_explicit_credential() } else { outcome }
}

/// Which of several reasons is told: the one that leaves the most open first, for an outage must not look like a
/// logout; then the one that says the most.
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
