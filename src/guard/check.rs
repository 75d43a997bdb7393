//! What one guard checks of every request, without the type of its scenario.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use crate::error::{Error, ErrorKind};
use crate::request::RequestHead;
use crate::respond::{Refusal, RefusalKind};
use crate::rules::{Decision, Denial, DenialKind, ScenarioRule};
use crate::user::CurrentUser;

/// A decision that has to be waited for.
pub(crate) type Deciding = Pin<Box<dyn Future<Output = Decided> + Send>>;

/// A decision that was made.
pub(crate) struct Decided {
    pub(crate) refusal: Option<Refusal>,
    /// The head of the request, if the decision took it.
    pub(crate) parts: Option<Parts>,
    /// The user as the store has them, if it was asked.
    pub(crate) user: Option<CurrentUser>,
}

/// What a check says of one request.
pub(crate) enum GuardDecision {
    Allow,
    Refuse(Refusal),
    Later(Deciding),
    /// The scenario has to be extracted: [`GuardCheck::decide_with_parts`] is called next.
    #[cfg(feature = "axum")]
    NeedsParts,
}

/// What one guard checks of every request.
pub(crate) trait GuardCheck: Send + Sync {
    fn decide(&self, head: RequestHead<'_>, user: &CurrentUser) -> GuardDecision;

    /// Decides with the head of the request, and gives it back with the decision.
    #[cfg(feature = "axum")]
    fn decide_with_parts(&self, parts: Parts, _user: &CurrentUser) -> Deciding {
        let refusal = Refusal::new(RefusalKind::Misconfigured).with_reason("this guard extracts nothing");
        Box::pin(std::future::ready(Decided { refusal: Some(refusal), parts: Some(parts), user: None }))
    }

    fn scenario(&self) -> &Arc<str>;
}

/// The same scenario for every request.
pub(crate) struct NamedScenario {
    rule: ScenarioRule<()>,
    timeout: Duration,
}

impl NamedScenario {
    pub(crate) const fn new(rule: ScenarioRule<()>, timeout: Duration) -> Self {
        Self { rule, timeout }
    }
}

impl GuardCheck for NamedScenario {
    fn decide(&self, _head: RequestHead<'_>, user: &CurrentUser) -> GuardDecision {
        decide(&self.rule, self.timeout, (), user)
    }

    fn scenario(&self) -> &Arc<str> {
        &self.rule.name
    }
}

/// A scenario with parameters that are in the request.
pub(crate) struct ScenarioFromRequest<T, F> {
    rule: ScenarioRule<T>,
    timeout: Duration,
    scenario_of: F,
}

impl<T, F> ScenarioFromRequest<T, F> {
    pub(crate) const fn new(rule: ScenarioRule<T>, timeout: Duration, scenario_of: F) -> Self {
        Self { rule, timeout, scenario_of }
    }
}

impl<T, F> GuardCheck for ScenarioFromRequest<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(RequestHead<'_>) -> Option<T> + Send + Sync,
{
    fn decide(&self, head: RequestHead<'_>, user: &CurrentUser) -> GuardDecision {
        match (self.scenario_of)(head) {
            Some(scenario) => decide(&self.rule, self.timeout, scenario, user),
            None => {
                GuardDecision::Refuse(Refusal::new(RefusalKind::NotFound).with_scenario(Arc::clone(self.scenario())))
            }
        }
    }

    fn scenario(&self) -> &Arc<str> {
        &self.rule.name
    }
}

/// Decides within `timeout`; what takes longer is an error of its own kind.
pub(crate) async fn decided_within(
    timeout: Duration,
    decision: impl Future<Output = Result<Decision, Error>>,
) -> Result<Decision, Error> {
    tokio::time::timeout(timeout, decision)
        .await
        .unwrap_or_else(|_| Err(Error::with_source(ErrorKind::TimedOut, "a rule did not answer in time")))
}

fn decide<C: Send + Sync + 'static>(
    rule: &ScenarioRule<C>,
    timeout: Duration,
    scenario: C,
    user: &CurrentUser,
) -> GuardDecision {
    if let Some(decision) = rule.decide_now(user, &scenario) {
        return refusal_of(decision, &rule.name).map_or(GuardDecision::Allow, GuardDecision::Refuse);
    }
    let (rule, mut user) = (rule.clone(), user.clone());
    GuardDecision::Later(Box::pin(async move {
        let decision = decided_within(timeout, rule.decide(&mut user, &scenario)).await;
        Decided { refusal: refusal_of(decision, &rule.name), parts: None, user: rule.insists().then_some(user) }
    }))
}

/// The refusal of this decision, unless it allows.
pub(crate) fn refusal_of(decision: Result<Decision, Error>, scenario: &str) -> Option<Refusal> {
    let refusal = match decision {
        Ok(Decision::Allow) => return None,
        Ok(Decision::Deny(denial)) => {
            let refusal = Refusal::new(kind_of(&denial)).with_reason(denial.to_string());
            match denial.into_missing_abilities() {
                Some(missing) => refusal.with_missing_abilities(missing),
                None => refusal,
            }
        }
        Err(error) => {
            let kind = match error.kind() {
                ErrorKind::Configuration => RefusalKind::Misconfigured,
                _ => RefusalKind::Unavailable,
            };
            Refusal::new(kind).with_reason(innermost_cause(&error)).with_source(error)
        }
    };
    Some(refusal.with_scenario(scenario))
}

fn kind_of(denial: &Denial) -> RefusalKind {
    match denial.kind() {
        DenialKind::TooOld { max_age } => RefusalKind::TooOld { max_age },
        DenialKind::Ended => RefusalKind::InvalidToken,
        DenialKind::NotAllowed | DenialKind::Forbidden | DenialKind::MissingAbility => RefusalKind::Denied,
    }
}

/// The innermost cause, which says what is wrong.
pub(crate) fn innermost_cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
