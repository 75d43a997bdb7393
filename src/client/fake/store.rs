//! A store that fails on command.

use std::sync::Arc;

use async_trait::async_trait;

use crate::client::fake::fault::{FakeFault, Faults};
use crate::client::{ClientError, MemoryTokenStore, StoreLock, StoredTokens, TokenStore};

/// A call of a [`FakeTokenStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FakeStoreCall {
    /// [`TokenStore::load`].
    Load,
    /// [`TokenStore::save`].
    Save,
    /// [`TokenStore::clear`].
    Clear,
    /// [`TokenStore::lock`].
    Lock,
}

/// A store in memory that fails on command and counts its calls, for tests. Clones share the tokens.
///
/// # Example
/// ```
/// use tower_tokens::client::{
///     ClientError, ClientErrorKind, FakeEndpoint, FakeFault, FakeStoreCall, FakeTokenStore, TokenManager,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let store = FakeTokenStore::new();
/// let full = ClientError::new(ClientErrorKind::Store, "no space left on device");
/// store.always(FakeStoreCall::Save, FakeFault::Error(full));
/// let manager = TokenManager::new(FakeEndpoint::new(), store.clone());
/// assert_eq!(manager.access_token().await?.expose_secret(), "access-1"); // from memory
/// assert_eq!(store.calls(FakeStoreCall::Save), 1);
/// # Ok::<(), ClientError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct FakeTokenStore {
    inner: MemoryTokenStore,
    faults: Arc<Faults<FakeStoreCall>>,
}

impl FakeTokenStore {
    /// A healthy, empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { inner: MemoryTokenStore::new(), faults: Arc::new(Faults::new()) }
    }

    /// Strikes the next call of this kind that no earlier `once` strikes: two of them strike two calls, one after the other.
    pub fn once(&self, call: FakeStoreCall, fault: FakeFault) {
        self.faults.once(call, fault);
    }

    /// Strikes every call of this kind, until the store heals.
    pub fn always(&self, call: FakeStoreCall, fault: FakeFault) {
        self.faults.always(call, fault);
    }

    /// Ends all faults. Calls that hang go on.
    pub fn heal(&self) {
        self.faults.heal();
    }

    /// How many calls of this kind there were, those that a fault struck included.
    #[must_use]
    pub fn calls(&self, call: FakeStoreCall) -> u64 {
        self.faults.calls(call)
    }

    /// The store inside, which never fails and does not count.
    #[must_use]
    pub const fn inner(&self) -> &MemoryTokenStore {
        &self.inner
    }
}

impl Default for FakeTokenStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl TokenStore for FakeTokenStore {
    async fn load(&self) -> Result<Option<StoredTokens>, ClientError> {
        self.faults.strike(FakeStoreCall::Load, async || self.inner.load().await).await
    }

    async fn save(&self, tokens: &StoredTokens) -> Result<(), ClientError> {
        self.faults.strike(FakeStoreCall::Save, async || self.inner.save(tokens).await).await
    }

    async fn clear(&self) -> Result<(), ClientError> {
        self.faults.strike(FakeStoreCall::Clear, async || self.inner.clear().await).await
    }

    async fn lock(&self) -> Result<StoreLock, ClientError> {
        self.faults.strike(FakeStoreCall::Lock, async || self.inner.lock().await).await
    }
}
