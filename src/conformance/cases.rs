//! The macros, and in them the only list of the cases.

/// Makes a module `$module` in which each case of the repository contract is a `#[tokio::test]`.
///
/// `$fresh` is an expression that gives a future of `(store, guard)`: an empty store that implements
/// [`StoreUnderTest`](crate::conformance::StoreUnderTest), and whatever must live as long as it does, such as a temporary directory
/// (`()` if nothing must). It is evaluated inside the new module, once a case. The crate that uses the macro needs
/// `tokio` with the features `macros` and `rt-multi-thread`.
///
/// # Example
/// See [`conformance`](crate::conformance).
#[macro_export]
macro_rules! repository_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        $crate::__conformance_tests! {
            $module, $fresh,
            insert_gives_the_record_back
            insert_refuses_a_token_that_is_there
            insert_refuses_a_name_or_code_that_is_too_long
            insert_never_gives_one_record_id_to_two_tokens
            insert_refuses_a_user_who_does_not_exist
            of_racing_inserts_of_one_token_exactly_one_wins
            find_gives_the_record_and_its_user
            find_gives_the_present_level
            find_gives_no_user_for_an_unknown_token
            find_gives_no_user_for_an_expired_token
            find_gives_no_user_while_the_user_is_disabled
            find_gives_no_user_when_the_user_is_deleted
            no_find_after_delete_sees_the_token
            no_racing_find_that_starts_after_delete_sees_the_token
            deleting_what_is_not_there_is_no_error
            delete_by_id_ends_only_this_users_token
            replace_puts_the_new_token_in_the_old_ones_place
            replace_renews_the_time_of_authentication_if_it_is_given
            replace_loosens_neither_limit
            a_chain_of_replacements_ends_with_its_first_token
            of_racing_replacements_exactly_one_wins
            an_expired_token_cannot_be_replaced
            only_a_token_that_finds_its_user_can_be_replaced
            replace_refuses_a_new_token_that_is_there
            touch_moves_the_idle_end_only
            touch_never_goes_back
            touch_ends_no_token_early
            touch_is_for_valid_tokens_of_this_user
            touch_never_brings_a_deleted_token_back
            touch_follows_a_replacement
            delete_by_user_ends_every_token_of_a_user
            delete_by_user_can_keep_one_token
            delete_by_user_ends_tokens_of_the_kinds_that_are_named
            delete_by_user_keeps_the_family_of_the_one_to_keep
            delete_by_id_ends_the_family_too
            delete_names_the_family_and_ends_the_token_alone
            list_by_user_gives_the_kinds_that_are_named
            list_by_user_gives_newest_first
            list_by_user_gives_pages
            list_by_user_leaves_out_what_has_ended
            delete_expired_is_bounded_and_counts
            delete_expired_keeps_a_margin
            delete_expired_removes_only_what_has_ended
            time_is_the_callers
            limits_beyond_the_end_of_time_do_no_harm
            a_token_is_expired_at_its_edge
            a_lifetime_of_zero_is_over_at_once
            a_use_in_the_future_keeps_no_idle_token_alive
            tokens_of_two_users_do_not_mix
            delete_by_user_ends_a_token_that_is_being_replaced
            delete_by_user_but_one_ends_a_token_that_is_being_replaced
            delete_by_id_ends_a_token_that_is_being_replaced
            delete_ends_a_token_or_finds_it_replaced
            disabling_a_user_stops_replacements
            removing_a_user_ends_a_token_that_is_being_replaced
            a_change_of_level_holds_for_a_token_that_is_being_replaced
        }
    };
}

/// Makes a module `$module` in which each case of [`UserRepository`](crate::repository::UserRepository) is a
/// `#[tokio::test]`. As [`repository_conformance!`](crate::repository_conformance), for a store that implements both
/// traits.
#[macro_export]
macro_rules! user_repository_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        $crate::__conformance_tests! {
            $module, $fresh,
            create_level_gives_the_one_that_is_there
            racing_creations_of_one_level_agree
            create_user_gives_the_next_integer
            create_user_never_gives_a_number_twice
            racing_creations_of_users_get_different_ids
            create_user_refuses_what_contradicts_itself
            integer_and_text_ids_are_different_users
            users_are_listed_by_id_in_pages
            change_level_refuses_what_is_not_there
            set_disabled_is_for_those_who_are_there
            delete_user_takes_their_tokens
            no_token_outlives_a_racing_delete_user
        }
    };
}

/// One test a case. Only the two macros above use it.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($module:ident, $fresh:expr, $($case:ident)+) => {
        mod $module {
            $(
                #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (subject, guard) = $fresh.await;
                    $crate::conformance::$case(subject).await;
                    drop(guard);
                }
            )+
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_on_the_list() {
        let list = include_str!("cases.rs");
        let files = [
            include_str!("tokens.rs"),
            include_str!("replace_and_touch.rs"),
            include_str!("list_and_prune.rs"),
            include_str!("accounts.rs"),
            include_str!("ends.rs"),
            include_str!("kinds.rs"),
        ];
        let mut cases = 0;
        for line in files.iter().flat_map(|file| file.lines()) {
            if let Some(name) = line.strip_prefix("pub async fn ").and_then(|rest| rest.split('<').next()) {
                cases += 1;
                assert!(list.lines().any(|line| line.trim() == name), "{name} is not on the list");
            }
        }
        assert!(cases > 40, "{cases}");
    }
}
