//! A guard that is offered what the handler will see, by an extractor of axum.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use axum_core::extract::FromRequestParts;
use axum_core::response::IntoResponse;
use http::StatusCode;
use http::request::Parts;

use crate::error::Error;
use crate::guard::GuardLayer;
use crate::guard::from_policy::{fault, refusal_of};
use crate::guard::gate::{Decided, Deciding, Gate, Told, timed};
use crate::head::RequestHead;
use crate::policy::{Scenario, ScenarioRule, SecurityPolicy};
use crate::respond::{Refusal, RefusalKind};
use crate::user::CurrentUser;

impl SecurityPolicy {
    /// The layer that allows a request only if a typed scenario allows its user; an extractor reads the parameters.
    ///
    /// The extractor is any that works in a handler without a state: axum's `Path`, `Query`, headers, or a tuple of them.
    /// It gives the guard what it gives the handler: path parameters are percent-decoded, and complete inside of a nested
    /// router. Use the guard with axum's `route_layer`, which runs after the router has matched the path.
    ///
    /// If extraction fails, or the function gives `None`, a user is answered with 404, and a request without a user as a
    /// missing login. Such a request never passes. An extractor that reports a fault of the application (5xx, such as
    /// `Path` on a route without parameters) is answered with 500 and logged, a 503 with 503, its 401 or 403 with 403.
    ///
    /// # Panics
    /// If the policy knows no such scenario. [`try_guard_extracting`](Self::try_guard_extracting) gives an error instead.
    ///
    /// # Example
    /// ```
    /// use axum::{Router, extract::Path, routing::get};
    /// use tower_tokens::policy::{Scenario, SecurityPolicy, check, level};
    ///
    /// struct WriteRecord(u64);
    ///
    /// impl Scenario for WriteRecord {
    ///     const NAME: &'static str = "write record";
    /// }
    ///
    /// let policy = SecurityPolicy::new().typed_scenario(level("admin").or(check(|_, record: &WriteRecord| record.0 == 42)));
    /// let app: Router = Router::new()
    ///     .route("/records/{id}", get(|Path(id): Path<u64>| async move { format!("record {id}") }))
    ///     .route_layer(policy.guard_extracting(|Path(id): Path<u64>| Some(WriteRecord(id))));
    /// ```
    pub fn guard_extracting<T, E, F>(&self, scenario_of: F) -> GuardLayer
    where
        T: Scenario,
        E: FromRequestParts<()> + Send + 'static,
        F: Fn(E) -> Option<T> + Send + Sync + 'static,
    {
        match self.try_guard_extracting(scenario_of) {
            Ok(guard) => guard,
            Err(error) => panic!("{}", fault(&error)),
        }
    }

    /// The layer that allows a request only if a typed scenario allows its user; see
    /// [`guard_extracting`](Self::guard_extracting).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::error::ErrorKind::Configuration) if the policy knows no such scenario.
    pub fn try_guard_extracting<T, E, F>(&self, scenario_of: F) -> Result<GuardLayer, Error>
    where
        T: Scenario,
        E: FromRequestParts<()> + Send + 'static,
        F: Fn(E) -> Option<T> + Send + Sync + 'static,
    {
        let rule = self.rule_named::<T>(T::NAME)?.clone();
        let scenario_of = Arc::new(scenario_of);
        let gate = ExtractedScenario { rule, bound: self.bound(), scenario_of, extractor: PhantomData };
        Ok(GuardLayer::new(gate, self.answers()))
    }
}

/// A scenario with parameters that an extractor reads.
struct ExtractedScenario<T, E, F> {
    rule: ScenarioRule<T>,
    bound: Duration,
    scenario_of: Arc<F>,
    extractor: PhantomData<fn() -> E>,
}

impl<T, E, F> Gate for ExtractedScenario<T, E, F>
where
    T: Send + Sync + 'static,
    E: FromRequestParts<()> + Send + 'static,
    F: Fn(E) -> Option<T> + Send + Sync + 'static,
{
    fn ask(&self, _head: RequestHead<'_>, _user: &CurrentUser) -> Told {
        Told::NeedsParts
    }

    fn ask_parts(&self, mut parts: Parts, user: &CurrentUser) -> Deciding {
        let (rule, bound, user) = (self.rule.clone(), self.bound, user.clone());
        let scenario_of = Arc::clone(&self.scenario_of);
        Box::pin(async move {
            let name = Arc::clone(&rule.name);
            let decision = async {
                let extracted = E::from_request_parts(&mut parts, &()).await.map_err(refusal_of_rejection)?;
                let scenario = scenario_of(extracted).ok_or_else(|| Refusal::new(RefusalKind::NotFound))?;
                match rule.decide_now(&user, &scenario) {
                    Some(decision) => Ok::<_, Refusal>(decision),
                    None => Ok(timed(bound, rule.decide(&user, &scenario)).await),
                }
            };
            let refusal = match decision.await {
                Ok(decision) => refusal_of(decision, &name),
                Err(refusal) => Some(refusal.with_scenario(name)),
            };
            Decided { refusal, parts: Some(parts) }
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
