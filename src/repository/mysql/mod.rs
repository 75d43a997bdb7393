//! Tokens, users and levels in a MySQL or MariaDB database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`MySqlRepository`]: its connections, and its own statements |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `catalogue` | what the database says about the application's table of users |
//! | `error` | sqlx's errors as this crate's |

mod catalogue;
mod error;
mod schema;
mod store;

pub use store::{MySql, MySqlRepository};
