//! Tokens, users and levels in a MySQL or MariaDB database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`MySqlRepository`]: its connections, and how statements are run |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `tokens` | the ten clauses as SQL |
//! | `users` | users and levels as SQL |
//! | `error` | sqlx's errors as this crate's |

mod error;
mod schema;
mod store;
mod tokens;
mod users;

pub use store::MySqlRepository;
