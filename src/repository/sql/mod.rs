//! What the stores on SQL databases have in common.
//!
//! | file | role |
//! |---|---|
//! | `rows` | rows to values, whichever database they come from |
//! | `failure` | sqlx's errors as this crate's |
//! | `schema` | which steps lead from one version of the tables to the next |
//! | `pool` | how the connections of a database server are pooled |
//! | `retry` | statements that lost a deadlock, once more |
//! | `mysql` | what MySQL's own error numbers mean, and how its connections begin |

mod failure;
#[cfg(any(feature = "mysql", feature = "trongate"))]
mod mysql;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
mod pool;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
mod retry;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod rows;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod schema;

#[cfg(feature = "sqlite")]
pub(super) use failure::failure_with;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
pub(super) use failure::server_failure;
#[cfg(feature = "trongate")]
pub(super) use mysql::mysql_number;
#[cfg(any(feature = "mysql", feature = "trongate"))]
pub(super) use mysql::{lost_a_deadlock, mysql_kind, mysql_pool};
#[cfg(feature = "postgres")]
pub(super) use pool::bounded;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
pub(super) use retry::retrying;
#[cfg(feature = "postgres")]
pub(super) use rows::SqlRow;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use rows::{idle_seconds, level, record, seconds};
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) use rows::{user, user_id};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use schema::missing_steps;
