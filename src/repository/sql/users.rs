//! Users and levels as SQL.

use async_trait::async_trait;

use crate::call_timeout::within_call_timeout;
use crate::error::{Error, ErrorKind};
use crate::repository::sql::dialect::Dialect;
use crate::repository::sql::rows::{SqlRow, integer, level};
use crate::repository::sql::statement::Value;
use crate::repository::sql::store::SqlRepository;
use crate::repository::{Page, PageRequest, User, UserRepository};
use crate::user::{UserId, UserLevel};

#[async_trait]
impl<D: Dialect> UserRepository for SqlRepository<D> {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        within_call_timeout(async {
            if let Some(level) = self.level(title).await? {
                return Ok(level);
            }
            self.change(&self.users.statements().create_level, &[title.into()]).await?;
            self.level(title).await?.ok_or_else(|| ErrorKind::LevelNotFound.into())
        })
        .await
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        self.all(&self.users.statements().levels, &[], |row| level(row, 0)).await
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        within_call_timeout(async {
            let level = self.level(level).await?.ok_or(ErrorKind::LevelNotFound)?;
            if let Some(id) = id {
                if let Some(number) = id.as_integer() {
                    self.change(&self.users.statements().raise_last_number, &[number.into()]).await?;
                }
                self.add(&id, &level).await?;
                return Ok(id);
            }
            loop {
                let number = self.next_number().await?;
                let id = UserId::from(number);
                match self.add(&id, &level).await {
                    // The number has just been given by hand.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists && number < i64::MAX => {}
                    added => return added.map(|()| id),
                }
            }
        })
        .await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        self.one(&self.users.statements().user, &[D::id(id)], user::<D>).await
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let values = [(i64::from(page.limit()) + 1).into(), i64::from(page.offset()).into()];
        let users = self.all(&self.users.statements().users, &values, user::<D>).await?;
        Ok(Page::from_limit_plus_one(users, page))
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error> {
        within_call_timeout(async {
            let level = self.level(level).await?.ok_or(ErrorKind::LevelNotFound)?;
            existing(self.change(&self.users.statements().change_level, &[D::id(id), level.id().into()]).await?)?;
            Ok(level)
        })
        .await
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        existing(self.change(&self.users.statements().set_disabled, &[D::id(id), Value::Boolean(disabled)]).await?)
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        Ok(self.change(&self.users.statements().delete_user, &[D::id(id)]).await? > 0)
    }
}

impl<D: Dialect> SqlRepository<D> {
    async fn level(&self, title: &str) -> Result<Option<UserLevel>, Error> {
        self.one(&self.users.statements().level, &[title.into()], |row| level(row, 0)).await
    }

    async fn add(&self, id: &UserId, level: &UserLevel) -> Result<(), Error> {
        let text = id.as_text().map(str::as_bytes);
        let values = [D::new_id(id)?, level.id().into(), id.as_integer().into(), Value::Bytes(text)];
        self.change(&self.users.statements().create_user, &values).await.map(drop)
    }

    /// Takes the next number, unless another call took it in between: then the one after that. At the end of all
    /// numbers it gives the last one, which is taken.
    async fn next_number(&self) -> Result<i64, Error> {
        loop {
            let last = self.one(&self.users.statements().last_number, &[], |row| integer(row, 0)).await?;
            let last = last.ok_or(ErrorKind::Corrupt)?;
            let next = last.saturating_add(1);
            if self.change(&self.users.statements().take_number, &[last.into(), next.into()]).await? > 0 {
                return Ok(next);
            }
        }
    }
}

/// The user in columns 0 to 3: id, disabled, level's id, level's title.
fn user<D: Dialect>(row: &D::Row) -> Result<User, sqlx::Error> {
    Ok(User { id: D::read_id(row, 0)?, level: level(row, 2)?, disabled: row.boolean(1)? })
}

/// What a change of one user's row says when it found no row.
fn existing(rows_changed: u64) -> Result<(), Error> {
    if rows_changed == 0 { Err(ErrorKind::UserNotFound.into()) } else { Ok(()) }
}
