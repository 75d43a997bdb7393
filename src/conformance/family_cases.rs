//! The macro for clauses 11 and 12, and in it the only list of their cases.

/// Makes a module `$module` in which each case of clauses 11 and 12 of
/// [`TokenRepository`](crate::repository::TokenRepository) is a `#[tokio::test]`: for a store that keeps token pairs and API
/// tokens that overlap. As [`repository_conformance!`](crate::repository_conformance) otherwise.
///
/// # Example
/// ```
/// # mod example {
/// use tower_tokens::repository::MemoryRepository;
///
/// pub async fn memory() -> (MemoryRepository, ()) {
///     (MemoryRepository::new(), ())
/// }
///
/// tower_tokens::family_conformance!(memory_families, super::memory());
/// # }
///
/// # use tower_tokens::repository::MemoryRepository;
/// # fn main() {
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // Or one case at a time:
/// tower_tokens::conformance::only_a_valid_token_is_rotated(MemoryRepository::new()).await;
/// # });
/// # }
/// ```
#[macro_export]
macro_rules! family_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        $crate::__conformance_tests! {
            $module, $fresh,
            a_superseded_token_lives_until_its_new_end
            supersede_never_moves_an_end_to_a_later_time
            only_a_valid_token_of_this_user_is_superseded_and_only_once
            what_a_superseded_token_had_superseded_ends
            of_racing_supersessions_exactly_one_wins
            rotate_exchanges_the_state_that_is_expected
            only_a_valid_token_is_rotated
            of_racing_rotations_exactly_one_wins
            an_end_reaches_what_a_rotation_adds
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_on_the_list() {
        let list = include_str!("family_cases.rs");
        let cases = include_str!("families.rs").lines().filter_map(|line| line.strip_prefix("pub async fn "));
        let cases: Vec<_> = cases.filter_map(|rest| rest.split('<').next()).collect();
        for name in &cases {
            assert!(list.lines().any(|line| line.trim() == *name), "{name} is not on the list");
        }
        assert!(cases.len() > 8, "{cases:?}");
    }
}
