//! What the policy does above its own floor: build guards, and refuse in handlers.

use time::Duration;

use crate::error::{Error, ErrorKind};
use crate::guard::GuardLayer;
use crate::guard::gate::{FixedScenario, ScenarioOfRequest, timed};
use crate::head::RequestHead;
use crate::policy::{Decision, Denial, DenialKind, Scenario, ScenarioArgument, SecurityPolicy};
use crate::respond::{Answers, Refusal, RefusalKind, RefusalLayer, log_refusal};
use crate::user::CurrentUser;

impl SecurityPolicy {
    /// The layer that lets through who the scenario of this name allows.
    ///
    /// # Panics
    /// If the policy knows no such scenario, when the guard is built and never on a request. The message lists the
    /// scenarios that it knows. [`try_guard`](Self::try_guard) gives an error instead.
    ///
    /// # Example
    /// ```
    /// use axum::{Router, routing::get};
    /// use tower_tokens::policy::{SecurityPolicy, any_level};
    ///
    /// let policy = SecurityPolicy::new().scenario("members area", any_level(["member", "admin"])).login_page("/login");
    /// let app: Router = Router::new()
    ///     .route("/members", get(|| async { "hello" }))
    ///     .route_layer(policy.guard("members area"));
    /// ```
    pub fn guard(&self, scenario: &str) -> GuardLayer {
        match self.try_guard(scenario) {
            Ok(guard) => guard,
            Err(error) => panic!("{}", fault(&error)),
        }
    }

    /// The layer that lets through who the scenario of this name allows.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the policy knows no such scenario, or if it takes parameters: then use
    /// [`guard_with`](Self::guard_with).
    pub fn try_guard(&self, scenario: &str) -> Result<GuardLayer, Error> {
        let rule = self.rule_named::<()>(scenario)?.clone();
        Ok(GuardLayer::new(FixedScenario::new(rule, self.bound()), self.answers()))
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
    /// use tower_tokens::head::RequestHead;
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
        match self.try_guard_with(scenario_of) {
            Ok(guard) => guard,
            Err(error) => panic!("{}", fault(&error)),
        }
    }

    /// The layer that lets through who a typed scenario allows; see [`guard_with`](Self::guard_with).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the policy knows no such scenario.
    pub fn try_guard_with<T, F>(&self, scenario_of: F) -> Result<GuardLayer, Error>
    where
        T: Scenario,
        F: Fn(RequestHead<'_>) -> Option<T> + Send + Sync + 'static,
    {
        let rule = self.rule_named::<T>(T::NAME)?.clone();
        Ok(GuardLayer::new(ScenarioOfRequest::new(rule, self.bound(), scenario_of), self.answers()))
    }

    /// The same decision inside a handler: `Ok` if this user may do this, else what to answer.
    ///
    /// With axum the refusal is a response. Behind a guard, or inside of the [`refusal_layer`](Self::refusal_layer), a
    /// person gets a page and a script problem details; without either, everybody gets problem details.
    ///
    /// # Errors
    /// A [`Refusal`] of the kind `Denied` or `TooOld`; `Unavailable` if a rule fails or takes longer than the policy's
    /// `rule_timeout`; `Misconfigured` if the policy knows no such scenario, which is logged too.
    ///
    /// # Panics
    /// If a rule is asynchronous, outside of a Tokio runtime with its time driver (`enable_time`), which measures the
    /// policy's `rule_timeout`.
    ///
    /// # Cancel safety
    /// Dropping the future drops the futures of the rules, and does nothing else.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::policy::SecurityPolicy;
    /// use tower_tokens::respond::Refusal;
    /// use tower_tokens::user::CurrentUser;
    ///
    /// async fn delete_everything(policy: SecurityPolicy, user: CurrentUser) -> Result<&'static str, Refusal> {
    ///     policy.make_sure_allowed("admin panel", &user).await?;
    ///     Ok("gone")
    /// }
    /// ```
    pub async fn make_sure_allowed<S: ScenarioArgument>(&self, scenario: S, user: &CurrentUser) -> Result<(), Refusal> {
        let decision = match self.rule_of(&scenario) {
            Ok(rule) => match rule.decide_now(user, scenario.parameters()) {
                Some(decision) => decision,
                None => timed(self.bound(), rule.decide(user, scenario.parameters())).await,
            },
            Err(error) => Err(error),
        };
        let Some(refusal) = refusal_of(decision, scenario.name()) else { return Ok(()) };
        let mut refusal = refusal.with_user(user.clone()).with_answers(self.answers());
        log_refusal(&mut refusal);
        Err(refusal)
    }

    /// Puts this path in front of the way back, for a site behind a proxy that takes it off; see
    /// [`Answers::with_public_prefix`].
    ///
    /// # Panics
    /// If it is no path. [`try_public_prefix`](Self::try_public_prefix) gives an error instead.
    pub fn public_prefix(self, prefix: &str) -> Self {
        match self.try_public_prefix(prefix) {
            Ok(policy) => policy,
            Err(error) => panic!("{}", fault(&error)),
        }
    }

    /// Puts this path in front of the way back.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is no path.
    pub fn try_public_prefix(self, prefix: &str) -> Result<Self, Error> {
        let _ = Answers::new().with_public_prefix(prefix)?;
        Ok(self.with_public_prefix_setting(prefix))
    }

    /// Says at which origin browsers find this site, for a login page on another host; see
    /// [`Answers::with_public_origin`].
    ///
    /// # Panics
    /// If it is no origin. [`try_public_origin`](Self::try_public_origin) gives an error instead.
    pub fn public_origin(self, origin: &str) -> Self {
        match self.try_public_origin(origin) {
            Ok(policy) => policy,
            Err(error) => panic!("{}", fault(&error)),
        }
    }

    /// Says at which origin browsers find this site.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is no origin.
    pub fn try_public_origin(self, origin: &str) -> Result<Self, Error> {
        let _ = Answers::new().with_public_origin(origin)?;
        Ok(self.with_public_origin_setting(origin))
    }

    /// The layer that answers what handlers refuse, as this policy's guards do. Put one around the whole site.
    pub fn refusal_layer(&self) -> RefusalLayer {
        RefusalLayer::new(self.answers())
    }

    /// How this policy's guards answer: its realm, login page, public prefix and origin. Give them to `TokenAuthLayer` and the extractors
    /// answer alike.
    pub fn answers(&self) -> Answers {
        let mut answers = Answers::new();
        if let Some(realm) = self.realm_setting() {
            answers = answers.with_realm(realm);
        }
        if let Some(page) = self.login_page_setting() {
            answers = answers.with_login_page(page);
        }
        // Both were checked when they were set.
        if let Some(Ok(prefixed)) =
            self.public_prefix_setting().map(|prefix| answers.clone().with_public_prefix(prefix))
        {
            answers = prefixed;
        }
        if let Some(Ok(located)) = self.public_origin_setting().map(|origin| answers.clone().with_public_origin(origin))
        {
            answers = located;
        }
        answers
    }

    /// How long rules may take: never less than nothing.
    pub(super) fn bound(&self) -> std::time::Duration {
        std::time::Duration::try_from(self.rule_timeout_setting().max(Duration::ZERO)).unwrap_or_default()
    }
}

/// What to answer to this decision, unless it is yes.
pub(crate) fn refusal_of(decision: Result<Decision, Error>, scenario: &str) -> Option<Refusal> {
    let refusal = match decision {
        Ok(Decision::Allow) => return None,
        Ok(Decision::Deny(denial)) => Refusal::new(kind_of(&denial)).with_reason(denial.to_string()),
        Err(error) => {
            let kind = match error.kind() {
                ErrorKind::Configuration => RefusalKind::Misconfigured,
                _ => RefusalKind::Unavailable,
            };
            Refusal::new(kind).with_reason(fault(&error)).with_source(error)
        }
    };
    Some(refusal.with_scenario(scenario))
}

fn kind_of(denial: &Denial) -> RefusalKind {
    match denial.kind() {
        DenialKind::TooOld { max_age } => RefusalKind::TooOld { max_age },
        DenialKind::NotAllowed | DenialKind::Forbidden => RefusalKind::Denied,
    }
}

/// The innermost cause, which says what is wrong.
pub(super) fn fault(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
