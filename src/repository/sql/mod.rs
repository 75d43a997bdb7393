//! What the stores on SQL databases have in common.
//!
//! | file | role |
//! |---|---|
//! | `rows` | rows to values, whichever database they come from |
//! | `error` | sqlx's errors as this crate's |
//! | `schema` | which steps lead from one version of the tables to the next |
//! | `pool` | how the connections of a database server are pooled |
//! | `call` | one call to a server: which connection, how often, how long |
//! | `borrowed` | a connection that goes back to its pool whole, or not at all |
//! | `aftermath` | what an error says about the connection that it came over |
//! | `mysql` | what MySQL's own error numbers mean, and how its connections begin |

#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
mod aftermath;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
mod borrowed;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
mod call;
mod error;
#[cfg(any(feature = "mysql", feature = "trongate"))]
mod mysql;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
mod pool;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod rows;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod schema;

#[cfg(feature = "postgres")]
pub(super) use aftermath::Aftermath;
#[cfg(feature = "trongate")]
pub(super) use borrowed::BoxFuture;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
pub(super) use call::Calls;
#[cfg(feature = "sqlite")]
pub(super) use error::failure_with;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
pub(super) use error::server_failure;
#[cfg(feature = "trongate")]
pub(super) use mysql::mysql_number;
#[cfg(any(feature = "mysql", feature = "trongate"))]
pub(super) use mysql::{check_session, mysql_aftermath, mysql_kind, mysql_pool};
#[cfg(feature = "postgres")]
pub(super) use pool::bounded;
#[cfg(feature = "postgres")]
pub(super) use rows::SqlRow;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use rows::{idle_seconds, level, record, seconds};
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) use rows::{user, user_id};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use schema::missing_steps;
