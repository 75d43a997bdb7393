//! The check that reads the parameters of its scenario as a handler does, by an extractor of axum.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use axum_core::extract::FromRequestParts;
use axum_core::response::IntoResponse;
use http::StatusCode;
use http::request::Parts;

use crate::guard::check::{Decided, Deciding, GuardCheck, GuardDecision, decided_within, refusal_of};
use crate::request::RequestHead;
use crate::respond::{Refusal, RefusalKind};
use crate::rules::ScenarioRule;
use crate::user::CurrentUser;

/// A scenario with parameters that an extractor reads.
pub(crate) struct ScenarioFromExtractor<T, E, F> {
    rule: ScenarioRule<T>,
    timeout: Duration,
    scenario_of: Arc<F>,
    extractor: PhantomData<fn() -> E>,
}

impl<T, E, F> ScenarioFromExtractor<T, E, F> {
    pub(crate) fn new(rule: ScenarioRule<T>, timeout: Duration, scenario_of: F) -> Self {
        Self { rule, timeout, scenario_of: Arc::new(scenario_of), extractor: PhantomData }
    }
}

impl<T, E, F> GuardCheck for ScenarioFromExtractor<T, E, F>
where
    T: Send + Sync + 'static,
    E: FromRequestParts<()> + Send + 'static,
    F: Fn(E) -> Option<T> + Send + Sync + 'static,
{
    fn decide(&self, _head: RequestHead<'_>, _user: &CurrentUser) -> GuardDecision {
        GuardDecision::NeedsParts
    }

    fn decide_with_parts(&self, mut parts: Parts, user: &CurrentUser) -> Deciding {
        let (rule, timeout, mut user) = (self.rule.clone(), self.timeout, user.clone());
        let scenario_of = Arc::clone(&self.scenario_of);
        Box::pin(async move {
            let name = Arc::clone(&rule.name);
            let decision = async {
                if rule.insists() {
                    // The extractor may read the user.
                    let checked = decided_within(timeout, rule.check(&mut user)).await;
                    if let Some(refusal) = refusal_of(checked, &rule.name) {
                        return Err(refusal);
                    }
                    user.clone().insert_into(&mut parts.extensions);
                }
                let extracted = E::from_request_parts(&mut parts, &()).await.map_err(refusal_of_rejection)?;
                let scenario = scenario_of(extracted).ok_or_else(|| Refusal::new(RefusalKind::NotFound))?;
                Ok::<_, Refusal>(match rule.decide_now(&user, &scenario) {
                    Some(decision) => decision,
                    None => decided_within(timeout, rule.decide_checked(&user, &scenario)).await,
                })
            };
            let refusal = match decision.await {
                Ok(decision) => refusal_of(decision, &name),
                Err(refusal) => Some(refusal.with_scenario(name)),
            };
            Decided { refusal, parts: Some(parts), user: None }
        })
    }

    fn scenario(&self) -> &Arc<str> {
        &self.rule.name
    }
}

/// What a failed extraction means. The rejection's own body goes to no client: it may say more than a stranger should know.
fn refusal_of_rejection(rejection: impl IntoResponse) -> Refusal {
    let mut response = rejection.into_response();
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        return refusal;
    }
    let status = response.status();
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RefusalKind::Denied,
        StatusCode::SERVICE_UNAVAILABLE => RefusalKind::Unavailable,
        status if status.is_client_error() => RefusalKind::NotFound,
        _ => RefusalKind::Misconfigured,
    };
    Refusal::new(kind).with_reason(format!(
        "the extractor of a guard failed with {status}; path parameters exist in a `route_layer` of a route that has them"
    ))
}
