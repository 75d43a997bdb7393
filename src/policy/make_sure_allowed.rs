//! Decides inside of a handler.

use crate::guard::{decided_within, refusal_of};
use crate::policy::SecurityPolicy;
use crate::respond::{Refusal, log_refusal};
use crate::rules::ScenarioArgument;
use crate::user::CurrentUser;

impl SecurityPolicy {
    /// Decides inside a handler: `Ok` if the scenario allows this user, otherwise the refusal to answer with.
    ///
    /// With axum the refusal is a response. Behind a guard, or inside of the [`refusal_layer`](Self::refusal_layer), a
    /// person gets a page and a script problem details; without either, everybody gets problem details.
    ///
    /// With the rule [`checked_now`](crate::policy::checked_now) it decides about the user as the store has them; `user` itself, which
    /// the handler has got already, stays as it is. Behind a guard of such a scenario the handler gets the present one.
    ///
    /// # Errors
    /// A [`Refusal`] of the kind `Denied` or `TooOld`; `InvalidToken` if [`checked_now`](crate::policy::checked_now) finds that the
    /// token has ended; `Unavailable` if a rule fails or takes longer than the policy's
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
        let mut user = user.clone();
        let decision = match self.rule_of(&scenario) {
            Ok(rule) => match rule.decide_now(&user, scenario.parameters()) {
                Some(decision) => decision,
                None => decided_within(self.timeout(), rule.decide(&mut user, scenario.parameters())).await,
            },
            Err(error) => Err(error),
        };
        let Some(refusal) = refusal_of(decision, scenario.name()) else { return Ok(()) };
        let mut refusal = refusal.with_user(user).with_responses(self.responses());
        log_refusal(&mut refusal);
        Err(refusal)
    }
}
