//! Users and levels as scripts.

use async_trait::async_trait;

use crate::error::{Error, ErrorKind};
use crate::repository::redis::RedisRepository;
use crate::repository::redis::{reply, scripts};
use crate::repository::{Page, PageRequest, User, UserRepository, user_key};
use crate::user::{UserId, UserLevel};

#[async_trait]
impl UserRepository for RedisRepository {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        let id: i64 = self.run(&scripts::CREATE_LEVEL, &[title.as_bytes()]).await?;
        Ok(UserLevel::new(id, title))
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        let found: Vec<(i64, String)> = self.run(&scripts::LEVELS, &[]).await?;
        let mut levels: Vec<_> = found.iter().map(|(id, title)| UserLevel::new(*id, title)).collect();
        levels.sort_by_key(UserLevel::id);
        Ok(levels)
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        if let Some(id) = id {
            self.add(&id, level).await?;
            return Ok(id);
        }
        loop {
            let number: i64 = self.run(&scripts::NEXT_NUMBER, &[]).await?;
            let id = UserId::from(number);
            match self.add(&id, level).await {
                // Somebody has just given this number by hand.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < i64::MAX => {}
                added => return added.map(|()| id),
            }
        }
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        let found: Option<reply::Row> = self.run(&scripts::USER, &[&user_key::of(id)]).await?;
        found.map(|row| reply::user(&row)).transpose()
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let (first, last) = (u64::from(page.offset()), u64::from(page.offset()) + u64::from(page.limit()));
        let found: Vec<reply::Row> =
            self.run(&scripts::USERS, &[first.to_string().as_bytes(), last.to_string().as_bytes()]).await?;
        let users = found.iter().map(reply::user).collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(users, page))
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<(), Error> {
        let done: String = self.run(&scripts::CHANGE_LEVEL, &[&user_key::of(id), level.as_bytes()]).await?;
        done_to(&done)
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        let disabled = if disabled { b"1" } else { b"0" };
        let done: String = self.run(&scripts::SET_DISABLED, &[&user_key::of(id), disabled]).await?;
        done_to(&done)
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        let deleted: u64 = self.run(&scripts::DELETE_USER, &[&user_key::of(id)]).await?;
        Ok(deleted > 0)
    }
}

impl RedisRepository {
    async fn add(&self, id: &UserId, level: &str) -> Result<(), Error> {
        let number = id.as_integer().filter(|number| *number > 0).map(|number| number.to_string());
        let number = number.unwrap_or_default();
        let user = user_key::of_new(id)?;
        let done: String = self.run(&scripts::CREATE_USER, &[&user, level.as_bytes(), number.as_bytes()]).await?;
        done_to(&done)
    }
}

/// What a script says that changes a user.
fn done_to(answer: &str) -> Result<(), Error> {
    match answer {
        "done" => Ok(()),
        "taken" => Err(ErrorKind::AlreadyExists.into()),
        "level" => Err(ErrorKind::LevelNotFound.into()),
        _ => Err(ErrorKind::UserNotFound.into()),
    }
}
