//! A store that fails on command, for tests.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::{
    ChangeBus, Ended, Found, Lookup, NewToken, Page, PageRequest, Regenerated, Replacement, Rotation, Supersession,
    TokenRepository, User, UserRepository,
};
use crate::token::{TokenId, TokenKey, TokenKinds, TokenRecord};
use crate::user::{UserId, UserLevel};

/// Another store that fails, delays or hangs on command, and counts its look-ups.
///
/// A fault strikes before the call reaches the store inside. Share it in an `Arc`, so that the test can still reach it.
///
/// # Example
/// ```
/// use std::sync::Arc;
///
/// use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let repository = Arc::new(FaultyRepository::new(MemoryRepository::new()));
/// repository.fail();
/// assert!(repository.create_level("member").await.unwrap_err().is_outage());
/// repository.heal();
/// assert!(repository.create_level("member").await.is_ok());
/// assert_eq!(repository.look_ups(), 0);
/// # });
/// ```
#[derive(Debug)]
pub struct FaultyRepository<R> {
    inner: R,
    fault: watch::Sender<Fault>,
    is_async_only: AtomicBool,
    look_ups: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Error,
    Delay(Duration),
    Hang,
}

impl<R> FaultyRepository<R> {
    /// A healthy store around `inner`.
    #[must_use]
    pub fn new(inner: R) -> Self {
        let fault = watch::Sender::new(Fault::None);
        Self { inner, fault, is_async_only: AtomicBool::new(false), look_ups: AtomicU64::new(0) }
    }

    /// Makes `find_now` answer `None`, so that every look-up goes through `find`. Default: it answers if the store inside does.
    #[must_use]
    pub fn without_find_now(self) -> Self {
        self.is_async_only.store(true, Ordering::SeqCst);
        self
    }

    /// From now on every call fails as [`ErrorKind::Unavailable`].
    pub fn fail(&self) {
        self.fault.send_replace(Fault::Error);
    }

    /// From now on every call is answered after `delay`, by tokio's clock.
    pub fn delay(&self, delay: Duration) {
        self.fault.send_replace(Fault::Delay(delay));
    }

    /// From now on no call is answered, until another fault or [`heal`](Self::heal) takes this one's place.
    pub fn hang(&self) {
        self.fault.send_replace(Fault::Hang);
    }

    /// From now on every call is answered again, those that hang included.
    pub fn heal(&self) {
        self.fault.send_replace(Fault::None);
    }

    /// How many look-ups there were: calls of `find`, and of `find_now` where it had an answer.
    #[must_use]
    pub fn look_ups(&self) -> u64 {
        self.look_ups.load(Ordering::SeqCst)
    }

    /// The store inside, which never fails on command.
    #[must_use]
    pub const fn inner(&self) -> &R {
        &self.inner
    }

    fn count_look_up(&self) {
        self.look_ups.fetch_add(1, Ordering::SeqCst);
    }

    async fn working(&self) -> Result<&R, Error> {
        let mut fault = self.fault.subscribe();
        loop {
            let present = *fault.borrow_and_update();
            match present {
                Fault::None => return Ok(&self.inner),
                Fault::Error => return Err(Error::with_source(ErrorKind::Unavailable, "set to fail")),
                Fault::Delay(delay) => {
                    tokio::time::sleep(delay).await;
                    return Ok(&self.inner);
                }
                // The sender is a field of `self`, so it outlives this wait.
                Fault::Hang => _ = fault.changed().await,
            }
        }
    }
}

#[async_trait]
impl<R: TokenRepository> TokenRepository for FaultyRepository<R> {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        self.working().await?.insert(token).await
    }

    fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Lookup> {
        if self.is_async_only.load(Ordering::SeqCst) || *self.fault.borrow() != Fault::None {
            return None;
        }
        let answer = self.inner.find_now(token, now)?;
        self.count_look_up();
        Some(answer)
    }

    fn change_bus(&self) -> Option<Arc<dyn ChangeBus>> {
        self.inner.change_bus()
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        self.count_look_up();
        self.working().await?.find(token, now).await
    }

    async fn find_in_store(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        self.count_look_up();
        self.working().await?.find_in_store(token, now).await
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        self.working().await?.delete(token).await
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.working().await?.delete_by_id(user, id).await
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        self.working().await?.replace(replacement).await
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        self.working().await?.touch(user, id, now).await
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        self.working().await?.delete_by_user(user, kinds, keep).await
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        self.working().await?.list_by_user(user, kinds, page, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.working().await?.delete_expired(now, limit).await
    }

    async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
        self.working().await?.supersede(supersession).await
    }

    async fn rotation(&self, token: TokenKey<'_>) -> Result<Option<String>, Error> {
        self.working().await?.rotation(token).await
    }

    async fn rotate(&self, rotation: Rotation<'_>) -> Result<bool, Error> {
        self.working().await?.rotate(rotation).await
    }
}

#[async_trait]
impl<R: UserRepository> UserRepository for FaultyRepository<R> {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        self.working().await?.create_level(title).await
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        self.working().await?.levels().await
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        self.working().await?.create_user(id, level).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        self.working().await?.user(id).await
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        self.working().await?.users(page).await
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error> {
        self.working().await?.change_level(id, level).await
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        self.working().await?.set_disabled(id, disabled).await
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        self.working().await?.delete_user(id).await
    }
}
