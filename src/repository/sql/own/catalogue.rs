//! [`Catalogue`]: what a database must support for users in the application's own table.

use crate::error::Error;
use crate::repository::sql::announced::AnnouncedTable;
use crate::repository::sql::dialect::Dialect;
use crate::repository::sql::own::column::{Column, Kind};
use crate::repository::sql::statement::{Statement, Value};

/// A database whose catalogue can be read. Only this crate implements it.
pub trait Catalogue: Dialect {
    /// The operator for "equal, or both NULL".
    const SAME: &'static str;

    /// The types of columns of ours.
    const INTEGER: &'static str;
    const TEXT: &'static str;

    /// The type of a column that compares ASCII byte for byte.
    const ASCII: &'static str = Self::TEXT;

    /// The table of tokens: `{tokens}` is its name, `{columns}` those of a record, `{user_id}` the type of the users' ids, `{foreign_key}` a clause or
    /// nothing, `{name}` its name without a schema, for the names of its indexes. One statement each, which does no harm
    /// if the table is there.
    const TOKEN_TABLE: &'static [&'static str];

    /// A name between the quotes of this database.
    fn quoted(name: &str) -> String;

    /// The columns of a table; none if there is no such table.
    fn columns(&self, schema: Option<&str>, table: &str) -> impl Future<Output = Result<Vec<Column>, Error>> + Send;

    /// An expression that selects a value of this kind as our rows read it.
    fn selected(kind: Kind, expression: &str) -> String;

    /// A parameter of this kind that a column is compared with.
    fn parameter(column: &Column, place: &str) -> String {
        let _ = column;
        place.to_owned()
    }

    /// Runs statements that create what is missing, while no other node does.
    fn create(&self, statements: &[String]) -> impl Future<Output = Result<(), Error>> + Send;

    /// An expression that gives the id of a user whose change is announced. Default: as it is selected.
    fn announced_id(kind: Kind, expression: &str) -> String {
        Self::selected(kind, expression)
    }

    /// Makes what announces the changes of these tables, and replaces what an earlier call made. Default: nothing.
    fn announce(&self, tables: &[AnnouncedTable]) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = tables;
        async { Ok(()) }
    }

    /// Has the database check a statement with values of these types, without running it.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) with what the database says.
    fn prepare(&self, statement: &Statement, values: &[Value<'_>]) -> impl Future<Output = Result<(), Error>> + Send;
}
