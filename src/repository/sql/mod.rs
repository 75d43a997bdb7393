//! What the stores on SQL databases have in common.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`SqlRepository`]: one store for every SQL database |
//! | `tokens` | the ten clauses as SQL |
//! | `users` | users and levels as SQL |
//! | `our_users` | where the users of tokens are, and those in our own tables |
//! | `own` | users in a table of the application's own |
//! | `dialect` | [`Dialect`]: what a database has to do for its store |
//! | `statements` | one text for each statement, and the few in which databases differ |
//! | `statement` | a statement as a database wants it, and its values |
//! | `rows` | rows to values, whichever database they come from |
//! | `id_text` | a user id in a column of text |
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
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod dialect;
mod error;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod id_text;
#[cfg(any(feature = "mysql", feature = "trongate"))]
mod mysql;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod our_users;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod own;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
mod pool;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod rows;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod schema;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod statement;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod statements;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod store;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod tokens;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod users;

#[cfg(feature = "postgres")]
pub(super) use aftermath::Aftermath;
#[cfg(feature = "trongate")]
pub(super) use borrowed::BoxFuture;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
pub(super) use call::Calls;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use dialect::Dialect;
#[cfg(feature = "sqlite")]
pub(super) use error::failure_with;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use error::refused;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "trongate"))]
pub(super) use error::server_failure;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) use id_text::{id_value, new_id_value, read_id};
#[cfg(feature = "trongate")]
pub(super) use mysql::mysql_number;
#[cfg(any(feature = "mysql", feature = "trongate"))]
pub(super) use mysql::{check_session, mysql_aftermath, mysql_kind, mysql_pool};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub use our_users::OurUsers;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use own::{Catalogue, Column, Kind};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub use own::{OwnUsers, UserTable};
#[cfg(feature = "postgres")]
pub(super) use pool::bounded;
#[cfg(feature = "sqlite")]
pub(super) use rows::SqlRow;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use schema::missing_steps;
#[cfg(feature = "mysql")]
pub(super) use statement::Placeholders;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use statement::{Statement, Value};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) use statements::Texts;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub use store::SqlRepository;
