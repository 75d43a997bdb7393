//! The scenarios of an application and their rules.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use time::Duration;

use crate::error::{Error, ErrorKind};
use crate::policy::outcome::Outcome;
use crate::policy::{Decision, Denial, DenialKind, Explanation, Rule, Scenario, ScenarioArgument};
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
    login_page: Option<Arc<str>>,
    realm: Option<Arc<str>>,
    public_prefix: Option<Arc<str>>,
    public_origin: Option<Arc<str>>,
    rule_timeout: Duration,
}

impl SecurityPolicy {
    /// How long the asynchronous rules of one decision may take by default. Our choice: longer than a store that is
    /// merely slow, shorter than a person's patience.
    pub const DEFAULT_RULE_TIMEOUT: Duration = Duration::seconds(5);

    /// A policy without scenarios, which allows nothing.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            scenarios: BTreeMap::new(),
            login_page: None,
            realm: None,
            public_prefix: None,
            public_origin: None,
            rule_timeout: Self::DEFAULT_RULE_TIMEOUT,
        }))
    }

    /// Adds a scenario by name.
    ///
    /// # Panics
    /// If there is one of this name: one rule would silently undo the other. [`try_scenario`](Self::try_scenario) gives
    /// an error instead.
    pub fn scenario(self, name: &str, rule: Rule) -> Self {
        or_panic(self.try_scenario(name, rule))
    }

    /// Adds a scenario by name.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is one of this name.
    pub fn try_scenario(self, name: &str, rule: Rule) -> Result<Self, Error> {
        self.with_rule(name, rule)
    }

    /// Adds a scenario whose parameters the rule sees.
    ///
    /// # Panics
    /// If there is one of this name. [`try_typed_scenario`](Self::try_typed_scenario) gives an error instead.
    pub fn typed_scenario<T: Scenario>(self, rule: Rule<T>) -> Self {
        or_panic(self.try_typed_scenario(rule))
    }

    /// Adds a scenario whose parameters the rule sees.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is one of this name.
    pub fn try_typed_scenario<T: Scenario>(self, rule: Rule<T>) -> Result<Self, Error> {
        self.with_rule(T::NAME, rule)
    }

    /// Sends people without a login to this path, or absolute URL. Default: none, and they get a 401 page.
    pub fn login_page(mut self, page: &str) -> Self {
        self.settings().login_page = Some(page.into());
        self
    }

    /// Sets the realm of the challenges. Default: `members`.
    pub fn realm(mut self, realm: &str) -> Self {
        self.settings().realm = Some(realm.into());
        self
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

    /// May this user do this? Takes the name of a scenario, or a reference to a [`Scenario`].
    ///
    /// The decision takes as long as its rules do.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the policy knows no such scenario; [`ErrorKind::Unavailable`] if a rule fails that
    /// could have changed the decision.
    pub async fn decide<S: ScenarioArgument>(&self, scenario: S, user: &CurrentUser) -> Result<Decision, Error> {
        self.rule_of(&scenario)?.decide(user, scenario.parameters()).await
    }

    /// Which rule says what. Every rule is asked.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the policy knows no such scenario.
    ///
    /// # Example
    /// ```
    /// # use tower_tokens::clock::Timestamp;
    /// # use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
    /// # use tower_tokens::user::{CurrentUser, UserLevel};
    /// use tower_tokens::policy::{SecurityPolicy, check, deny_if, level};
    ///
    /// # let now = Timestamp::from_unix_seconds(1_000);
    /// # let record = TokenRecord::new(TokenId::new(1), now, Lifetime::default());
    /// # let user = CurrentUser::new(42, UserLevel::new(2, "member"), record, now);
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let banned = check(|user, _| user.id().as_integer() == Some(42)).named("is banned");
    /// let policy = SecurityPolicy::new().scenario("forum", level("member").and(deny_if(banned)));
    /// assert_eq!(
    ///     policy.explain("forum", &user).await?.to_string(),
    ///     "\"forum\" for user 42 (member): denied\n\
    ///      \x20 all of: forbids\n\
    ///      \x20   level is member: allows\n\
    ///      \x20   deny if: forbids\n\
    ///      \x20     is banned: allows"
    /// );
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn explain<S: ScenarioArgument>(&self, scenario: S, user: &CurrentUser) -> Result<Explanation, Error> {
        let entry = self.rule_of(&scenario)?;
        let tree = entry.rule.explain(user, scenario.parameters()).await;
        Ok(Explanation {
            scenario: Arc::clone(&entry.name),
            user: format!("user {} ({})", user.id(), user.level()),
            decision: entry.conclude(tree.outcome.clone()),
            tree,
        })
    }

    /// The rule of a scenario.
    pub(crate) fn rule_of<S: ScenarioArgument>(&self, scenario: &S) -> Result<&ScenarioRule<S::Parameters>, Error> {
        self.rule_named(scenario.name())
    }

    /// The rule of this name, if its parameters are a `C`.
    pub(crate) fn rule_named<C: 'static>(&self, name: &str) -> Result<&ScenarioRule<C>, Error> {
        let found = self.0.scenarios.get(name).ok_or_else(|| self.unknown(name))?;
        found.as_any().downcast_ref().ok_or_else(|| {
            let fault = format!("the scenario {name:?} takes other parameters: ask for it as it was added");
            Error::with_source(ErrorKind::Configuration, fault)
        })
    }

    pub(crate) fn login_page_setting(&self) -> Option<&str> {
        self.0.login_page.as_deref()
    }

    pub(crate) fn realm_setting(&self) -> Option<&str> {
        self.0.realm.as_deref()
    }

    pub(crate) fn public_prefix_setting(&self) -> Option<&str> {
        self.0.public_prefix.as_deref()
    }

    pub(crate) fn public_origin_setting(&self) -> Option<&str> {
        self.0.public_origin.as_deref()
    }

    pub(crate) fn with_public_prefix_setting(mut self, prefix: &str) -> Self {
        self.settings().public_prefix = Some(prefix.into());
        self
    }

    pub(crate) fn with_public_origin_setting(mut self, origin: &str) -> Self {
        self.settings().public_origin = Some(origin.into());
        self
    }

    pub(crate) fn rule_timeout_setting(&self) -> Duration {
        self.0.rule_timeout
    }

    fn with_rule<C: Send + Sync + 'static>(mut self, name: &str, rule: Rule<C>) -> Result<Self, Error> {
        if self.0.scenarios.contains_key(name) {
            let fault = format!("the scenario {name:?} has a rule already; combine the two with `and` or `or`");
            return Err(Error::with_source(ErrorKind::Configuration, fault));
        }
        let name: Arc<str> = name.into();
        let words = rule.to_string().into();
        self.settings().scenarios.insert(Arc::clone(&name), Arc::new(ScenarioRule { name, words, rule }));
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

/// A scenario and its rule, with what denials need ready to share.
pub(crate) struct ScenarioRule<C> {
    pub(crate) name: Arc<str>,
    words: Arc<str>,
    rule: Rule<C>,
}

impl<C: Send + Sync + 'static> ScenarioRule<C> {
    /// The decision, if no asynchronous rule has to be asked for it.
    pub(crate) fn decide_now(&self, user: &CurrentUser, scenario: &C) -> Option<Result<Decision, Error>> {
        self.rule.decide_now(user, scenario).map(|outcome| self.conclude(outcome))
    }

    pub(crate) async fn decide(&self, user: &CurrentUser, scenario: &C) -> Result<Decision, Error> {
        match self.decide_now(user, scenario) {
            Some(decision) => decision,
            None => self.conclude(self.rule.decide(user, scenario).await),
        }
    }

    fn conclude(&self, outcome: Outcome) -> Result<Decision, Error> {
        let kind = match outcome {
            Outcome::Allows => return Ok(Decision::Allow),
            Outcome::Abstains | Outcome::Denies => DenialKind::NotAllowed,
            Outcome::Forbids => DenialKind::Forbidden,
            Outcome::TooOld(max_age) => DenialKind::TooOld { max_age },
            Outcome::Fails(fault) | Outcome::MayForbid(fault) => {
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

/// Rules of different parameters, kept side by side.
trait AnyScenarioRule: fmt::Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
}

impl<C: Send + Sync + 'static> AnyScenarioRule for ScenarioRule<C> {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A rule could not say anything.
#[derive(Debug)]
struct RuleFailed {
    fault: Arc<dyn std::error::Error + Send + Sync>,
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

fn or_panic(policy: Result<SecurityPolicy, Error>) -> SecurityPolicy {
    match policy {
        Ok(policy) => policy,
        Err(error) => panic!("{}", error_text(&error)),
    }
}

fn error_text(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
