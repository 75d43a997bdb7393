//! What administrators see and do: the list of users, levels and bans.

use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{Page, PageRequest, User, UserRepository as _};
use tower_tokens::user::{CurrentUser, UserId};

use super::app::{ADMIN, Site};
use super::failure::Failure;

/// Users on one page of the panel.
const PAGE_SIZE: u32 = 50;

/// A user and their account.
pub(super) struct Member {
    pub(super) user_id: UserId,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) level: String,
    pub(super) banned: bool,
}

/// What an administrator does to a user.
pub(super) enum Change {
    Level(String),
    Ban,
    Unban,
}

/// Why nothing was changed.
pub(super) enum Refusal {
    Yourself,
    LastAdmin,
    NoSuchLevel,
    Failure(Failure),
}

impl Site {
    /// The users on this page of the list, counted from 1.
    pub(super) async fn members(&self, page: u32) -> Result<Page<Member>, Failure> {
        let mut request = PageRequest::first(PAGE_SIZE);
        for _ in 1..page.min(10_000) {
            request = request.next();
        }
        let users = self.users.users(request).await?;
        let mut members = Vec::with_capacity(users.items.len());
        for user in users.items {
            members.extend(self.member(user).await?);
        }
        Ok(Page { items: members, next: users.next })
    }

    /// Changes a user, so that there is still an administrator afterwards.
    pub(super) async fn change_membership(
        &self,
        admin: &CurrentUser,
        id: &UserId,
        change: Change,
    ) -> Result<(), Refusal> {
        if matches!(change, Change::Ban) && id == admin.id() {
            return Err(Refusal::Yourself);
        }
        // One at a time: two administrators who demote each other at once must not both find another one left.
        let _turn = self.membership_changes.lock().await;
        let removes_admin = match &change {
            Change::Level(level) => level != ADMIN,
            Change::Ban => true,
            Change::Unban => false,
        };
        if removes_admin && !self.has_other_admin(id).await? {
            return Err(Refusal::LastAdmin);
        }
        let done = match change {
            Change::Level(level) => self.users.change_level(id, &level).await.map(drop),
            Change::Ban => self.users.set_disabled(id, true).await,
            Change::Unban => self.users.set_disabled(id, false).await,
        };
        done.map_err(|error| match error.kind() {
            ErrorKind::UserNotFound => Failure::NotFound.into(),
            ErrorKind::LevelNotFound => Refusal::NoSuchLevel,
            _ => Failure::from(error).into(),
        })
    }

    /// Whether somebody but this user is an administrator who can log in.
    async fn has_other_admin(&self, id: &UserId) -> Result<bool, Failure> {
        let mut request = Some(PageRequest::first(PageRequest::MAX_LIMIT));
        while let Some(page) = request {
            let users = self.users.users(page).await?;
            if users.items.iter().any(|user| user.id != *id && user.level.title() == ADMIN && !user.disabled) {
                return Ok(true);
            }
            request = users.next;
        }
        Ok(false)
    }

    async fn member(&self, user: User) -> Result<Option<Member>, Failure> {
        let account = self.accounts.by_user(&user.id).await?;
        Ok(account.map(|account| Member {
            user_id: user.id,
            username: account.username,
            email: account.email,
            level: user.level.title().to_owned(),
            banned: user.disabled,
        }))
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
