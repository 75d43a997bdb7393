//! Users and levels as SQL.

use async_trait::async_trait;
use sqlx::query;

use crate::error::{Error, ErrorKind};
use crate::repository::mysql::MySqlRepository;
use crate::repository::mysql::error::failure;
use crate::repository::{Page, PageRequest, User, UserRepository, sql, user_id_column};
use crate::user::{UserId, UserLevel};

const LEVEL: &str = "SELECT id, CONVERT(title USING utf8mb4) FROM tower_tokens_levels WHERE title = ?";

const CREATE_LEVEL: &str = "INSERT INTO tower_tokens_levels (title) VALUES (?) ON DUPLICATE KEY UPDATE title = title";

const LEVELS: &str = "SELECT id, CONVERT(title USING utf8mb4) FROM tower_tokens_levels ORDER BY id";

/// Stops at the last of all numbers, which is then taken. The number comes back as the statement's "last insert id".
const NEXT_NUMBER: &str = "UPDATE tower_tokens_last_user
    SET id = LAST_INSERT_ID(IF(id = 9223372036854775807, id, id + 1))";

const NOTE_NUMBER: &str = "UPDATE tower_tokens_last_user SET id = GREATEST(id, ?)";

const CREATE_USER: &str = "INSERT INTO tower_tokens_users (id, level_id) VALUES (?, ?)";

const USER: &str = "SELECT u.id, u.disabled, l.id, CONVERT(l.title USING utf8mb4)
    FROM tower_tokens_users AS u JOIN tower_tokens_levels AS l ON l.id = u.level_id
    WHERE u.id = ?";

/// Reads the users in the order of their key, as far as the page goes. With a plain join MySQL begins with the levels, and
/// reads and sorts all users.
const USERS: &str = "SELECT u.id, u.disabled, l.id, CONVERT(l.title USING utf8mb4)
    FROM tower_tokens_users AS u STRAIGHT_JOIN tower_tokens_levels AS l ON l.id = u.level_id
    ORDER BY u.id LIMIT ? OFFSET ?";

const CHANGE_LEVEL: &str = "UPDATE tower_tokens_users SET level_id = ? WHERE id = ?";

const SET_DISABLED: &str = "UPDATE tower_tokens_users SET disabled = ? WHERE id = ?";

/// The schema's ON DELETE CASCADE takes the tokens, those that are being inserted included.
const DELETE_USER: &str = "DELETE FROM tower_tokens_users WHERE id = ?";

#[async_trait]
impl UserRepository for MySqlRepository {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        if let Some(level) = self.level(title).await? {
            return Ok(level);
        }
        self.change(|| query(CREATE_LEVEL).bind(title.as_bytes())).await?;
        self.level(title).await?.ok_or_else(|| ErrorKind::LevelNotFound.into())
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        let levels = self.all(query(LEVELS)).await?;
        levels.iter().map(|row| sql::level(row, 0)).collect::<Result<_, _>>().map_err(failure)
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        let level = self.level(level).await?.ok_or(ErrorKind::LevelNotFound)?;
        if let Some(id) = id {
            if let Some(number) = id.as_integer() {
                self.change(|| query(NOTE_NUMBER).bind(number)).await?;
            }
            self.add(&id, &level).await?;
            return Ok(id);
        }
        loop {
            let number = self.run(|| query(NEXT_NUMBER)).await?.last_insert_id();
            let number = i64::try_from(number).map_err(|_| ErrorKind::Corrupt)?;
            let id = UserId::from(number);
            match self.add(&id, &level).await {
                // Somebody has just given this number by hand.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < i64::MAX => {}
                added => return added.map(|()| id),
            }
        }
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        let row = self.one(query(USER).bind(user_id_column::of(id))).await?;
        row.map(|row| sql::user(&row)).transpose().map_err(failure)
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let users = query(USERS).bind(i64::from(page.limit()) + 1).bind(i64::from(page.offset()));
        let users = self.all(users).await?;
        let users = users.iter().map(sql::user).collect::<Result<_, _>>().map_err(failure)?;
        Ok(Page::from_limit_plus_one(users, page))
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<(), Error> {
        let level = self.level(level).await?.ok_or(ErrorKind::LevelNotFound)?;
        let id = user_id_column::of(id);
        existing(self.change(|| query(CHANGE_LEVEL).bind(level.id()).bind(&id)).await?)
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        let id = user_id_column::of(id);
        existing(self.change(|| query(SET_DISABLED).bind(disabled).bind(&id)).await?)
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        let id = user_id_column::of(id);
        Ok(self.change(|| query(DELETE_USER).bind(&id)).await? > 0)
    }
}

impl MySqlRepository {
    async fn level(&self, title: &str) -> Result<Option<UserLevel>, Error> {
        let row = self.one(query(LEVEL).bind(title.as_bytes())).await?;
        row.map(|row| sql::level(&row, 0)).transpose().map_err(failure)
    }

    async fn add(&self, id: &UserId, level: &UserLevel) -> Result<(), Error> {
        let id = user_id_column::of_new(id)?;
        self.change(|| query(CREATE_USER).bind(&id).bind(level.id())).await.map(drop)
    }
}

/// What a change of one user's row says when it found no row.
fn existing(rows_changed: u64) -> Result<(), Error> {
    if rows_changed == 0 { Err(ErrorKind::UserNotFound.into()) } else { Ok(()) }
}
