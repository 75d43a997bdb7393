//! The question of one guard, its scenario's type erased.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use crate::error::{Error, ErrorKind};
use crate::guard::from_policy::refusal_of;
use crate::head::RequestHead;
use crate::policy::{Decision, ScenarioRule};
use crate::respond::{Refusal, RefusalKind};
use crate::user::CurrentUser;

/// A decision that is still to come.
pub(crate) type Deciding = Pin<Box<dyn Future<Output = Decided> + Send>>;

/// A decision that has come.
pub(crate) struct Decided {
    pub(crate) refusal: Option<Refusal>,
    /// The head of the request, if the decision took it.
    pub(crate) parts: Option<Parts>,
}

/// What a guard is told when it asks.
pub(crate) enum Told {
    Allow,
    Refuse(Refusal),
    Later(Deciding),
    /// The scenario has to be extracted: [`Gate::ask_parts`] is called next.
    #[cfg(feature = "axum")]
    NeedsParts,
}

/// What one guard asks about every request.
pub(crate) trait Gate: Send + Sync {
    fn ask(&self, head: RequestHead<'_>, user: &CurrentUser) -> Told;

    /// Decides with the head of the request, and gives it back with the decision.
    #[cfg(feature = "axum")]
    fn ask_parts(&self, parts: Parts, _user: &CurrentUser) -> Deciding {
        let refusal = Refusal::new(RefusalKind::Misconfigured).with_reason("this guard extracts nothing");
        Box::pin(std::future::ready(Decided { refusal: Some(refusal), parts: Some(parts) }))
    }

    fn scenario(&self) -> &Arc<str>;
}

/// The same scenario for every request.
pub(crate) struct FixedScenario {
    rule: ScenarioRule<()>,
    bound: Duration,
}

impl FixedScenario {
    pub(crate) const fn new(rule: ScenarioRule<()>, bound: Duration) -> Self {
        Self { rule, bound }
    }
}

impl Gate for FixedScenario {
    fn ask(&self, _head: RequestHead<'_>, user: &CurrentUser) -> Told {
        ask(&self.rule, self.bound, (), user)
    }

    fn scenario(&self) -> &Arc<str> {
        &self.rule.name
    }
}

/// A scenario with parameters that are in the request.
pub(crate) struct ScenarioOfRequest<T, F> {
    rule: ScenarioRule<T>,
    bound: Duration,
    scenario_of: F,
}

impl<T, F> ScenarioOfRequest<T, F> {
    pub(crate) const fn new(rule: ScenarioRule<T>, bound: Duration, scenario_of: F) -> Self {
        Self { rule, bound, scenario_of }
    }
}

impl<T, F> Gate for ScenarioOfRequest<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(RequestHead<'_>) -> Option<T> + Send + Sync,
{
    fn ask(&self, head: RequestHead<'_>, user: &CurrentUser) -> Told {
        match (self.scenario_of)(head) {
            Some(scenario) => ask(&self.rule, self.bound, scenario, user),
            None => Told::Refuse(Refusal::new(RefusalKind::NotFound).with_scenario(Arc::clone(self.scenario()))),
        }
    }

    fn scenario(&self) -> &Arc<str> {
        &self.rule.name
    }
}

/// Decides within `bound`; what takes longer is an error of its own kind.
pub(crate) async fn timed(
    bound: Duration,
    decision: impl Future<Output = Result<Decision, Error>>,
) -> Result<Decision, Error> {
    tokio::time::timeout(bound, decision)
        .await
        .unwrap_or_else(|_| Err(Error::with_source(ErrorKind::TimedOut, "a rule did not answer in time")))
}

fn ask<C: Send + Sync + 'static>(rule: &ScenarioRule<C>, bound: Duration, scenario: C, user: &CurrentUser) -> Told {
    if let Some(decision) = rule.decide_now(user, &scenario) {
        return refusal_of(decision, &rule.name).map_or(Told::Allow, Told::Refuse);
    }
    let (rule, user) = (rule.clone(), user.clone());
    Told::Later(Box::pin(async move {
        let decision = timed(bound, rule.decide(&user, &scenario)).await;
        Decided { refusal: refusal_of(decision, &rule.name), parts: None }
    }))
}
