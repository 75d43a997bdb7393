//! A scenario and its rule: from the effect of the rule to a decision.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::rules::effect::Effect;
use crate::rules::{Decision, Denial, DenialKind, Explanation, Rule};
use crate::user::CurrentUser;

/// A scenario and its rule, with what denials need ready to share.
pub(crate) struct ScenarioRule<C> {
    pub(crate) name: Arc<str>,
    words: Arc<str>,
    rule: Rule<C>,
}

impl<C> ScenarioRule<C> {
    pub(crate) fn new(name: &str, rule: Rule<C>) -> Self {
        Self { name: name.into(), words: rule.to_string().into(), rule }
    }
}

impl<C: Send + Sync + 'static> ScenarioRule<C> {
    /// The decision, if no asynchronous rule has to be asked for it.
    pub(crate) fn decide_now(&self, user: &CurrentUser, scenario: &C) -> Option<Result<Decision, Error>> {
        self.rule.decide_now(user, scenario).map(|effect| self.conclude(effect))
    }

    pub(crate) async fn decide(&self, user: &CurrentUser, scenario: &C) -> Result<Decision, Error> {
        match self.decide_now(user, scenario) {
            Some(decision) => decision,
            None => self.conclude(self.rule.decide(user, scenario).await),
        }
    }

    /// The effect of each rule. Every rule is asked.
    pub(crate) async fn explain(&self, user: &CurrentUser, scenario: &C) -> Explanation {
        let tree = self.rule.explain(user, scenario).await;
        Explanation {
            scenario: Arc::clone(&self.name),
            user: format!("user {} ({})", user.id(), user.level()),
            decision: self.conclude(tree.effect.clone()),
            tree,
        }
    }

    fn conclude(&self, effect: Effect) -> Result<Decision, Error> {
        let kind = match effect {
            Effect::Allows => return Ok(Decision::Allow),
            Effect::Abstains | Effect::Denies => DenialKind::NotAllowed,
            Effect::Forbids => DenialKind::Forbidden,
            Effect::TooOld(max_age) => DenialKind::TooOld { max_age },
            Effect::Lacks(missing) => {
                let denial = Denial::new(&self.name, &self.words, DenialKind::MissingAbility);
                return Ok(Decision::Deny(denial.with_missing(missing)));
            }
            Effect::Fails(fault) | Effect::MayForbid(fault) => {
                return Err(Error::with_source(ErrorKind::Unavailable, RuleFailed { fault }));
            }
        };
        Ok(Decision::Deny(Denial::new(&self.name, &self.words, kind)))
    }
}

impl<C> Clone for ScenarioRule<C> {
    fn clone(&self) -> Self {
        Self { name: Arc::clone(&self.name), words: Arc::clone(&self.words), rule: self.rule.clone() }
    }
}

impl<C> fmt::Debug for ScenarioRule<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.rule, f)
    }
}

/// A rule could not say anything.
#[derive(Debug)]
struct RuleFailed {
    fault: Arc<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for RuleFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule failed")
    }
}

impl std::error::Error for RuleFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.fault)
    }
}
