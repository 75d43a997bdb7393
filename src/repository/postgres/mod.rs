//! Tokens, users and levels in a PostgreSQL database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`PostgresRepository`]: its connections, and how statements are run |
//! | `pooler` | refuses a connection pooler that shares the server's connections |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `tokens` | the ten clauses as SQL |
//! | `users` | users and levels as SQL |
//! | `error` | what PostgreSQL's own error codes mean |

mod error;
mod pooler;
mod schema;
mod store;
mod tokens;
mod users;

pub use store::PostgresRepository;
