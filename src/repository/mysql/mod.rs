//! Tokens, users and levels in a MySQL or MariaDB database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`MySqlRepository`]: its connections, and its own statements |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `error` | sqlx's errors as this crate's |

mod error;
mod schema;
mod store;

pub use store::{MySql, MySqlRepository};
