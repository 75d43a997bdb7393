//! What a database has to do for its store.

use crate::error::Error;
use crate::repository::sql::rows::SqlRow;
use crate::repository::sql::statement::{Statement, Value};
use crate::repository::sql::statements::Texts;
use crate::user::UserId;

/// A database: its connections, and in what it differs from the others. Only this crate implements it.
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

    /// sqlx's errors as this crate's.
    fn failure(error: sqlx::Error) -> Error;

    /// How many connections there are, and how many of them are idle.
    fn connections(&self) -> (u32, usize);

    /// A user id as its column holds it.
    fn id(user: &UserId) -> Value<'_>;

    /// The id of a user who is to be created.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for one that the column cannot hold.
    fn new_id(user: &UserId) -> Result<Value<'_>, Error> {
        Ok(Self::id(user))
    }

    /// The user id in this column.
    fn read_id(row: &Self::Row, column: usize) -> Result<UserId, sqlx::Error>;
}
