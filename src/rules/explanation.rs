//! The effect of each rule of a scenario.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::rules::Decision;
use crate::rules::effect::Effect;

/// The effect of each rule of a scenario. Made by [`SecurityPolicy::explain`](crate::policy::SecurityPolicy::explain).
///
/// `Display` draws the tree of rules, one to a line, indented by two spaces a step. Every rule is asked, also those that
/// a decision would leave out. It names no token and no secret; it is for developers and logs, not for the user.
#[derive(Debug)]
pub struct Explanation {
    pub(crate) scenario: Arc<str>,
    pub(crate) user: String,
    pub(crate) decision: Result<Decision, Error>,
    pub(crate) tree: ExplainedRule,
}

/// The effect of one rule.
#[derive(Debug)]
pub(crate) struct ExplainedRule {
    pub(crate) rule: String,
    pub(crate) effect: Effect,
    pub(crate) inside: Vec<Self>,
}

impl Explanation {
    /// The decision, or the error that kept it from being taken.
    ///
    /// # Errors
    /// Those of [`SecurityPolicy::decide`](crate::policy::SecurityPolicy::decide).
    pub const fn decision(&self) -> Result<&Decision, &Error> {
        self.decision.as_ref()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match &self.decision {
            Ok(Decision::Allow) => "allowed",
            Ok(Decision::Deny(_)) => "denied",
            Err(_) => "unknown",
        };
        write!(f, "{:?} for {}: {outcome}", self.scenario, self.user)?;
        self.tree.write(f, 1)
    }
}

impl ExplainedRule {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "\n{:indent$}{}: {}", "", self.rule, self.effect, indent = depth * 2)?;
        self.inside.iter().try_for_each(|explained| explained.write(f, depth + 1))
    }
}
