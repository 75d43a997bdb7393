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
//! | `announced` | a table whose changes are announced, and which of them |
//! | `changes` | the table of changes that triggers write, and its subscriptions |
//! | `aftermath` | what an error says about the connection that it came over |
//! | `mysql` | what MySQL's own error numbers mean, and how its connections begin |

#[cfg(feature = "_sql-server")]
mod aftermath;
mod announced;
#[cfg(feature = "_sql-server")]
mod borrowed;
#[cfg(feature = "_sql-server")]
mod call;
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "trongate"))]
mod changes;
#[cfg(feature = "_sql")]
mod dialect;
mod error;
#[cfg(feature = "_sql")]
mod id_text;
#[cfg(any(feature = "mysql", feature = "trongate"))]
mod mysql;
#[cfg(feature = "_sql")]
mod our_users;
#[cfg(feature = "_sql")]
mod own;
#[cfg(feature = "_sql-server")]
mod pool;
#[cfg(feature = "_sql")]
mod rows;
#[cfg(feature = "_sql")]
mod schema;
#[cfg(feature = "_sql")]
mod statement;
#[cfg(feature = "_sql")]
mod statements;
#[cfg(feature = "_sql")]
mod store;
#[cfg(feature = "_sql")]
mod tokens;
#[cfg(feature = "_sql")]
mod users;

#[cfg(feature = "postgres")]
pub(super) use aftermath::Aftermath;
pub(super) use announced::AnnouncedTable;
#[cfg(feature = "trongate")]
pub(super) use borrowed::BoxFuture;
#[cfg(feature = "_sql-server")]
pub(super) use call::Calls;
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "trongate"))]
pub(super) use changes::*;
#[cfg(feature = "_sql")]
pub(super) use dialect::Dialect;
#[cfg(feature = "sqlite")]
pub(super) use error::failure_with;
#[cfg(feature = "_sql")]
pub(super) use error::refused;
#[cfg(feature = "_sql-server")]
pub(super) use error::server_failure;
#[cfg(feature = "postgres")]
pub(super) use id_text::{of as text_of_id, parse as id_of_text};
#[cfg(feature = "trongate")]
pub(super) use mysql::mysql_number;
#[cfg(feature = "mysql")]
pub(super) use mysql::{UNLOCK, locked};
#[cfg(any(feature = "mysql", feature = "trongate"))]
pub(super) use mysql::{check_session, mysql_aftermath, mysql_kind, mysql_pool};
#[cfg(feature = "_sql")]
pub use our_users::OurUsers;
#[cfg(all(test, feature = "sqlite"))]
pub(super) use our_users::Users;
#[cfg(feature = "_sql")]
pub(super) use own::{Catalogue, Column, Kind};
#[cfg(feature = "_sql")]
pub use own::{OwnUsers, UserTable};
#[cfg(feature = "postgres")]
pub(super) use pool::bounded;
#[cfg(feature = "sqlite")]
pub(super) use rows::SqlRow;
#[cfg(feature = "_sql")]
pub(super) use schema::missing_steps;
#[cfg(feature = "mysql")]
pub(super) use statement::Placeholders;
#[cfg(feature = "_sql")]
pub(super) use statement::{Statement, Value};
#[cfg(feature = "_sql")]
pub(super) use statements::Texts;
#[cfg(feature = "_sql")]
pub use store::SqlRepository;
