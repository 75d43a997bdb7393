//! What a store under test must be able to do.

use async_trait::async_trait;

use crate::error::Error;
use crate::repository::{TokenRepository, UserRepository};
use crate::user::UserId;

/// A [`TokenRepository`] under test, and how to make and change the users its tokens belong to.
///
/// Everything that implements [`UserRepository`] too is one already. An application with a user table of its own
/// implements this for its store.
///
/// # Errors
/// Whatever the store says; the suite takes every error here as a failure.
#[async_trait]
pub trait StoreUnderTest: TokenRepository {
    /// Adds a user at the level with this title, and the level too if it is not there.
    async fn add_user(&self, level: &str) -> Result<UserId, Error>;

    /// Moves a user to the level with this title, and adds the level if it is not there.
    async fn move_user(&self, user: &UserId, level: &str) -> Result<(), Error>;

    /// Disables a user (`shut_out`), or enables them again.
    async fn shut_out_user(&self, user: &UserId, shut_out: bool) -> Result<(), Error>;

    /// Removes a user.
    async fn remove_user(&self, user: &UserId) -> Result<(), Error>;

    /// An id that no user of this store has or had.
    fn absent_user(&self) -> UserId {
        UserId::from(4_242_424_242_i64)
    }
}

#[async_trait]
impl<R: TokenRepository + UserRepository> StoreUnderTest for R {
    async fn add_user(&self, level: &str) -> Result<UserId, Error> {
        self.create_level(level).await?;
        self.create_user(None, level).await
    }

    async fn move_user(&self, user: &UserId, level: &str) -> Result<(), Error> {
        self.create_level(level).await?;
        self.change_level(user, level).await.map(drop)
    }

    async fn shut_out_user(&self, user: &UserId, shut_out: bool) -> Result<(), Error> {
        self.set_disabled(user, shut_out).await
    }

    async fn remove_user(&self, user: &UserId) -> Result<(), Error> {
        self.delete_user(user).await.map(|_| ())
    }
}
