//! Floor 8, who may do what: [`SecurityPolicy`] has the scenarios of an application, decides, builds guards and answers.
//!
//! A scenario is a named situation that needs protection. Its rule decides; without a rule there is no scenario, and an
//! unknown scenario is an error, never a default. What no rule allows is denied.
//!
//! # The effects of rules, and how they combine
//! | effect | meaning | which rule has it |
//! |---|---|---|
//! | *abstains* | does not count | [`deny_if`] whose rule does not allow |
//! | *allows* | | [`level`], [`authenticated`], [`check`], … |
//! | *denies* | does not allow, and another rule may | the same |
//! | *too old* | would allow after a new login (RFC 9470) | [`authenticated_within`] |
//! | *lacks* | would allow a token with more abilities (RFC 6750) | [`ability`] |
//! | *fails* | nothing is known | a rule whose future gives an error |
//! | *forbids* | an explicit deny: nothing beats it | [`deny_if`] whose rule allows |
//! | *may forbid* | nothing is known, not even that it does not forbid | [`deny_if`] whose rule fails |
//!
//! In both combinations the strongest effect wins, whatever the order of the rules:
//!
//! - [`all`] and [`Rule::and`]: *forbids* > *may forbid* > *denies* > *fails* > *lacks* > *too old* > *allows* > *abstains*
//! - [`any`] and [`Rule::or`]: *forbids* > *may forbid* > *allows* > *fails* > *too old* > *lacks* > *denies* > *abstains*
//!
//! Without rules, `all` allows and `any` denies. Of two that are too old, `all` takes the shorter age and `any` the
//! longer. Of two that lack abilities, `all` names those of both and `any` those of one. The other two, for each effect of
//! the rule inside:
//!
//! | inside | [`not`] | [`deny_if`] |
//! |---|---|---|
//! | *abstains* | *abstains* | *abstains* |
//! | *allows* | *denies* | *forbids* |
//! | *denies* | *allows* | *abstains* |
//! | *too old* | *allows* | *abstains* |
//! | *lacks* | *allows* | *abstains* |
//! | *fails* | *fails* | *may forbid* |
//! | *forbids* | *forbids* | *forbids* |
//! | *may forbid* | *may forbid* | *may forbid* |
//!
//! At the end *allows* allows; *abstains*, *denies*, *forbids*, *too old* and *lacks* deny, the last two in their own way; *fails* and
//! *may forbid* are errors, which are neither (503).
//!
//! Rules that are synchronous decide first. An asynchronous rule is not asked when its answer can change nothing:
//! `level("admin").or(check_async(…))` allows an administrator without asking the database, and even when it is down.
//! A rule that can forbid is always asked. [`checked_now`] asks the store past every cache before any rule decides, wherever it
//! stands: each of them then sees the user of that answer.
//!
//! | file | role |
//! |---|---|
//! | `security_policy` | [`SecurityPolicy`]: the scenarios and their rules, `decide` |
//! | `guard`, `guard_extracting` | [`guard`](SecurityPolicy::guard), [`guard_with`](SecurityPolicy::guard_with), `guard_extracting` (feature `axum`) |
//! | `make_sure_allowed` | [`make_sure_allowed`](SecurityPolicy::make_sure_allowed), the decision inside of a handler |
//! | `explain` | [`explain`](SecurityPolicy::explain): the effect of each rule |
//! | `responses` | how the policy answers: [`login_page`](SecurityPolicy::login_page), [`realm`](SecurityPolicy::realm), …, [`refusal_layer`](SecurityPolicy::refusal_layer) |
//!
//! The rules themselves are pure, and on a floor of their own: `rules/rule.rs`, `rules/effect.rs`, `rules/evaluate.rs`. This
//! is where applications import them from.
//!
//! # Example
//! A discussion forum (the example is Trongate's): everybody who is logged in may read, and a record may be written by
//! its author and by administrators.
//! ```
//! # use tower_tokens::clock::Timestamp;
//! # use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
//! # use tower_tokens::user::UserLevel;
//! use tower_tokens::policy::{Decision, Scenario, SecurityPolicy, authenticated, check, check_async, level};
//! use tower_tokens::user::CurrentUser;
//!
//! #[derive(Debug, Clone)]
//! struct DiscussionForum {
//!     action: &'static str,
//!     record_id: u64,
//! }
//!
//! impl Scenario for DiscussionForum {
//!     const NAME: &'static str = "discussion forum";
//! }
//!
//! # async fn author_of(record_id: u64) -> Result<i64, std::io::Error> { Ok(if record_id == 42 { 7 } else { 8 }) }
//! # fn user(id: i64, title: &str) -> CurrentUser {
//! #     let now = Timestamp::from_unix_seconds(1_000);
//! #     let record = TokenRecord::new(TokenId::new(1), now, Lifetime::default());
//! #     CurrentUser::new(id, UserLevel::new(2, title), record, now)
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let reads = check(|_: &CurrentUser, forum: &DiscussionForum| forum.action == "read record");
//! let is_author = check_async(|user: CurrentUser, forum: DiscussionForum| async move {
//!     let author = author_of(forum.record_id).await?; // your database
//!     Ok::<_, std::io::Error>(user.id().as_integer() == Some(author))
//! });
//! let policy = SecurityPolicy::new()
//!     .scenario("admin panel", level("admin"))
//!     .typed_scenario(authenticated().and(reads).or(level("admin")).or(is_author));
//!
//! let write_42 = DiscussionForum { action: "write record", record_id: 42 };
//! let author = user(7, "member");
//! assert_eq!(policy.decide(&write_42, &author).await?, Decision::Allow);
//! assert!(policy.decide(&write_42, &user(8, "member")).await?.is_deny());
//! assert!(policy.decide(&write_42, &user(1, "admin")).await?.is_allow());
//! assert!(policy.decide("admin panel", &author).await?.is_deny());
//! assert!(policy.decide("no such scenario", &author).await.is_err());
//! # Ok::<(), tower_tokens::error::Error>(())
//! # }).unwrap();
//! ```

mod explain;
mod guard;
#[cfg(feature = "axum")]
mod guard_extracting;
mod make_sure_allowed;
mod responses;
mod security_policy;

pub use security_policy::SecurityPolicy;

pub use crate::rules::{
    Decision, Denial, DenialKind, Explanation, Rule, Scenario, ScenarioArgument, ability, all, any, any_level,
    authenticated, authenticated_within, check, check_async, checked_now, deny_if, level, not,
};
