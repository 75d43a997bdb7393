//! Tokens, users and levels in an SQLite database.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`SqliteRepository`]: how the database is opened, and its own statements |
//! | `schema` | the tables, and how older ones are brought up to date |
//! | `users` | creates users together with the application's own rows |
//! | `catalogue` | what the database says about the application's table of users |
//! | `error` | sqlx's errors as this crate's |

mod catalogue;
mod error;
mod schema;
mod store;
mod users;

pub use crate::sqlite::WriteTransaction;
pub use store::{Sqlite, SqliteRepository};
