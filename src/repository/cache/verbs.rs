//! The contract, each change with what it makes stale.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::timeout;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::cache::ask::{ask, ask_store};
use crate::repository::cache::cached::CachedRepository;
use crate::repository::cache::changes::{LONGEST_CHANGE, Slot};
use crate::repository::cache::listen::ensure_listening;
use crate::repository::cache::shared::Shared;
use crate::repository::{
    ChangeBus, Ended, Found, Lookup, NewToken, Page, PageRequest, Regenerated, Replacement, Rotation, Subject,
    Supersession, TokenRepository, User, UserRepository,
};
use crate::token::{TokenId, TokenKey, TokenKinds, TokenRecord};
use crate::user::{UserId, UserLevel};

/// A change on its way. Unless it ends well, nothing says whether the store has made it, or will.
struct Change<'a, R> {
    shared: &'a Shared<R>,
    slots: Vec<Slot>,
    is_known: bool,
}

impl<'a, R> Change<'a, R> {
    fn of(shared: &'a Shared<R>, slots: impl IntoIterator<Item = Slot>) -> Self {
        Self { shared, slots: slots.into_iter().collect(), is_known: false }
    }

    /// What is refused was not done; an outage says nothing.
    fn end<T>(mut self, result: Result<T, Error>) -> Result<T, Error> {
        self.is_known = result.as_ref().err().is_none_or(|error| !error.is_outage());
        result
    }
}

impl<R> Drop for Change<'_, R> {
    fn drop(&mut self) {
        if self.is_known {
            self.shared.record(&self.slots);
        } else {
            self.shared.changes.bar(&self.slots);
        }
    }
}

impl<R: TokenRepository> CachedRepository<R> {
    /// A change of this node alone: the others need not know.
    async fn change_here<T>(&self, slot: Slot, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let change = Change::of(&self.shared, [slot]);
        change.end(work.await)
    }

    async fn change_of_user<T>(&self, user: &UserId, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.shared.announce(&[Subject::from(user)]).await?;
        self.change_here(self.shared.changes.user(user), self.in_time(work)).await
    }

    async fn change_of_tokens<T, const N: usize>(
        &self,
        tokens: [TokenKey<'_>; N],
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let digests = tokens.map(|token| token.digest());
        self.shared.announce(&digests.map(Subject::Token)).await?;
        let change = Change::of(&self.shared, digests.map(|digest| self.shared.changes.token(&digest)));
        change.end(self.in_time(work).await)
    }

    /// A change that was announced is made while the other nodes ask the store because of it, or not at all.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if !self.shared.announces() {
            return work.await;
        }
        timeout(LONGEST_CHANGE, work).await.unwrap_or_else(|_elapsed| Err(ErrorKind::TimedOut.into()))
    }
}

#[async_trait]
impl<R: TokenRepository> TokenRepository for CachedRepository<R> {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        // It makes no answer stale that is kept, and one that is on its way, which found nothing.
        let change = Change::of(&self.shared, []);
        change.end(self.shared.repository.insert(token).await)
    }

    fn change_bus(&self) -> Option<Arc<dyn ChangeBus>> {
        self.shared.repository.change_bus()
    }

    #[inline]
    fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Lookup> {
        let hash = self.shared.hash(token)?;
        self.shared.cached(hash, now).map(Lookup::Found)
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        let Some(hash) = self.shared.hash(token) else { return self.shared.repository.find(token, now).await };
        if let Some(found) = self.shared.cached(hash, now) {
            return Ok(Some(found));
        }
        ensure_listening(&self.shared);
        ask(&self.shared, token, hash, now).await
    }

    async fn find_in_store(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        match self.shared.hash(token) {
            Some(hash) => ask_store(&self.shared, token, hash, now).await,
            None => self.shared.repository.find_in_store(token, now).await,
        }
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        let ended = self.change_of_tokens([token], self.shared.repository.delete(token)).await?;
        if let Some(hash) = self.shared.hash(token) {
            self.shared.forget(hash);
        }
        Ok(ended)
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.change_of_user(user, self.shared.repository.delete_by_id(user, id)).await
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let tokens = [replacement.old, replacement.new];
        self.change_of_tokens(tokens, self.shared.repository.replace(replacement)).await
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let slot = self.shared.changes.user(user);
        self.change_here(slot, self.shared.repository.touch(user, id, now)).await
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        self.change_of_user(user, self.shared.repository.delete_by_user(user, kinds, keep)).await
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        self.shared.repository.list_by_user(user, kinds, page, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.shared.sweep(now);
        self.shared.repository.delete_expired(now, limit).await
    }

    async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
        self.change_of_user(supersession.user, self.shared.repository.supersede(supersession)).await
    }

    async fn rotation(&self, token: TokenKey<'_>) -> Result<Option<String>, Error> {
        self.shared.repository.rotation(token).await
    }

    async fn rotate(&self, rotation: Rotation<'_>) -> Result<bool, Error> {
        let slot = self.shared.changes.token(&rotation.token.digest());
        self.change_here(slot, self.shared.repository.rotate(rotation)).await
    }
}

#[async_trait]
impl<R: TokenRepository + UserRepository> UserRepository for CachedRepository<R> {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        self.shared.repository.create_level(title).await
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        self.shared.repository.levels().await
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        self.shared.repository.create_user(id, level).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        self.shared.repository.user(id).await
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        self.shared.repository.users(page).await
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error> {
        self.change_of_user(id, self.shared.repository.change_level(id, level)).await
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        self.change_of_user(id, self.shared.repository.set_disabled(id, disabled)).await
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        self.change_of_user(id, self.shared.repository.delete_user(id)).await
    }
}
