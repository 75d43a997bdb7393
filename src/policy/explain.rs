//! Explains a decision.

use crate::error::Error;
use crate::policy::SecurityPolicy;
use crate::rules::{Explanation, ScenarioArgument};
use crate::user::CurrentUser;

impl SecurityPolicy {
    /// Explains a decision: the effect of each rule. Every rule is asked, unless [`checked_now`](crate::policy::checked_now) is one of
    /// them and finds that the token has ended, or gets no answer.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::error::ErrorKind::Configuration) if the policy knows no such scenario.
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
        Ok(self.rule_of(&scenario)?.explain(user, scenario.parameters()).await)
    }
}
