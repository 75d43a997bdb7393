//! Users and levels as scripts.

use async_trait::async_trait;

use crate::error::{Error, ErrorKind};
use crate::random;
use crate::repository::redis::RedisRepository;
use crate::repository::redis::ended::BATCH;
use crate::repository::redis::{ended, reply, scripts, user_key};
use crate::repository::{Page, PageRequest, User, UserRepository};
use crate::user::{UserId, UserLevel};

#[async_trait]
impl UserRepository for RedisRepository {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        let id: i64 = self.change(&scripts::CREATE_LEVEL, &[title.as_bytes(), first_number()?.as_bytes()]).await?;
        Ok(UserLevel::new(id, title))
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        let found: Vec<(String, i64)> = self.look_up(&scripts::LEVELS, &[]).await?;
        let mut levels: Vec<_> = found.iter().map(|(title, id)| UserLevel::new(*id, title)).collect();
        levels.sort_by_key(UserLevel::id);
        Ok(levels)
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        if let Some(id) = id {
            self.add(&id, level).await?;
            return Ok(id);
        }
        loop {
            let number: i64 = self.change(&scripts::NEXT_USER, &[first_number()?.as_bytes()]).await?;
            let id = UserId::from(number);
            match self.add(&id, level).await {
                // The number has just been given by hand.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < i64::MAX => {}
                added => return added.map(|()| id),
            }
        }
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        let found: Option<reply::Row> = self.look_up(&scripts::USER, &[&user_key::of(id)]).await?;
        found.map(|row| reply::user(&row)).transpose()
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let (first, last) = (u64::from(page.offset()), u64::from(page.offset()) + u64::from(page.limit()));
        let found: Vec<reply::Row> =
            self.look_up(&scripts::USERS, &[first.to_string().as_bytes(), last.to_string().as_bytes()]).await?;
        let users = found.iter().map(reply::user).collect::<Result<_, _>>()?;
        Ok(Page::from_limit_plus_one(users, page))
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error> {
        let done: String = self.change(&scripts::CHANGE_LEVEL, &[&user_key::of(id), level.as_bytes()]).await?;
        match done.parse() {
            Ok(number) => Ok(UserLevel::new(number, level)),
            Err(_) => Err(done_to(&done).err().unwrap_or(ErrorKind::Corrupt.into())),
        }
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        let disabled = if disabled { b"1" } else { b"0" };
        let done: String = self.change(&scripts::SET_DISABLED, &[&user_key::of(id), disabled]).await?;
        done_to(&done)
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        let (name, batch) = (ended::list_name()?, BATCH.to_string());
        let arguments: [&[u8]; 3] = [&user_key::of(id), &name, batch.as_bytes()];
        let (deleted, left): (u64, u64) = self.change(&scripts::DELETE_USER, &arguments).await?;
        self.remove_ended(&name, left).await;
        Ok(deleted > 0)
    }
}

impl RedisRepository {
    async fn add(&self, id: &UserId, level: &str) -> Result<(), Error> {
        let number = id.as_integer().filter(|number| *number > 0).map(|number| number.to_string());
        let number = number.unwrap_or_default();
        let user = user_key::of_new(id)?;
        let (first, name, batch) = (first_number()?, ended::list_name()?, BATCH.to_string());
        let arguments: [&[u8]; 6] =
            [&user, level.as_bytes(), number.as_bytes(), first.as_bytes(), &name, batch.as_bytes()];
        let (done, left): (String, u64) = self.change(&scripts::CREATE_USER, &arguments).await?;
        self.remove_ended(&name, left).await;
        done_to(&done)
    }
}

/// Where the numbers of users and levels begin where Redis knows of no earlier one: at random, so that a store that lost
/// its data does not give the same numbers again. Between 2^40 and 2^52, because Lua and JavaScript hold such integers.
fn first_number() -> Result<String, Error> {
    let mut bytes = [0; 8];
    random::fill(&mut bytes)?;
    let number = u64::from_le_bytes(bytes) % ((1 << 52) - (1 << 40)) + (1 << 40);
    Ok(number.to_string())
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
