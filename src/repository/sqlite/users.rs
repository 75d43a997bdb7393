//! Creates users together with the application's own rows.

use crate::error::{Error, ErrorKind};
use crate::repository::sql::{Dialect, SqlRepository, SqlRow, Statement, Value};
use crate::repository::sqlite::error::failure;
use crate::repository::sqlite::store::Sqlite;
use crate::sqlite::WriteTransaction;
use crate::user::UserId;

impl SqlRepository<Sqlite> {
    /// Creates a user in a transaction of [`begin`](Self::begin), so that the user and the application's own rows are
    /// created together, or not at all.
    ///
    /// # Errors
    /// As [`create_user`](crate::repository::UserRepository::create_user). Then drop the transaction.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use tower_tokens::repository::{SqliteRepository, UserRepository};
    /// # let directory = tempfile::tempdir()?;
    /// # let repository = SqliteRepository::open(directory.path().join("members.db")).await?;
    /// # repository.create_level("member").await?;
    /// # sqlx::query("CREATE TABLE accounts (user_id INTEGER PRIMARY KEY, name TEXT)").execute(repository.pool()).await?;
    /// let mut transaction = repository.begin().await?;
    /// let user = repository.create_user_in(&mut transaction, None, "member").await?;
    /// let account = sqlx::query("INSERT INTO accounts (user_id, name) VALUES (?, 'anna')").bind(user.as_integer());
    /// account.execute(&mut *transaction).await?;
    /// drop(transaction);
    /// assert!(repository.user(&user).await?.is_none(), "the transaction was not committed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn create_user_in(
        &self,
        transaction: &mut WriteTransaction,
        id: Option<UserId>,
        level: &str,
    ) -> Result<UserId, Error> {
        let statements = self.users.statements();
        let level = number(transaction, &statements.level, &[level.into()]).await?.ok_or(ErrorKind::LevelNotFound)?;
        let last = number(transaction, &statements.last_number, &[]).await?.ok_or(ErrorKind::Corrupt)?;
        let id = id.unwrap_or_else(|| UserId::from(last.saturating_add(1)));
        change(transaction, &statements.create_user, &[Sqlite::id(&id), level.into()]).await?;
        if let Some(number) = id.as_integer() {
            change(transaction, &statements.raise_last_number, &[number.into()]).await?;
        }
        Ok(id)
    }
}

/// The number that a statement finds.
async fn number(
    transaction: &mut WriteTransaction,
    statement: &Statement,
    values: &[Value<'_>],
) -> Result<Option<i64>, Error> {
    let query = statement.with::<sqlx::Sqlite>(values);
    let row = transaction.run(|connection| query.fetch_optional(connection)).await.map_err(failure)?;
    row.map_or(Ok(None), |row| row.integer(0)).map_err(failure)
}

async fn change(transaction: &mut WriteTransaction, statement: &Statement, values: &[Value<'_>]) -> Result<(), Error> {
    let query = statement.with::<sqlx::Sqlite>(values);
    transaction.run(|connection| query.execute(connection)).await.map(drop).map_err(failure)
}
