//! A situation that needs protection: a name, or a typed value with parameters.

use crate::rules::scenario::sealed::Sealed;

/// A scenario with parameters: which record, which action.
///
/// Its rule is registered by [`SecurityPolicy::typed_scenario`](crate::policy::SecurityPolicy::typed_scenario) and sees the
/// value. The example is in [`policy`](crate::policy).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scenario",
    note = "a scenario is a `&str`, or a reference to a type that implements `tower_tokens::policy::Scenario`"
)]
pub trait Scenario: Send + Sync + 'static {
    /// The name, under which the policy lists it.
    const NAME: &'static str;
}

/// A scenario to ask a policy about: its name, or a reference to a [`Scenario`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scenario",
    note = "a scenario is a `&str`, or a reference to a type that implements `tower_tokens::policy::Scenario`"
)]
pub trait ScenarioArgument: Sealed + Send {}

impl ScenarioArgument for &str {}

impl<T: Scenario> ScenarioArgument for &T {}

pub(crate) mod sealed {
    use super::Scenario;

    /// What the policy needs of an argument. No other crate can implement it, so that it can grow.
    pub trait Sealed {
        /// What the rule sees.
        type Parameters: Send + Sync + 'static;

        fn name(&self) -> &str;
        fn parameters(&self) -> &Self::Parameters;
    }

    impl Sealed for &str {
        type Parameters = ();

        fn name(&self) -> &str {
            self
        }

        fn parameters(&self) -> &() {
            &()
        }
    }

    impl<T: Scenario> Sealed for &T {
        type Parameters = T;

        fn name(&self) -> &str {
            T::NAME
        }

        fn parameters(&self) -> &T {
            self
        }
    }
}
