//! Tokens in memory.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::client::{ClientError, StoreLock, StoredTokens, TokenStore};

/// Keeps the tokens in memory, until the process ends. Clones share them, and so may several managers of one account.
///
/// # Example
/// ```
/// use tower_tokens::client::{MemoryTokenStore, StoredTokens, TokenStore};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryTokenStore::new();
/// store.save(&StoredTokens::new("mF_9.B5f-4.1JqM")).await?;
/// assert!(store.clone().load().await?.is_some());
/// # Ok::<(), tower_tokens::client::ClientError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryTokenStore {
    tokens: Arc<Mutex<Option<StoredTokens>>>,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl MemoryTokenStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn set(&self, tokens: Option<StoredTokens>) {
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self) -> Result<Option<StoredTokens>, ClientError> {
        Ok(self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn save(&self, tokens: &StoredTokens) -> Result<(), ClientError> {
        self.set(Some(tokens.clone()));
        Ok(())
    }

    async fn clear(&self) -> Result<(), ClientError> {
        self.set(None);
        Ok(())
    }

    async fn lock(&self) -> Result<StoreLock, ClientError> {
        Ok(StoreLock::new(Arc::clone(&self.lock).lock_owned().await))
    }
}
