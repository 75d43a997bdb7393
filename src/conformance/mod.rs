//! The repository contract as tests, for your own store too.
//!
//! Each clause of [`TokenRepository`](crate::repository::TokenRepository) is one or more plain async functions that take
//! a fresh store and panic when it breaks the clause. [`repository_conformance!`](crate::repository_conformance) makes a
//! `#[tokio::test]` of each; [`user_repository_conformance!`](crate::user_repository_conformance) does the same for
//! [`UserRepository`](crate::repository::UserRepository), [`family_conformance!`](crate::family_conformance) for clauses 11 and
//! 12, which not every store can keep, [`change_bus_conformance!`](crate::change_bus_conformance) for
//! [`ChangeBus`](crate::repository::ChangeBus), `redemption_conformance!` (feature `sealed`) for
//! [`RedemptionRepository`](crate::sealed::RedemptionRepository), and `token_store_conformance!` (feature `client`) for
//! [`TokenStore`](crate::client::TokenStore). Nothing here sleeps, and time is always an argument; only a
//! lock and a bus are waited for.
//!
//! | file | role |
//! |---|---|
//! | `store_under_test` | [`StoreUnderTest`]: what a store under test must be able to do |
//! | `tokens` | clauses 1 to 3: insert, find, delete |
//! | `replace_and_touch` | clauses 4 and 5: replace, touch |
//! | `list_and_prune` | clauses 6 to 10: all of a user, lists, pruning, time |
//! | `kinds` | clauses 3, 6 and 7: kinds of tokens, and tokens that end with another one |
//! | `families` | clauses 11 and 12: tokens that overlap with their successors, and rotation |
//! | `ends` | clauses 3, 4 and 6 in a race with somebody who replaces a token again and again |
//! | `outage` | the second half of clause 2: an outage is an error |
//! | `accounts` | users and levels |
//! | `buses` | what carries changes to the caches of all nodes |
//! | `redemptions` | tokens that work once (feature `sealed`) |
//! | `client_stores` | where a client keeps its tokens (feature `client`) |
//! | `helpers` | what the cases have in common |
//! | `cases`, `bus_cases`, `family_cases`, `redemption_cases`, `client_store_cases` | the macros, and in them the only lists of the cases |
//!
//! # Example
//! ```
//! use tower_tokens::conformance;
//! use tower_tokens::repository::MemoryRepository;
//!
//! # mod example {
//! # use tower_tokens::repository::MemoryRepository;
//! /// The store under test, and whatever must live as long as it does, such as a temporary directory.
//! pub async fn memory() -> (MemoryRepository, ()) {
//!     (MemoryRepository::new(), ())
//! }
//!
//! tower_tokens::repository_conformance!(memory_tokens, super::memory());
//! tower_tokens::user_repository_conformance!(memory_users, super::memory());
//! # }
//!
//! # fn main() {
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! // Or one case at a time:
//! conformance::an_expired_token_cannot_be_replaced(MemoryRepository::new()).await;
//! # });
//! # }
//! ```
#![expect(
    clippy::missing_panics_doc,
    reason = "a case panics when the store breaks its clause: that is what it is for"
)]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "these are tests")]

mod accounts;
mod bus_cases;
mod buses;
mod cases;
#[cfg(feature = "client")]
mod client_store_cases;
#[cfg(feature = "client")]
mod client_stores;
mod ends;
mod families;
mod family_cases;
mod helpers;
mod kinds;
mod list_and_prune;
mod outage;
#[cfg(feature = "sealed")]
mod redemption_cases;
#[cfg(feature = "sealed")]
mod redemptions;
mod replace_and_touch;
mod store_under_test;
mod tokens;

pub use accounts::*;
pub use buses::*;
#[cfg(feature = "client")]
pub use client_stores::*;
pub use ends::*;
pub use families::*;
pub use kinds::*;
pub use list_and_prune::*;
pub use outage::*;
#[cfg(feature = "sealed")]
pub use redemptions::*;
pub use replace_and_touch::*;
pub use store_under_test::StoreUnderTest;
pub use tokens::*;
