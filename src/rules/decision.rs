//! Whether a scenario allows one user, and why not.

use std::fmt;
use std::sync::Arc;

use time::Duration;

use crate::token::Abilities;

/// Whether a scenario allows a user.
///
/// # Example
/// ```
/// use tower_tokens::policy::Decision;
///
/// assert!(Decision::Allow.is_allow());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a decision protects nothing until it is looked at"]
#[expect(clippy::exhaustive_enums, reason = "there is no third decision, and a caller must not overlook one")]
pub enum Decision {
    /// The scenario allows the user.
    Allow,
    /// The scenario does not allow the user, and why.
    Deny(Denial),
}

impl Decision {
    /// Whether the user is allowed.
    #[must_use]
    pub const fn is_allow(&self) -> bool {
        matches!(self, Self::Allow)
    }

    /// Whether the user is denied.
    #[must_use]
    pub const fn is_deny(&self) -> bool {
        matches!(self, Self::Deny(_))
    }
}

/// Why a user may not do something: for the application and its logs, not for the user. `Display` says it in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    scenario: Arc<str>,
    rule: Arc<str>,
    kind: DenialKind,
    missing: Option<Arc<Abilities>>,
}

/// The kind of the denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DenialKind {
    /// No rule allows it.
    NotAllowed,
    /// An explicit deny forbids it.
    Forbidden,
    /// The user proved who they are too long ago; logging in again helps (RFC 9470).
    TooOld {
        /// How long ago it may be, in whole seconds.
        max_age: Duration,
    },
    /// The token has ended since it was found valid: the store says so to the rule
    /// [`checked_now`](crate::policy::checked_now).
    Ended,
    /// The user may, and the token lacks an [ability](crate::policy::ability).
    MissingAbility,
}

impl Denial {
    pub(crate) fn new(scenario: &Arc<str>, rule: &Arc<str>, kind: DenialKind) -> Self {
        Self { scenario: Arc::clone(scenario), rule: Arc::clone(rule), kind, missing: None }
    }

    pub(crate) fn with_missing(self, missing: Arc<Abilities>) -> Self {
        Self { missing: Some(missing), ..self }
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &str {
        &self.scenario
    }

    /// The scenario's rule in words.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The kind of the denial.
    #[must_use]
    pub const fn kind(&self) -> DenialKind {
        self.kind
    }

    /// The abilities that the token would need besides its own, if nothing else keeps it from being allowed.
    #[must_use]
    pub fn missing_abilities(&self) -> Option<&Abilities> {
        self.missing.as_deref()
    }

    pub(crate) fn into_missing_abilities(self) -> Option<Arc<Abilities>> {
        self.missing
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DenialKind::NotAllowed | DenialKind::MissingAbility => f.write_str("not allowed")?,
            DenialKind::Ended => f.write_str("the token has ended, says the store")?,
            DenialKind::Forbidden => f.write_str("explicitly denied")?,
            DenialKind::TooOld { max_age } => write!(f, "logged in more than {} s ago", max_age.whole_seconds())?,
        }
        if let Some(missing) = &self.missing {
            write!(f, " without {missing}")?;
        }
        write!(f, " by the rule: {}", self.rule)
    }
}
