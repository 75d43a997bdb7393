//! A store whose notes of last uses, pruning and rotations fail or hang while everything else works; it counts the first two.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{
    Ended, Found, Lookup, MemoryRepository, NewToken, Page, PageRequest, Regenerated, Replacement, Supersession,
    TokenRepository, UserRepository,
};
use tower_tokens::token::{TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

pub(super) const WORKS: u8 = 0;
pub(super) const FAILS: u8 = 1;
pub(super) const HANGS: u8 = 2;
pub(super) const PANICS: u8 = 3;
pub(super) const SLOW: u8 = 4;
/// It answers a look-up a while after it has read.
pub(super) const LATE: u8 = 5;

#[derive(Debug, Default)]
pub(super) struct Chores {
    inner: MemoryRepository,
    mood: AtomicU8,
    touches: AtomicU64,
    touched: Mutex<Vec<UserId>>,
    prunings: AtomicU64,
}

impl Chores {
    pub(super) async fn with_member() -> (Arc<Self>, UserId) {
        let store = Self::default();
        store.inner.create_level("member").await.unwrap();
        let member = store.inner.create_user(None, "member").await.unwrap();
        (Arc::new(store), member)
    }

    pub(super) async fn add_member(&self) -> UserId {
        self.inner.create_user(None, "member").await.unwrap()
    }

    /// Whose last uses were noted, in this order.
    pub(super) fn touched_users(&self) -> Vec<UserId> {
        self.touched.lock().unwrap().clone()
    }

    pub(super) fn set_mood(&self, mood: u8) {
        self.mood.store(mood, Ordering::SeqCst);
    }

    pub(super) fn touches(&self) -> u64 {
        self.touches.load(Ordering::SeqCst)
    }

    pub(super) fn prunings(&self) -> u64 {
        self.prunings.load(Ordering::SeqCst)
    }

    async fn chore(&self) -> Result<(), Error> {
        match self.mood.load(Ordering::SeqCst) {
            WORKS | LATE => Ok(()),
            FAILS => Err(ErrorKind::Unavailable.into()),
            HANGS => std::future::pending().await,
            SLOW => {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                Ok(())
            }
            _ => panic!("the store panics, as it was set to"),
        }
    }
}

#[async_trait]
impl TokenRepository for Chores {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        self.inner.insert(token).await
    }
    fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Lookup> {
        self.inner.find_now(token, now)
    }
    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        let found = self.inner.find(token, now).await;
        if self.mood.load(Ordering::SeqCst) == LATE {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        found
    }
    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        self.inner.delete(token).await
    }
    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.inner.delete_by_id(user, id).await
    }
    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        self.inner.replace(replacement).await
    }
    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        self.touches.fetch_add(1, Ordering::SeqCst);
        self.chore().await?;
        self.touched.lock().unwrap().push(user.clone());
        self.inner.touch(user, id, now).await
    }
    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        self.inner.delete_by_user(user, kinds, keep).await
    }
    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        self.inner.list_by_user(user, kinds, page, now).await
    }
    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.prunings.fetch_add(1, Ordering::SeqCst);
        self.chore().await?;
        self.inner.delete_expired(now, limit).await
    }
    async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
        self.chore().await?;
        self.inner.supersede(supersession).await
    }
}
