//! Users and levels in memory.

use async_trait::async_trait;

use crate::error::{Error, ErrorKind};
use crate::repository::memory::store::MemoryRepository;
use crate::repository::{Page, PageRequest, User, UserRepository};
use crate::user::{UserId, UserLevel};

#[async_trait]
impl UserRepository for MemoryRepository {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        let mut index = self.index();
        if let Some(level) = index.level(title) {
            return Ok(level);
        }
        let id = i64::try_from(index.levels.len()).unwrap_or(i64::MAX).saturating_add(1);
        let level = UserLevel::new(id, title);
        index.levels.push(level.clone());
        Ok(level)
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        Ok(self.index().levels.clone())
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        let mut index = self.index();
        let level = index.level(level).ok_or(ErrorKind::LevelNotFound)?;
        let id = id.unwrap_or_else(|| UserId::from(index.last_user.saturating_add(1)));
        if index.users.contains_key(&id) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        index.last_user = index.last_user.max(id.as_integer().unwrap_or(0));
        index.add_user(id.clone(), level);
        Ok(id)
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        Ok(self.index().users.get(id).map(|account| account.to_user(id)))
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let index = self.index();
        let users = index.users.iter().skip(page.offset() as usize).take(page.limit() as usize + 1);
        Ok(Page::from_limit_plus_one(users.map(|(id, account)| account.to_user(id)).collect(), page))
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error> {
        let mut index = self.index();
        let level = index.level(level).ok_or(ErrorKind::LevelNotFound)?;
        index.users.get_mut(id).ok_or(ErrorKind::UserNotFound)?.level = level.clone();
        self.update_all(&index, id);
        Ok(level)
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        let mut index = self.index();
        index.users.get_mut(id).ok_or(ErrorKind::UserNotFound)?.disabled = disabled;
        self.update_all(&index, id);
        Ok(())
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        let mut index = self.index();
        self.remove_all(&mut index, id, |_| true);
        Ok(index.users.remove(id).is_some())
    }
}
