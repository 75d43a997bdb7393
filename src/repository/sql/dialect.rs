//! [`Dialect`]: what a database has to do for its store.

use std::sync::Arc;

use crate::error::Error;
use crate::repository::ChangeBus;
use crate::repository::sql::announced::AnnouncedTable;
use crate::repository::sql::id_text::{id_value, new_id_value, read_id};
use crate::repository::sql::rows::SqlRow;
use crate::repository::sql::statement::{Statement, Value};
use crate::repository::sql::statements::Texts;
use crate::user::UserId;

/// A database: its connections, and how it differs from the others. Only this crate implements it.
pub trait Dialect: Clone + Send + Sync + 'static {
    /// A row of an answer.
    type Row: SqlRow;

    /// What `Debug` calls the store.
    const NAME: &'static str;

    /// The statements in which this database differs.
    const TEXTS: Texts;

    /// All rows that a look-up finds.
    fn rows(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>, Error>> + Send;

    /// Runs a statement that changes something. Says how many rows it found to change.
    fn change(&self, statement: &Statement, values: &[Value<'_>]) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Converts an error of sqlx to one of this crate.
    fn failure(error: sqlx::Error) -> Error;

    /// How many connections there are, and how many of them are idle.
    fn connections(&self) -> (u32, usize);

    /// What carries the changes of these tables to all nodes. Default: nothing does.
    fn change_bus(&self, tables: Vec<AnnouncedTable>) -> Option<Arc<dyn ChangeBus>> {
        let _ = tables;
        None
    }

    /// Deletes what a table of changes no longer needs. Default: there is no such table.
    fn prune_changes(&self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// A user id as its column holds it. Default: a text.
    fn id(user: &UserId) -> Value<'_> {
        id_value(user)
    }

    /// The id of a new user, as its column will hold it. Default: a text.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for an id that the column cannot hold.
    fn new_id(user: &UserId) -> Result<Value<'_>, Error> {
        new_id_value(user)
    }

    /// Reads the user id in this column. Default: from a text.
    fn read_id(row: &Self::Row, column: usize) -> Result<UserId, sqlx::Error> {
        read_id(row, column)
    }
}
