//! Computes the effect of a tree of rules.

use std::pin::Pin;
use std::sync::Arc;

use crate::rules::effect::{Combination, Effect};
use crate::rules::explanation::ExplainedRule;
use crate::rules::rule::{Kind, Rule};
use crate::user::{Credential, CurrentUser};

type EffectFuture<'a> = Pin<Box<dyn Future<Output = Effect> + Send + 'a>>;
type ExplainedRuleFuture<'a> = Pin<Box<dyn Future<Output = ExplainedRule> + Send + 'a>>;

impl<C: Send + Sync + 'static> Rule<C> {
    /// The effect, if no asynchronous rule has to be asked for it. It allocates nothing to allow.
    pub(crate) fn decide_now(&self, user: &CurrentUser, scenario: &C) -> Option<Effect> {
        match &self.kind {
            Kind::Levels(titles) => {
                let title = user.level().title();
                Some(Effect::allows_if(titles.iter().any(|allowed| allowed.as_str() == title)))
            }
            Kind::Authenticated => Some(Effect::Allows),
            Kind::AuthenticatedWithin(max_age) => {
                let (now, login) = (user.checked_at(), user.authenticated_at());
                let is_recent = now - login <= *max_age && !login.is_ahead_of(now, *max_age);
                Some(if is_recent { Effect::Allows } else { Effect::TooOld(*max_age) })
            }
            Kind::Ability(needed) => {
                let has_it = needed.names().all(|name| user.has_ability(name));
                Some(if has_it { Effect::Allows } else { Effect::Lacks(Arc::clone(needed)) })
            }
            Kind::NotAnAbility(_) => Some(Effect::Denies),
            // The scenario has asked the store for this user: see `ScenarioRule::check`.
            Kind::CheckedNow => Some(Effect::allows_if(matches!(user.credential(), Credential::Stored(_)))),
            Kind::Check(check) => Some(Effect::allows_if(check(user, scenario))),
            Kind::CheckAsync(_) => None,
            Kind::Combined(combination, rules) => combine_now(*combination, rules, user, scenario),
            Kind::Not(rule) => rule.decide_now(user, scenario).map(Effect::negated),
            Kind::DenyIf(rule) => rule.decide_now(user, scenario).map(Effect::turned_into_deny),
        }
    }

    /// The effect, asking asynchronous rules as far as they can change it.
    pub(crate) fn decide<'a>(&'a self, user: &'a CurrentUser, scenario: &'a C) -> EffectFuture<'a> {
        Box::pin(async move {
            match &self.kind {
                Kind::CheckAsync(check) => match check(user.clone(), scenario).await {
                    Ok(allowed) => Effect::allows_if(allowed),
                    Err(fault) => Effect::Fails(fault),
                },
                Kind::Combined(combination, rules) => combine(*combination, rules, user, scenario).await,
                Kind::Not(rule) => rule.decide(user, scenario).await.negated(),
                Kind::DenyIf(rule) => rule.decide(user, scenario).await.turned_into_deny(),
                Kind::Levels(_)
                | Kind::Authenticated
                | Kind::AuthenticatedWithin(_)
                | Kind::Ability(_)
                | Kind::NotAnAbility(_)
                | Kind::CheckedNow
                | Kind::Check(_) => self.decide_now(user, scenario).unwrap_or(Effect::Abstains),
            }
        })
    }

    /// The effect of every rule of the tree.
    pub(crate) fn explain<'a>(&'a self, user: &'a CurrentUser, scenario: &'a C) -> ExplainedRuleFuture<'a> {
        Box::pin(async move {
            let (effect, inside) = match &self.kind {
                Kind::Combined(combination, rules) => {
                    let mut inside = Vec::with_capacity(rules.len());
                    for rule in rules.iter() {
                        inside.push(rule.explain(user, scenario).await);
                    }
                    let sum =
                        inside.iter().map(|explained| explained.effect.clone()).reduce(|a, b| combination.of(a, b));
                    (sum.unwrap_or(combination.of_none()), inside)
                }
                Kind::Not(rule) => {
                    let inside = rule.explain(user, scenario).await;
                    (inside.effect.clone().negated(), vec![inside])
                }
                Kind::DenyIf(rule) => {
                    let inside = rule.explain(user, scenario).await;
                    (inside.effect.clone().turned_into_deny(), vec![inside])
                }
                Kind::Levels(_)
                | Kind::Authenticated
                | Kind::AuthenticatedWithin(_)
                | Kind::Ability(_)
                | Kind::NotAnAbility(_)
                | Kind::CheckedNow
                | Kind::Check(_)
                | Kind::CheckAsync(_) => (self.decide(user, scenario).await, Vec::new()),
            };
            ExplainedRule { rule: self.title(), effect, inside }
        })
    }
}

fn combine_now<C: Send + Sync + 'static>(
    combination: Combination,
    rules: &[Rule<C>],
    user: &CurrentUser,
    scenario: &C,
) -> Option<Effect> {
    let mut sum = None;
    let (mut is_pending, mut can_forbid) = (false, false);
    for rule in rules {
        match rule.decide_now(user, scenario) {
            Some(effect) => sum = Some(add(combination, sum, effect)),
            None => {
                is_pending = true;
                can_forbid |= rule.can_forbid;
            }
        }
    }
    if is_pending {
        sum.filter(|sum| combination.is_settled(sum, can_forbid))
    } else {
        Some(sum.unwrap_or(combination.of_none()))
    }
}

async fn combine<C: Send + Sync + 'static>(
    combination: Combination,
    rules: &[Rule<C>],
    user: &CurrentUser,
    scenario: &C,
) -> Effect {
    let mut sum = None;
    let mut pending = Vec::new();
    for rule in rules {
        match rule.decide_now(user, scenario) {
            Some(effect) => sum = Some(add(combination, sum, effect)),
            None => pending.push(rule),
        }
    }
    for (index, rule) in pending.iter().enumerate() {
        // What can forbid is asked even when it stands behind what cannot.
        let can_forbid = pending[index..].iter().any(|rule| rule.can_forbid);
        if sum.as_ref().is_some_and(|sum| combination.is_settled(sum, can_forbid)) {
            break;
        }
        if can_forbid && !rule.can_forbid && sum.as_ref().is_some_and(|sum| combination.is_settled(sum, false)) {
            continue;
        }
        let effect = rule.decide(user, scenario).await;
        sum = Some(add(combination, sum, effect));
    }
    sum.unwrap_or(combination.of_none())
}

fn add(combination: Combination, sum: Option<Effect>, effect: Effect) -> Effect {
    match sum {
        Some(sum) => combination.of(sum, effect),
        None => effect,
    }
}
