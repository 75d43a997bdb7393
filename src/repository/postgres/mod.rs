//! Tokens, users and levels in a PostgreSQL database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`PostgresRepository`]: its connections, and its own statements |
//! | `pooler` | refuses a connection pooler that shares the server's connections |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `announced` | the triggers that announce the changes of tables |
//! | `bus` | the notifications as a bus |
//! | `catalogue` | what the database says about the application's table of users |
//! | `error` | what PostgreSQL's own error codes mean |

mod announced;
mod bus;
mod catalogue;
mod error;
mod pooler;
mod schema;
mod store;

pub use store::{Postgres, PostgresRepository};
