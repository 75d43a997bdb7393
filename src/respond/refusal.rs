//! Why a request is refused, and what the application may know about it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::error::{Error, ErrorKind};
use crate::respond::RefusalKind;
use crate::respond::api::ApiResponses;
use crate::token::Abilities;
use crate::user::{CurrentUser, Reason, Unauthenticated};

/// Why a request is refused, with the details for the application.
///
/// It is in the extensions of the response, for logs and metrics; the client learns only the [`kind`](Self::kind). With
/// axum it is itself a response, so that `?` works on `policy.make_sure_allowed(…).await` in a handler. Put a guard or
/// a [`RefusalLayer`](super::RefusalLayer) around such handlers; it turns the refusal into a page for browsers.
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
    missing_abilities: Option<Arc<Abilities>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    api_responses: Option<ApiResponses>,
    user: Option<CurrentUser>,
    asks_for_login: bool,
    /// The refusal has been logged.
    is_logged: bool,
    /// The response that carries it was written for its request.
    is_answered: bool,
}

impl Refusal {
    /// A refusal of this kind.
    #[must_use]
    pub const fn new(kind: RefusalKind) -> Self {
        Self {
            kind,
            unauthenticated: None,
            scenario: None,
            reason: None,
            missing_abilities: None,
            source: None,
            api_responses: None,
            user: None,
            asks_for_login: kind.asks_for_login(),
            is_logged: false,
            is_answered: false,
        }
    }

    /// The response to a failed login: the same for an unknown user and for a wrong password, so that a client cannot
    /// learn who has an account. 401, with the challenge that RFC 9110 §15.5.2 requires.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::respond::Refusal;
    ///
    /// # async fn user_of(name: &str, password: &str) -> Option<u64> { None }
    /// async fn check_password(name: &str, password: &str) -> Result<u64, Refusal> {
    ///     user_of(name, password).await.ok_or_else(Refusal::wrong_credentials)
    /// }
    /// ```
    #[must_use]
    pub const fn wrong_credentials() -> Self {
        Self::new(RefusalKind::WrongCredentials)
    }

    /// Sets the user who is refused.
    #[must_use]
    pub fn with_user(mut self, user: CurrentUser) -> Self {
        self.user = Some(user);
        self
    }

    /// Sets the scenario that refused.
    #[must_use]
    pub fn with_scenario(mut self, scenario: impl Into<Arc<str>>) -> Self {
        self.scenario = Some(scenario.into());
        self
    }

    /// Sets the reason, for the application: never a secret.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Arc<str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Names the abilities that the token would need, in the challenge of a [`Denied`](RefusalKind::Denied) refusal: for a
    /// handler that asks [`has_ability`](CurrentUser::has_ability) itself. A guard does it. Default: names none.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::respond::{Refusal, RefusalKind};
    /// use tower_tokens::token::Abilities;
    /// use tower_tokens::user::CurrentUser;
    ///
    /// fn delete_devices(user: &CurrentUser) -> Result<(), Refusal> {
    ///     if !user.has_ability("devices:write") {
    ///         let missing = Abilities::new(["devices:write"])?;
    ///         return Err(Refusal::new(RefusalKind::Denied).with_missing_abilities(missing));
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn with_missing_abilities(mut self, missing: impl Into<Arc<Abilities>>) -> Self {
        self.missing_abilities = Some(missing.into());
        self
    }

    /// Sets the error that caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    pub(super) fn with_api_responses(mut self, responses: ApiResponses) -> Self {
        self.api_responses = Some(responses);
        self
    }

    /// The kind of this refusal.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// The status of the response to an API client. A page request may get 303 instead of 401.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// Why the request has no user, if that is the reason for the refusal.
    #[must_use]
    pub const fn unauthenticated(&self) -> Option<Unauthenticated> {
        self.unauthenticated
    }

    /// The scenario that refused, if a scenario did.
    #[must_use]
    pub fn scenario(&self) -> Option<&str> {
        self.scenario.as_deref()
    }

    /// The reason, for the application.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The abilities that the token would need, if nothing else keeps it from being allowed. The client learns them: they are
    /// the `scope` of the challenge.
    #[must_use]
    pub fn missing_abilities(&self) -> Option<&Abilities> {
        self.missing_abilities.as_deref()
    }

    /// The refused user, if known: for the application's own page.
    #[must_use]
    pub const fn user(&self) -> Option<&CurrentUser> {
        self.user.as_ref()
    }

    /// The answer to a program, for which no request has to be looked at.
    pub(crate) fn api_answer<B: From<Bytes>>(&self) -> Response<B> {
        match &self.api_responses {
            Some(responses) => responses.answer(self.kind, self.missing_abilities()),
            None => ApiResponses::default().answer(self.kind, self.missing_abilities()),
        }
    }

    /// Whether logging in would help.
    pub(crate) const fn asks_for_login(&self) -> bool {
        self.asks_for_login
    }

    pub(crate) const fn is_logged(&self) -> bool {
        self.is_logged
    }

    pub(crate) const fn is_answered(&self) -> bool {
        self.is_answered
    }

    pub(crate) fn mark_logged(&mut self) {
        self.is_logged = true;
    }

    pub(crate) fn mark_answered(&mut self) {
        self.is_answered = true;
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

/// Makes `?` work on `Tokens` in a handler.
///
/// | [`ErrorKind`] | answer |
/// |---|---|
/// | `Unavailable`, `TimedOut`, `Corrupt` | 503 |
/// | `Configuration`, `NotIssuedHere` | 500: the application has to be changed |
/// | `InvalidToken`, `Expired` | 401 |
/// | `AlreadyUsed` | 410 |
/// | `InvalidInput`, `LevelNotFound` | 400 |
/// | `AlreadyExists`, `TooManyTokens` | 409 |
/// | `UserNotFound` | 404 |
///
/// The token of such an error is one that the handler got, in a link for example. Logging in does not help, so a
/// browser gets a page and is not redirected to the login page.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        // No wildcard: for a new kind, decide here whether a visitor can cause it.
        let kind = match error.kind() {
            ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Corrupt => RefusalKind::Unavailable,
            ErrorKind::Configuration | ErrorKind::NotIssuedHere => RefusalKind::Misconfigured,
            ErrorKind::InvalidToken => RefusalKind::InvalidToken,
            ErrorKind::Expired => RefusalKind::Expired,
            ErrorKind::AlreadyUsed => RefusalKind::AlreadyUsed,
            ErrorKind::InvalidInput | ErrorKind::LevelNotFound => RefusalKind::InvalidInput,
            ErrorKind::AlreadyExists => RefusalKind::AlreadyExists,
            ErrorKind::TooManyTokens => RefusalKind::TooManyTokens,
            ErrorKind::UserNotFound => RefusalKind::NotFound,
        };
        let reason = error.to_string();
        Self { asks_for_login: false, ..Self::new(kind) }.with_reason(reason).with_source(error)
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

impl StdError for Refusal {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
