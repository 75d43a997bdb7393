//! Users and levels as SQL.

use async_trait::async_trait;
use sqlx::{Row, query};

use crate::error::{Error, ErrorKind};
use crate::repository::sql;
use crate::repository::sqlite::SqliteRepository;
use crate::repository::sqlite::error::failure;
use crate::repository::sqlite::rows::{self, IdParameter};
use crate::repository::{Page, PageRequest, User, UserRepository};
use crate::sqlite::WriteTransaction;
use crate::user::{UserId, UserLevel};

const USER: &str = "SELECT u.id, u.disabled, l.id, l.title
    FROM tower_tokens_users AS u JOIN tower_tokens_levels AS l ON l.id = u.level_id
    WHERE u.id = ?1";

const USERS: &str = "SELECT u.id, u.disabled, l.id, l.title
    FROM tower_tokens_users AS u JOIN tower_tokens_levels AS l ON l.id = u.level_id
    ORDER BY u.id LIMIT ?1 OFFSET ?2";

#[async_trait]
impl UserRepository for SqliteRepository {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        if let Some(level) = self.level(title).await? {
            return Ok(level);
        }
        let insert = "INSERT INTO tower_tokens_levels (title) VALUES (?1) ON CONFLICT (title) DO NOTHING";
        self.change(query(insert).bind(title)).await?;
        self.level(title).await?.ok_or_else(|| ErrorKind::LevelNotFound.into())
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        let levels = query("SELECT id, title FROM tower_tokens_levels ORDER BY id");
        let levels = self.rows(levels).await?;
        levels.iter().map(|row| sql::level(row, 0)).collect::<Result<_, _>>().map_err(failure)
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        let mut transaction = self.begin().await?;
        let id = self.create_user_in(&mut transaction, id, level).await?;
        transaction.commit().await?;
        Ok(id)
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        let row = self.row(query(USER).bind(IdParameter(id))).await?;
        row.map(|row| rows::user(&row)).transpose().map_err(failure)
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let users = query(USERS).bind(i64::from(page.limit()) + 1).bind(i64::from(page.offset()));
        let users = self.rows(users).await?;
        let users = users.iter().map(rows::user).collect::<Result<_, _>>().map_err(failure)?;
        Ok(Page::from_limit_plus_one(users, page))
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<(), Error> {
        let level = self.level(level).await?.ok_or(ErrorKind::LevelNotFound)?;
        let change = query("UPDATE tower_tokens_users SET level_id = ?2 WHERE id = ?1");
        existing(self.change(change.bind(IdParameter(id)).bind(level.id())).await?)
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        let change = query("UPDATE tower_tokens_users SET disabled = ?2 WHERE id = ?1");
        existing(self.change(change.bind(IdParameter(id)).bind(i64::from(disabled))).await?)
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        // The schema's ON DELETE CASCADE would take the tokens too, but only on a connection that enforces foreign keys.
        let mut transaction = self.begin().await?;
        let tokens = query("DELETE FROM tower_tokens_tokens WHERE user_id = ?1").bind(IdParameter(id));
        transaction.run(|connection| tokens.execute(connection)).await.map_err(failure)?;
        let user = query("DELETE FROM tower_tokens_users WHERE id = ?1").bind(IdParameter(id));
        let deleted = transaction.run(|connection| user.execute(connection)).await.map_err(failure)?.rows_affected();
        transaction.commit().await?;
        Ok(deleted > 0)
    }
}

impl SqliteRepository {
    /// Creates a user in a transaction of [`begin`](Self::begin), so that the user and the application's own rows come
    /// into being together, or not at all.
    ///
    /// # Errors
    /// As [`create_user`](UserRepository::create_user). Then drop the transaction.
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
        let level = query("SELECT id FROM tower_tokens_levels WHERE title = ?1").bind(level);
        let level = transaction.run(|connection| level.fetch_optional(connection)).await.map_err(failure)?;
        let level: i64 = level.ok_or(ErrorKind::LevelNotFound)?.try_get(0).map_err(failure)?;
        let last = query("SELECT id FROM tower_tokens_last_user");
        let last = transaction.run(|connection| last.fetch_one(connection)).await;
        let last: i64 = last.and_then(|row| row.try_get(0)).map_err(failure)?;
        let id = id.unwrap_or_else(|| UserId::from(last.saturating_add(1)));
        let insert =
            query("INSERT INTO tower_tokens_users (id, level_id) VALUES (?1, ?2)").bind(IdParameter(&id)).bind(level);
        transaction.run(|connection| insert.execute(connection)).await.map_err(failure)?;
        if let Some(number) = id.as_integer().filter(|number| *number > last) {
            let note = query("UPDATE tower_tokens_last_user SET id = ?1").bind(number);
            transaction.run(|connection| note.execute(connection)).await.map_err(failure)?;
        }
        Ok(id)
    }

    async fn level(&self, title: &str) -> Result<Option<UserLevel>, Error> {
        let level = query("SELECT id, title FROM tower_tokens_levels WHERE title = ?1").bind(title);
        let row = self.row(level).await?;
        row.map(|row| sql::level(&row, 0)).transpose().map_err(failure)
    }
}

/// What a change of one user's row says when it found no row.
fn existing(rows_changed: u64) -> Result<(), Error> {
    if rows_changed == 0 { Err(ErrorKind::UserNotFound.into()) } else { Ok(()) }
}
