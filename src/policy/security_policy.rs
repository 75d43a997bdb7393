//! The scenarios of an application and their rules.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::guard::innermost_cause;
use crate::respond::RefusalResponses;
use crate::rules::{Decision, Rule, Scenario, ScenarioArgument, ScenarioRule};
use crate::user::CurrentUser;

/// The scenarios of an application and their rules. Deny by default; cheap to clone.
///
/// Build it once, keep it in the application's state, guard routes with `policy.guard("members area")`, and ask in
/// handlers with `policy.make_sure_allowed(&scenario, &user).await?`.
///
/// # Example
/// ```
/// use tower_tokens::policy::{SecurityPolicy, any_level, level};
///
/// let policy = SecurityPolicy::new()
///     .scenario("admin panel", level("admin"))
///     .scenario("members area", any_level(["member", "admin"]))
///     .login_page("/login");
/// assert!(policy.scenarios().eq(["admin panel", "members area"]));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a policy protects nothing until a guard or a handler asks it"]
pub struct SecurityPolicy(Arc<Settings>);

#[derive(Debug, Clone)]
struct Settings {
    scenarios: BTreeMap<Arc<str>, Arc<dyn AnyScenarioRule>>,
    responses: RefusalResponses,
    rule_timeout: Duration,
}

impl SecurityPolicy {
    /// How long the asynchronous rules of one decision may take by default. Our choice: longer than a store that is
    /// merely slow, shorter than most people wait.
    pub const DEFAULT_RULE_TIMEOUT: Duration = Duration::from_secs(5);

    /// A policy without scenarios, which allows nothing.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            scenarios: BTreeMap::new(),
            responses: RefusalResponses::new(),
            rule_timeout: Self::DEFAULT_RULE_TIMEOUT,
        }))
    }

    /// Adds a scenario by name.
    ///
    /// # Panics
    /// If there is one of this name: one rule would silently undo the other. If an [`ability`](crate::policy::ability) in the
    /// rule has a name that cannot be one. [`try_scenario`](Self::try_scenario) gives
    /// an error instead.
    pub fn scenario(self, name: &str, rule: Rule) -> Self {
        or_panic(self.try_scenario(name, rule))
    }

    /// Adds a scenario by name.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is one of this name, or an ability has a name that cannot be one.
    pub fn try_scenario(self, name: &str, rule: Rule) -> Result<Self, Error> {
        self.with_rule(name, rule)
    }

    /// Adds a scenario whose parameters the rule sees.
    ///
    /// # Panics
    /// As [`scenario`](Self::scenario). [`try_typed_scenario`](Self::try_typed_scenario) gives an error instead.
    pub fn typed_scenario<T: Scenario>(self, rule: Rule<T>) -> Self {
        or_panic(self.try_typed_scenario(rule))
    }

    /// Adds a scenario whose parameters the rule sees.
    ///
    /// # Errors
    /// As [`try_scenario`](Self::try_scenario).
    pub fn try_typed_scenario<T: Scenario>(self, rule: Rule<T>) -> Result<Self, Error> {
        self.with_rule(T::NAME, rule)
    }

    /// Sets how long the asynchronous rules of one decision may take in a guard and in `make_sure_allowed`; then nothing
    /// is known (503). Default: 5 seconds.
    pub fn rule_timeout(mut self, timeout: Duration) -> Self {
        self.settings().rule_timeout = timeout;
        self
    }

    /// The names of all scenarios, in order.
    pub fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.0.scenarios.keys().map(|name| &**name)
    }

    /// Decides whether a scenario allows this user. Takes the name of a scenario, or a reference to a [`Scenario`].
    ///
    /// The decision takes as long as its rules do. If one is [`checked_now`](crate::policy::checked_now), it is about the user as
    /// the store has them.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the policy knows no such scenario; [`ErrorKind::Unavailable`] if a rule fails that
    /// could have changed the decision.
    pub async fn decide<S: ScenarioArgument>(&self, scenario: S, user: &CurrentUser) -> Result<Decision, Error> {
        let rule = self.rule_of(&scenario)?;
        match rule.decide_now(user, scenario.parameters()) {
            Some(decision) => decision,
            None => rule.decide(&mut user.clone(), scenario.parameters()).await,
        }
    }

    /// The rule of a scenario.
    pub(super) fn rule_of<S: ScenarioArgument>(&self, scenario: &S) -> Result<&ScenarioRule<S::Parameters>, Error> {
        self.rule_named(scenario.name())
    }

    /// The rule of this name, if its parameters are a `C`.
    pub(super) fn rule_named<C: 'static>(&self, name: &str) -> Result<&ScenarioRule<C>, Error> {
        let found = self.0.scenarios.get(name).ok_or_else(|| self.unknown(name))?;
        found.as_any().downcast_ref().ok_or_else(|| {
            let fault = format!("the scenario {name:?} takes other parameters: ask for it as it was added");
            Error::with_source(ErrorKind::Configuration, fault)
        })
    }

    /// How long the asynchronous rules of one decision may take.
    pub(super) fn timeout(&self) -> Duration {
        self.0.rule_timeout
    }

    /// How it answers; [`responses`](Self::responses) gives a copy.
    pub(super) fn own_responses(&self) -> &RefusalResponses {
        &self.0.responses
    }

    pub(super) fn set_responses(mut self, responses: RefusalResponses) -> Self {
        self.settings().responses = responses;
        self
    }

    fn with_rule<C: Send + Sync + 'static>(mut self, name: &str, rule: Rule<C>) -> Result<Self, Error> {
        if self.0.scenarios.contains_key(name) {
            let fault = format!("the scenario {name:?} has a rule already; combine the two with `and` or `or`");
            return Err(Error::with_source(ErrorKind::Configuration, fault));
        }
        rule.check()?;
        let rule = ScenarioRule::new(name, rule);
        self.settings().scenarios.insert(Arc::clone(&rule.name), Arc::new(rule));
        Ok(self)
    }

    fn unknown(&self, name: &str) -> Error {
        let known = self.scenarios().map(|name| format!("{name:?}")).collect::<Vec<_>>();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let fault = format!("there is no scenario {name:?}; the policy knows: {known}");
        Error::with_source(ErrorKind::Configuration, fault)
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }
}

impl Default for SecurityPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Rules of different parameters, kept side by side.
trait AnyScenarioRule: fmt::Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
}

impl<C: Send + Sync + 'static> AnyScenarioRule for ScenarioRule<C> {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What a setter gives where a mistake in the program has to end it.
pub(super) fn or_panic<T>(built: Result<T, Error>) -> T {
    match built {
        Ok(built) => built,
        Err(error) => panic!("{}", innermost_cause(&error)),
    }
}
