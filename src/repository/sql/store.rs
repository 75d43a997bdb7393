//! [`SqlRepository`]: one store for every SQL database.

use std::fmt;

use crate::error::Error;
use crate::repository::sql::dialect::Dialect;
use crate::repository::sql::our_users::OurUsers;
use crate::repository::sql::statement::{Statement, Value};

/// Tokens, users and levels in an SQL database. Clones share the same connections.
///
/// Use it by the name of its database: `PostgresRepository`, `MySqlRepository`, `SqliteRepository`. They differ in how
/// they are opened, in their tables, and in a few statements; everything else is this one store.
///
/// `U` is where the users are: in our own tables, or in one of the application (`with_users`).
#[derive(Clone)]
pub struct SqlRepository<D: Dialect, U = OurUsers> {
    pub(in crate::repository) database: D,
    pub(in crate::repository) users: U,
}

impl<D: Dialect> SqlRepository<D> {
    pub(in crate::repository) fn new(database: D) -> Self {
        Self { database, users: OurUsers::new(&D::TEXTS) }
    }
}

impl<D: Dialect, U> SqlRepository<D, U> {
    /// The only row of a look-up, as `read` gives it, if there is one.
    pub(super) async fn one<T>(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
        read: impl Fn(&D::Row) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, Error> {
        let rows = self.database.rows(statement, values).await?;
        rows.first().map(read).transpose().map_err(D::failure)
    }

    /// All rows of a look-up, as `read` gives them.
    pub(super) async fn all<T>(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
        read: impl Fn(&D::Row) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.database.rows(statement, values).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(D::failure)
    }

    /// Runs one statement that changes something. Says how many rows it found to change.
    pub(super) async fn change(&self, statement: &Statement, values: &[Value<'_>]) -> Result<u64, Error> {
        self.database.change(statement, values).await
    }
}

impl<D: Dialect, U> fmt::Debug for SqlRepository<D, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = self.database.connections();
        f.debug_struct(D::NAME).field("connections_and_idle", &connections).finish_non_exhaustive()
    }
}
