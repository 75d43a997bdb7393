//! A scenario and its rule: from the effect of the rule to a decision.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::rules::effect::{Effect, Fault};
use crate::rules::explanation::ExplainedRule;
use crate::rules::rule::CHECKED_NOW;
use crate::rules::{Decision, Denial, DenialKind, Explanation, Rule};
use crate::user::{Credential, CurrentUser};

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
    /// Whether the store is asked for the user before each decision.
    pub(crate) const fn insists(&self) -> bool {
        self.rule.insists
    }

    /// The decision, if neither the store nor an asynchronous rule has to be asked for it.
    #[inline]
    pub(crate) fn decide_now(&self, user: &CurrentUser, scenario: &C) -> Option<Result<Decision, Error>> {
        if self.insists() {
            return None;
        }
        self.rule.decide_now(user, scenario).map(|effect| self.conclude(effect))
    }

    /// Decides. If the rule insists, `user` is afterwards as the store has them.
    pub(crate) async fn decide(&self, user: &mut CurrentUser, scenario: &C) -> Result<Decision, Error> {
        match self.check(user).await? {
            Decision::Allow => self.decide_checked(user, scenario).await,
            denied @ Decision::Deny(_) => Ok(denied),
        }
    }

    /// If the rule insists, makes `user` what the store says of them at this moment, and denies if their token has ended.
    pub(crate) async fn check(&self, user: &mut CurrentUser) -> Result<Decision, Error> {
        let is_stored = matches!(user.credential(), Credential::Stored(_));
        if self.insists() && is_stored {
            match user.check_now().await? {
                Some(present) => *user = present,
                None => return Ok(Decision::Deny(Denial::new(&self.name, &self.words, DenialKind::Ended))),
            }
        }
        Ok(Decision::Allow)
    }

    /// Decides about a user for whom the store has been [asked](Self::check) if the rule insists.
    pub(crate) async fn decide_checked(&self, user: &CurrentUser, scenario: &C) -> Result<Decision, Error> {
        let effect = match self.rule.decide_now(user, scenario) {
            Some(effect) => effect,
            None => self.rule.decide(user, scenario).await,
        };
        self.conclude(effect)
    }

    /// The effect of each rule. Every rule is asked, unless the store says that the token has ended, or nothing.
    pub(crate) async fn explain(&self, user: &CurrentUser, scenario: &C) -> Explanation {
        let mut user = user.clone();
        let checked_now = |effect| ExplainedRule { rule: CHECKED_NOW.to_owned(), effect, inside: Vec::new() };
        let (decision, tree) = match self.check(&mut user).await {
            Ok(Decision::Allow) => {
                let tree = self.rule.explain(&user, scenario).await;
                (self.conclude(tree.effect.clone()), tree)
            }
            Ok(ended @ Decision::Deny(_)) => (Ok(ended), checked_now(Effect::Denies)),
            Err(error) => {
                let (kind, fault) = (error.kind(), Arc::new(error));
                let failed = RuleFailed { fault: Arc::clone(&fault) as Fault };
                (Err(Error::with_source(kind, failed)), checked_now(Effect::Fails(fault)))
            }
        };
        let user = format!("user {} ({})", user.id(), user.level());
        Explanation { scenario: Arc::clone(&self.name), user, decision, tree }
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
    fault: Fault,
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
