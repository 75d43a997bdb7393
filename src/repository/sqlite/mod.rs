//! Tokens, users and levels in an SQLite database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`SqliteRepository`]: how the database is opened |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `tokens` | the ten clauses as SQL |
//! | `users` | users and levels as SQL |
//! | `rows` | values to parameters, rows to values |
//! | `error` | sqlx's errors as this crate's |

mod error;
mod rows;
mod schema;
mod store;
mod tokens;
mod users;

pub use crate::sqlite::WriteTransaction;
pub use store::SqliteRepository;
