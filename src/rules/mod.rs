//! Floor 4, the rules of scenarios: what decides whether a user may do something. Pure decisions, no HTTP.
//!
//! Applications use it as [`policy`](crate::policy), which has the table of effects and an example.
//!
//! | file | role |
//! |---|---|
//! | `scenario` | [`Scenario`], a typed value, and [`ScenarioArgument`], a name or such a value |
//! | `rule` | [`Rule`] and what makes one |
//! | `effect` | what a rule says, and the two orders in which effects add up |
//! | `evaluate` | computes the effect of a tree of rules |
//! | `scenario_rule` | [`ScenarioRule`]: a scenario and its rule, from the effect to a decision |
//! | `decision` | [`Decision`] and [`Denial`] |
//! | `explanation` | [`Explanation`]: the effect of each rule |

mod decision;
mod effect;
mod evaluate;
mod explanation;
mod rule;
mod scenario;
mod scenario_rule;

pub use decision::{Decision, Denial, DenialKind};
pub use explanation::Explanation;
pub use rule::{
    Rule, ability, all, any, any_level, authenticated, authenticated_within, check, check_async, checked_now, deny_if,
    level, not,
};
pub use scenario::{Scenario, ScenarioArgument};
pub(crate) use scenario_rule::ScenarioRule;
