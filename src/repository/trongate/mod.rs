//! The tables of a running Trongate v2 site, unchanged.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`TrongateRepository`]: how the database is opened |
//! | `check` | what a site's database should have, and [`MissingIndex`] |
//! | `changes` | announces the changes of the site's tables to caches |
//! | `tokens` | the ten clauses as SQL, as far as Trongate's tables can keep them |
//! | `rows` | what the tables hold, and what they cannot |
//! | `error` | sqlx's errors as this crate's |

mod changes;
mod check;
mod error;
mod rows;
mod store;
mod tokens;

pub use check::MissingIndex;
pub use store::TrongateRepository;
