//! Users and their levels, for applications without a user table of their own.

use async_trait::async_trait;

use crate::error::Error;
use crate::repository::{Page, PageRequest};
use crate::user::{UserId, UserLevel};

/// Users and levels beside the tokens: who exists, at which level, and who is disabled.
///
/// Every store of ours implements it. An application with a user table of its own does not need it.
///
/// # Errors
/// Every method gives [`ErrorKind::Unavailable`](crate::error::ErrorKind::Unavailable) when the store does not answer.
#[async_trait]
pub trait UserRepository: std::fmt::Debug + Send + Sync + 'static {
    /// Creates a level with this title, or gives the one that is there.
    ///
    /// # Errors
    /// As at the trait.
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error>;

    /// All levels, by id.
    ///
    /// # Errors
    /// As at the trait.
    async fn levels(&self) -> Result<Vec<UserLevel>, Error>;

    /// Creates a user at the level with this title. Without an `id` the store gives the next integer.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) for an id that is taken,
    /// [`LevelNotFound`](crate::error::ErrorKind::LevelNotFound) for a level that is not there.
    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error>;

    /// The user with this id.
    ///
    /// # Errors
    /// As at the trait.
    async fn user(&self, id: &UserId) -> Result<Option<User>, Error>;

    /// The users, by id (integers before texts).
    ///
    /// # Errors
    /// As at the trait.
    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error>;

    /// Moves a user to the level with this title, and gives the level. It holds from the next
    /// [`find`](super::TokenRepository::find) on.
    ///
    /// # Errors
    /// [`UserNotFound`](crate::error::ErrorKind::UserNotFound), [`LevelNotFound`](crate::error::ErrorKind::LevelNotFound).
    async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error>;

    /// Disables a user, or enables them again. A disabled user's tokens are not valid; they stay, and are valid
    /// again when the user is enabled before they end.
    ///
    /// # Errors
    /// [`UserNotFound`](crate::error::ErrorKind::UserNotFound).
    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error>;

    /// Deletes a user and with them all their tokens. `false`: there was no such user.
    ///
    /// # Errors
    /// As at the trait.
    async fn delete_user(&self, id: &UserId) -> Result<bool, Error>;
}

/// A user as a [`UserRepository`] knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores build it")]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// Their level.
    pub level: UserLevel,
    /// Whether their tokens are not valid.
    pub disabled: bool,
}
