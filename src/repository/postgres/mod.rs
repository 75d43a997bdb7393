//! Tokens, users and levels in a PostgreSQL database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`PostgresRepository`]: its connections, and how statements are run |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `tokens` | the ten clauses as SQL |
//! | `users` | users and levels as SQL |
//! | `failure` | what PostgreSQL's own error codes mean |

mod failure;
mod schema;
mod store;
mod tokens;
mod users;

pub use store::PostgresRepository;
