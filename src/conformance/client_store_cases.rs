//! The macro for the stores of a client's tokens, and in it the only list of their cases.

/// Makes a module `$module` in which each clause of [`TokenStore`](crate::client::TokenStore) is one or more
/// `#[tokio::test]`s.
///
/// `$fresh` is an expression that gives a future of `(stores, guard)`: the
/// [`ClientStoresUnderTest`](crate::conformance::ClientStoresUnderTest), empty, and whatever must live as long as they do
/// (`()` if nothing must). It is evaluated inside the new module, once a case. As
/// [`repository_conformance!`](crate::repository_conformance) otherwise.
///
/// # Example
/// ```
/// # mod example {
/// use tower_tokens::client::{Account, FileTokenStore};
/// use tower_tokens::conformance::ClientStoresUnderTest;
///
/// pub async fn files() -> (ClientStoresUnderTest<FileTokenStore>, tempfile::TempDir) {
///     let directory = tempfile::tempdir().unwrap();
///     let path = directory.path().join("tokens");
///     let open = move |user: &str| FileTokenStore::new(&path, &Account::new(user, "https://api.example.org", "test"));
///     (ClientStoresUnderTest::new(open), directory)
/// }
///
/// tower_tokens::token_store_conformance!(client_files, super::files());
/// # }
///
/// # fn main() {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// // Or one case at a time:
/// let (stores, _directory) = example::files().await;
/// tower_tokens::conformance::what_was_saved_is_loaded(stores).await;
/// # });
/// # }
/// ```
#[macro_export]
macro_rules! token_store_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        $crate::__conformance_tests! {
            $module, $fresh,
            a_new_store_is_empty
            what_was_saved_is_loaded
            a_save_replaces_all_that_was_there
            what_is_cleared_is_gone
            every_store_of_an_account_sees_the_same
            accounts_see_only_their_own_tokens
            a_load_beside_saves_is_whole
            a_load_under_the_lock_sees_the_last_save
            one_at_a_time_has_the_lock
            a_lock_is_free_when_it_is_dropped
            an_abandoned_wait_keeps_no_lock
            the_lock_of_an_account_locks_no_other
            debug_shows_no_token
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_on_the_list() {
        let list = include_str!("client_store_cases.rs");
        let cases = include_str!("client_stores.rs").lines().filter_map(|line| line.strip_prefix("pub async fn "));
        let cases: Vec<_> = cases.filter_map(|rest| rest.split('<').next()).collect();
        for name in &cases {
            assert!(list.lines().any(|line| line.trim() == *name), "{name} is not on the list");
        }
        assert!(cases.len() > 10, "{cases:?}");
    }
}
