//! Builds guards that read the parameters of a scenario by an extractor of axum.

use axum_core::extract::FromRequestParts;

use crate::error::Error;
use crate::guard::{GuardLayer, ScenarioFromExtractor};
use crate::policy::SecurityPolicy;
use crate::policy::security_policy::or_panic;
use crate::rules::Scenario;

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
        or_panic(self.try_guard_extracting(scenario_of))
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
        Ok(GuardLayer::new(ScenarioFromExtractor::new(rule, self.timeout(), scenario_of), self.responses()))
    }
}
