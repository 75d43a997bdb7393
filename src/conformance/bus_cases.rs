//! The macro for the clauses of a bus, and in it the only list of their cases.

/// Makes a module `$module` in which each case of [`ChangeBus`](crate::repository::ChangeBus) is a `#[tokio::test]`.
///
/// `$fresh` is an expression that gives a future of `(bus, guard)`: a bus to which no other test announces, and whatever must
/// live as long as it does (`()` if nothing must). It is evaluated inside the new module, once a case. As
/// [`repository_conformance!`](crate::repository_conformance) otherwise.
///
/// # Example
/// ```no_run
/// # mod example {
/// use std::sync::Arc;
/// use tower_tokens::repository::{ChangeBus, ChangeSubscription, Subject};
/// # use tower_tokens::error::{Error, ErrorKind};
///
/// # #[derive(Debug)]
/// # pub struct MyBus;
/// # #[async_trait::async_trait]
/// # impl ChangeBus for MyBus {
/// #     async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> { Err(ErrorKind::Unavailable.into()) }
/// #     async fn announce(&self, _: &Subject) -> Result<(), Error> { Err(ErrorKind::Unavailable.into()) }
/// # }
/// pub async fn my_bus() -> (MyBus, ()) {
///     (MyBus, ())
/// }
///
/// tower_tokens::change_bus_conformance!(my_bus_as_a_bus, super::my_bus());
/// # }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! change_bus_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        $crate::__conformance_tests! {
            $module, $fresh,
            what_is_announced_is_given
            every_subscription_gives_it
            notices_come_in_order
            a_dropped_wait_loses_nothing
            a_heartbeat_comes_after_what_was_announced_before
            heartbeats_do_not_mix
            subjects_survive
            subscriptions_do_not_wait_for_each_other
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_on_the_list() {
        let list = include_str!("bus_cases.rs");
        let cases = include_str!("buses.rs").lines().filter_map(|line| line.strip_prefix("pub async fn "));
        let cases: Vec<_> = cases.filter_map(|rest| rest.split('<').next()).collect();
        for name in &cases {
            assert!(list.lines().any(|line| line.trim() == *name), "{name} is not on the list");
        }
        assert!(cases.len() > 7, "{cases:?}");
    }
}
