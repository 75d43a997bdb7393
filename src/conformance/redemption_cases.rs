//! The macro for the clauses of redemptions, and in it the only list of their cases.

/// Makes a module `$module` in which each case of [`RedemptionRepository`](crate::sealed::RedemptionRepository) is a
/// `#[tokio::test]`.
///
/// `$fresh` is an expression that gives a future of `(store, guard)`: an empty store, and whatever must live as long as it
/// does (`()` if nothing must). It is evaluated inside the new module, once a case. As
/// [`repository_conformance!`](crate::repository_conformance) otherwise.
///
/// # Example
/// ```
/// # mod example {
/// use tower_tokens::sealed::MemoryRedemptions;
///
/// pub async fn memory() -> (MemoryRedemptions, ()) {
///     (MemoryRedemptions::new(), ())
/// }
///
/// tower_tokens::redemption_conformance!(memory_redemptions, super::memory());
/// # }
///
/// # use tower_tokens::sealed::MemoryRedemptions;
/// # fn main() {
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // Or one case at a time:
/// tower_tokens::conformance::a_lease_ends_at_its_edge(MemoryRedemptions::new()).await;
/// # });
/// # }
/// ```
#[macro_export]
macro_rules! redemption_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        $crate::__conformance_tests! {
            $module, $fresh,
            of_racing_claims_exactly_one_is_reserved
            a_token_in_use_is_not_a_used_one
            a_lease_ends_at_its_edge
            of_racing_takeovers_exactly_one_is_reserved
            commit_is_for_the_holder_alone
            a_lapsed_lease_commits_until_it_is_taken_over
            a_holder_that_lost_the_token_changes_nothing
            a_released_token_is_free
            release_is_for_the_holder_alone
            release_never_frees_a_used_token
            a_used_token_stays_used
            delete_expired_forgets_at_the_edge
            delete_expired_forgets_no_more_than_asked
            what_never_expires_is_never_forgotten
            what_is_kept_is_never_kept_shorter
            tokens_do_not_mix
            a_claims_time_is_the_callers
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_on_the_list() {
        let list = include_str!("redemption_cases.rs");
        let cases = include_str!("redemptions.rs").lines().filter_map(|line| line.strip_prefix("pub async fn "));
        let cases: Vec<_> = cases.filter_map(|rest| rest.split('<').next()).collect();
        for name in &cases {
            assert!(list.lines().any(|line| line.trim() == *name), "{name} is not on the list");
        }
        assert!(cases.len() > 15, "{cases:?}");
    }
}
