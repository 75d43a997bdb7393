//! Why a request is refused: one kind for each row of the table of answers.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use time::Duration;

use crate::error::{Error, ErrorKind};
use crate::respond::Answers;
use crate::user::{Reason, Unauthenticated};

/// Why a request is refused, and what the application may know about it.
///
/// The guard puts it into the extensions of the response, for logs and metrics; of all this the client learns the
/// [`kind`](Self::kind) alone. With axum it is itself a response, so that `?` works on
/// `policy.make_sure_allowed(…).await` in a handler.
///
/// # Example
/// ```
/// use http::StatusCode;
/// use tower_tokens::respond::{Refusal, RefusalKind};
/// use tower_tokens::user::{Reason, Unauthenticated};
///
/// let refusal = Refusal::from(Unauthenticated::new(Reason::Malformed));
/// assert_eq!(refusal.kind(), RefusalKind::InvalidToken);
/// assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(refusal.to_string(), "malformed credential");
/// ```
#[derive(Debug, Clone)]
pub struct Refusal {
    kind: RefusalKind,
    unauthenticated: Option<Unauthenticated>,
    scenario: Option<Arc<str>>,
    reason: Option<Arc<str>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    answers: Option<Answers>,
}

/// What kind of refusal it is: a row of the table of answers in [`respond`](crate::respond).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The request carries no credential.
    NoCredential,
    /// The credential is malformed, unknown, expired or ended. The client never learns which.
    InvalidToken,
    /// The credentials contradict each other.
    InvalidRequest,
    /// The user is known, and the rule denies.
    Denied,
    /// The user is known, and proved who they are too long ago (RFC 9470). Logging in again helps.
    TooOld {
        /// How long ago it may be, in whole seconds.
        max_age: Duration,
    },
    /// Another site made a browser send an ambient credential.
    CrossSite,
    /// The request names nothing that its scenario could be about.
    NotFound,
    /// The store, or a rule, does not answer, so nothing is known.
    Unavailable,
    /// The application is not put together as it should be.
    Misconfigured,
}

impl Refusal {
    /// A refusal of this kind.
    #[must_use]
    pub const fn new(kind: RefusalKind) -> Self {
        Self { kind, unauthenticated: None, scenario: None, reason: None, source: None, answers: None }
    }

    /// Says which scenario it is about.
    #[must_use]
    pub fn with_scenario(mut self, scenario: impl Into<Arc<str>>) -> Self {
        self.scenario = Some(scenario.into());
        self
    }

    /// Says why, for the application: never a secret.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Arc<str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Says which error it comes from.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Says how to answer where nothing else says it: the realm and the like. Default: [`Answers::default`].
    #[must_use]
    pub fn with_answers(mut self, answers: Answers) -> Self {
        self.answers = Some(answers);
        self
    }

    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// The status of the answer to an API client. A page may get 303 instead of 401.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// Why the request has no user, if that is why.
    #[must_use]
    pub const fn unauthenticated(&self) -> Option<Unauthenticated> {
        self.unauthenticated
    }

    /// The scenario that refused, if it was one.
    #[must_use]
    pub fn scenario(&self) -> Option<&str> {
        self.scenario.as_deref()
    }

    /// Why, for the application.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// How to answer where nothing else says it.
    #[cfg(feature = "axum")]
    pub(crate) fn answers(&self) -> Option<&Answers> {
        self.answers.as_ref()
    }
}

impl RefusalKind {
    /// The status of the answer to an API client.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NoCredential | Self::InvalidToken | Self::TooOld { .. } => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Denied | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether logging in would help.
    pub(crate) const fn asks_for_login(self) -> bool {
        matches!(self.status(), StatusCode::UNAUTHORIZED)
    }
}

impl From<RefusalKind> for Refusal {
    fn from(kind: RefusalKind) -> Self {
        Self::new(kind)
    }
}

impl From<Unauthenticated> for Refusal {
    fn from(unauthenticated: Unauthenticated) -> Self {
        let kind = match unauthenticated.reason() {
            Reason::NoCredential => RefusalKind::NoCredential,
            Reason::Invalid | Reason::Malformed => RefusalKind::InvalidToken,
            Reason::Ambiguous => RefusalKind::InvalidRequest,
            Reason::CrossSite => RefusalKind::CrossSite,
            Reason::Unavailable => RefusalKind::Unavailable,
        };
        Self { unauthenticated: Some(unauthenticated), ..Self::new(kind) }
    }
}

/// So that `?` works on `Tokens` in a handler: an outage is 503, a token that is not valid is
/// 401, and everything else is the application's own doing and a 500.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            _ if error.is_outage() => RefusalKind::Unavailable,
            ErrorKind::InvalidToken => RefusalKind::InvalidToken,
            _ => RefusalKind::Misconfigured,
        };
        let reason = error.to_string();
        Self::new(kind).with_reason(reason).with_source(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scenario) = self.scenario() {
            write!(f, "{scenario:?}: ")?;
        }
        match (self.reason(), self.unauthenticated) {
            (Some(reason), _) => f.write_str(reason),
            (None, Some(unauthenticated)) => unauthenticated.reason().fmt(f),
            (None, None) => self.kind.fmt(f),
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredential => f.write_str("no credential"),
            Self::InvalidToken => f.write_str("invalid credential"),
            Self::InvalidRequest => f.write_str("ambiguous credentials"),
            Self::Denied => f.write_str("not allowed"),
            Self::TooOld { max_age } => {
                write!(f, "logged in more than {} s ago", max_age.whole_seconds())
            }
            Self::CrossSite => f.write_str("cross-site request with an ambient credential"),
            Self::NotFound => f.write_str("the request names nothing the scenario is about"),
            Self::Unavailable => f.write_str("no answer from the store or from a rule"),
            Self::Misconfigured => f.write_str("the application is misconfigured"),
        }
    }
}

impl StdError for Refusal {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
