//! Builds the guards of a policy.

use crate::error::Error;
use crate::guard::{GuardLayer, NamedScenario, ScenarioFromRequest};
use crate::policy::SecurityPolicy;
use crate::policy::security_policy::or_panic;
use crate::request::RequestHead;
use crate::rules::Scenario;

impl SecurityPolicy {
    /// The layer that allows a request only if the scenario of this name allows its user.
    ///
    /// # Panics
    /// If the policy knows no such scenario, when the guard is built and never on a request. The message lists the
    /// scenarios that it knows. [`try_guard`](Self::try_guard) gives an error instead.
    ///
    /// # Example
    /// In one attachment with the layer that finds the user, which is the cheapest:
    /// ```
    /// use axum::{Router, routing::get};
    /// use tower_tokens::auth::TokenAuthLayer;
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::policy::{SecurityPolicy, any_level};
    /// use tower_tokens::repository::MemoryRepository;
    ///
    /// let token_auth = TokenAuthLayer::new(Tokens::new(MemoryRepository::new()));
    /// let policy = SecurityPolicy::new().scenario("members area", any_level(["member", "admin"])).login_page("/login");
    /// let app: Router = Router::new()
    ///     .route("/members", get(|| async { "hello" }))
    ///     .route_layer((token_auth, policy.guard("members area")));
    /// ```
    pub fn guard(&self, scenario: &str) -> GuardLayer {
        or_panic(self.try_guard(scenario))
    }

    /// The layer that allows a request only if the scenario of this name allows its user.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::error::ErrorKind::Configuration) if the policy knows no such scenario, or if it takes parameters: then use
    /// [`guard_with`](Self::guard_with).
    pub fn try_guard(&self, scenario: &str) -> Result<GuardLayer, Error> {
        let rule = self.rule_named::<()>(scenario)?.clone();
        Ok(GuardLayer::new(NamedScenario::new(rule, self.timeout()), self.responses()))
    }

    /// The layer that allows a request only if a typed scenario allows its user; the function reads the parameters from
    /// the request. With axum use [`guard_extracting`](Self::guard_extracting), which gives the function what the handler
    /// will see.
    ///
    /// `None`, the request names nothing that the scenario could be about, is answered with 404 to a user, and as a
    /// missing login to everybody else, so that only users learn which paths exist. It never lets a request through.
    ///
    /// # Security
    /// Read the path with [`decoded_segments`](RequestHead::decoded_segments): a handler sees the decoded path, so a
    /// decision on the raw one can be walked around (`/docs/%73ecret`). Inside of a router that axum nests, the path has
    /// lost its first segments.
    ///
    /// # Panics
    /// If the policy knows no such scenario. [`try_guard_with`](Self::try_guard_with) gives an error instead.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::request::RequestHead;
    /// use tower_tokens::policy::{Scenario, SecurityPolicy, check, level};
    ///
    /// struct WriteRecord(u64);
    ///
    /// impl Scenario for WriteRecord {
    ///     const NAME: &'static str = "write record";
    /// }
    ///
    /// let policy = SecurityPolicy::new().typed_scenario(level("admin").or(check(|_, record: &WriteRecord| record.0 == 42)));
    /// let guard = policy.guard_with(|head: RequestHead<'_>| match &*head.decoded_segments()? {
    ///     [first, id] if first == "records" => Some(WriteRecord(id.parse().ok()?)),
    ///     _ => None,
    /// });
    /// ```
    pub fn guard_with<T, F>(&self, scenario_of: F) -> GuardLayer
    where
        T: Scenario,
        F: Fn(RequestHead<'_>) -> Option<T> + Send + Sync + 'static,
    {
        or_panic(self.try_guard_with(scenario_of))
    }

    /// The layer that allows a request only if a typed scenario allows its user; see [`guard_with`](Self::guard_with).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::error::ErrorKind::Configuration) if the policy knows no such scenario.
    pub fn try_guard_with<T, F>(&self, scenario_of: F) -> Result<GuardLayer, Error>
    where
        T: Scenario,
        F: Fn(RequestHead<'_>) -> Option<T> + Send + Sync + 'static,
    {
        let rule = self.rule_named::<T>(T::NAME)?.clone();
        Ok(GuardLayer::new(ScenarioFromRequest::new(rule, self.timeout(), scenario_of), self.responses()))
    }
}
