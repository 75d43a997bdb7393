//! Where tokens are kept between two runs, and by several processes.
#![deny(clippy::missing_trait_methods)]

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::client::{ClientError, StoredTokens};

/// The tokens of one account at one API, kept.
///
/// # Contract
/// 1. `load` gives what the last `save` of any process was given, whole, or `None` after `clear`, or if there was none.
///    Never a mixture of two.
/// 2. `save` is done when it returns: a crash afterwards loses nothing, a crash before leaves the former tokens.
/// 3. `lock` waits until no other manager, in this or another process, has the lock of the same account. The lock ends
///    when the value is dropped, and when the process ends in any way.
/// 4. Two accounts never see each other's tokens.
///
/// # Errors
/// [`Store`](crate::client::ClientErrorKind::Store). What was stored and cannot be read by anybody is `None`, after a
/// warning in the log.
#[async_trait]
pub trait TokenStore: Debug + Send + Sync + 'static {
    /// The tokens that were saved last.
    async fn load(&self) -> Result<Option<StoredTokens>, ClientError>;

    /// Keeps these in place of the former.
    async fn save(&self, tokens: &StoredTokens) -> Result<(), ClientError>;

    /// Forgets the tokens of this account.
    async fn clear(&self) -> Result<(), ClientError>;

    /// Keeps other managers that share the store from reading, refreshing and saving meanwhile. The default is for a
    /// store that a single manager uses.
    async fn lock(&self) -> Result<StoreLock, ClientError> {
        Ok(StoreLock::new(()))
    }
}

/// A lock of a [`TokenStore`], held until it is dropped.
pub struct StoreLock {
    _held: Box<dyn Send + Sync>,
}

impl StoreLock {
    /// Holds `held`, which unlocks when it is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

impl Debug for StoreLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreLock").finish_non_exhaustive()
    }
}

#[async_trait]
impl<T: TokenStore + ?Sized> TokenStore for Arc<T> {
    async fn load(&self) -> Result<Option<StoredTokens>, ClientError> {
        (**self).load().await
    }

    async fn save(&self, tokens: &StoredTokens) -> Result<(), ClientError> {
        (**self).save(tokens).await
    }

    async fn clear(&self) -> Result<(), ClientError> {
        (**self).clear().await
    }

    async fn lock(&self) -> Result<StoreLock, ClientError> {
        (**self).lock().await
    }
}
