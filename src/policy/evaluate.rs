//! How a tree of rules comes to its outcome.

use std::pin::Pin;

use crate::clock::Timestamp;
use crate::policy::explanation::Finding;
use crate::policy::outcome::{Combination, Outcome};
use crate::policy::rule::{Kind, Rule};
use crate::user::CurrentUser;

type OutcomeFuture<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
type FindingFuture<'a> = Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

impl<C: Send + Sync + 'static> Rule<C> {
    /// The outcome, if no asynchronous rule has to be asked for it. It allocates nothing to allow.
    pub(crate) fn decide_now(&self, user: &CurrentUser, scenario: &C) -> Option<Outcome> {
        match &self.kind {
            Kind::Levels(titles) => {
                let title = user.level().title();
                Some(Outcome::allows_if(titles.iter().any(|allowed| allowed.as_str() == title)))
            }
            Kind::Authenticated => Some(Outcome::Allows),
            Kind::AuthenticatedWithin(max_age) => {
                let (now, login) = (user.checked(), Timestamp::from(user.authenticated_at()));
                let is_recent = now - login <= *max_age && !login.is_ahead_of(now, *max_age);
                Some(if is_recent { Outcome::Allows } else { Outcome::TooOld(*max_age) })
            }
            Kind::Check(check) => Some(Outcome::allows_if(check(user, scenario))),
            Kind::CheckAsync(_) => None,
            Kind::Combined(combination, rules) => combine_now(*combination, rules, user, scenario),
            Kind::Not(rule) => rule.decide_now(user, scenario).map(Outcome::negated),
            Kind::DenyIf(rule) => rule.decide_now(user, scenario).map(Outcome::turned_into_deny),
        }
    }

    /// The outcome, asking asynchronous rules as far as they can change it.
    pub(crate) fn decide<'a>(&'a self, user: &'a CurrentUser, scenario: &'a C) -> OutcomeFuture<'a> {
        Box::pin(async move {
            match &self.kind {
                Kind::CheckAsync(check) => match check(user.clone(), scenario).await {
                    Ok(allowed) => Outcome::allows_if(allowed),
                    Err(fault) => Outcome::Fails(fault),
                },
                Kind::Combined(combination, rules) => combine(*combination, rules, user, scenario).await,
                Kind::Not(rule) => rule.decide(user, scenario).await.negated(),
                Kind::DenyIf(rule) => rule.decide(user, scenario).await.turned_into_deny(),
                Kind::Levels(_) | Kind::Authenticated | Kind::AuthenticatedWithin(_) | Kind::Check(_) => {
                    self.decide_now(user, scenario).unwrap_or(Outcome::Abstains)
                }
            }
        })
    }

    /// What every rule of the tree says, none left out.
    pub(crate) fn explain<'a>(&'a self, user: &'a CurrentUser, scenario: &'a C) -> FindingFuture<'a> {
        Box::pin(async move {
            let (outcome, inside) = match &self.kind {
                Kind::Combined(combination, rules) => {
                    let mut inside = Vec::with_capacity(rules.len());
                    for rule in rules.iter() {
                        inside.push(rule.explain(user, scenario).await);
                    }
                    let sum = inside.iter().map(|finding| finding.outcome.clone()).reduce(|a, b| combination.of(a, b));
                    (sum.unwrap_or(combination.of_none()), inside)
                }
                Kind::Not(rule) => {
                    let inside = rule.explain(user, scenario).await;
                    (inside.outcome.clone().negated(), vec![inside])
                }
                Kind::DenyIf(rule) => {
                    let inside = rule.explain(user, scenario).await;
                    (inside.outcome.clone().turned_into_deny(), vec![inside])
                }
                Kind::Levels(_)
                | Kind::Authenticated
                | Kind::AuthenticatedWithin(_)
                | Kind::Check(_)
                | Kind::CheckAsync(_) => (self.decide(user, scenario).await, Vec::new()),
            };
            Finding { rule: self.title(), outcome, inside }
        })
    }
}

fn combine_now<C: Send + Sync + 'static>(
    combination: Combination,
    rules: &[Rule<C>],
    user: &CurrentUser,
    scenario: &C,
) -> Option<Outcome> {
    let mut sum = None;
    let (mut is_pending, mut can_forbid) = (false, false);
    for rule in rules {
        match rule.decide_now(user, scenario) {
            Some(outcome) => sum = Some(add(combination, sum, outcome)),
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
) -> Outcome {
    let mut sum = None;
    let mut pending = Vec::new();
    for rule in rules {
        match rule.decide_now(user, scenario) {
            Some(outcome) => sum = Some(add(combination, sum, outcome)),
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
        let outcome = rule.decide(user, scenario).await;
        sum = Some(add(combination, sum, outcome));
    }
    sum.unwrap_or(combination.of_none())
}

fn add(combination: Combination, sum: Option<Outcome>, outcome: Outcome) -> Outcome {
    match sum {
        Some(sum) => combination.of(sum, outcome),
        None => outcome,
    }
}
