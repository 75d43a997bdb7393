//! Tokens, users and levels in an SQLite database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`SqliteRepository`]: how the database is opened, and its own statements |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `users` | creates users together with the application's own rows |
//! | `catalogue` | what the database says about the application's table of users |
//! | `changes` | the table of changes, as one subscription reads it |
//! | `triggers` | the triggers that write it |
//! | `error` | sqlx's errors as this crate's |

mod catalogue;
mod changes;
mod error;
mod schema;
mod store;
mod triggers;
mod users;

pub use crate::sqlite::WriteTransaction;
pub use store::{Sqlite, SqliteRepository};
