//! An endpoint with a server behind it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::client::fake::fault::{FakeFault, Faults};
use crate::client::fake::server::{RefreshAnswer, Server};
use crate::client::{AccessToken, ClientError, IssuedTokens, StoredTokens, TokenEndpoint};

/// A call of a [`FakeEndpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FakeCall {
    /// [`TokenEndpoint::log_in`].
    LogIn,
    /// [`TokenEndpoint::refresh`].
    Refresh,
    /// [`TokenEndpoint::log_out`].
    LogOut,
}

/// An endpoint with a small server behind it, for tests: it issues, refreshes and revokes tokens, fails on command, and counts
/// its calls. Clones share the server.
///
/// Its tokens are `access-1`, `refresh-1` and so on. An access token lives for 600 seconds by tokio's clock, which a test can
/// pause, and a refresh token for ever. A refresh gives two new tokens and ends the former two.
///
/// # Example
/// ```
/// use tower_tokens::client::{
///     ClientError, ClientErrorKind, FakeCall, FakeEndpoint, FakeFault, MemoryTokenStore, TokenManager,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let endpoint = FakeEndpoint::new();
/// let manager = TokenManager::new(endpoint.clone(), MemoryTokenStore::new());
/// let token = manager.access_token().await?;
/// assert!(endpoint.accepts(&token));
///
/// endpoint.revoke_access_tokens();
/// endpoint.once(FakeCall::Refresh, FakeFault::Error(ClientError::new(ClientErrorKind::Unavailable, "500")));
/// let next = manager.access_token_after_rejection(&token).await?; // the second attempt
/// assert!(endpoint.accepts(&next));
/// assert_eq!((endpoint.calls(FakeCall::LogIn), endpoint.calls(FakeCall::Refresh)), (1, 2));
/// # Ok::<(), ClientError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct FakeEndpoint {
    server: Arc<Mutex<Server>>,
    faults: Arc<Faults<FakeCall>>,
}

impl FakeEndpoint {
    /// A healthy endpoint.
    #[must_use]
    pub fn new() -> Self {
        Self { server: Arc::new(Mutex::new(Server::new())), faults: Arc::new(Faults::new()) }
    }

    /// Strikes the next call of this kind that no earlier `once` strikes: two of them strike two calls, one after the other.
    pub fn once(&self, call: FakeCall, fault: FakeFault) {
        self.faults.once(call, fault);
    }

    /// Strikes every call of this kind, until the endpoint heals.
    pub fn always(&self, call: FakeCall, fault: FakeFault) {
        self.faults.always(call, fault);
    }

    /// Ends all faults. Calls that hang go on.
    pub fn heal(&self) {
        self.faults.heal();
    }

    /// How many calls of this kind there were, those that a fault struck included.
    #[must_use]
    pub fn calls(&self, call: FakeCall) -> u64 {
        self.faults.calls(call)
    }

    /// Access tokens issued from now on live for this long. `None`: for ever, and the answer has no lifetime.
    pub fn set_access_lifetime(&self, lifetime: impl Into<Option<Duration>>) {
        self.server().access_lifetime = lifetime.into();
    }

    /// Refresh tokens issued from now on live for this long. `None`: for ever, and the answer has no lifetime.
    pub fn set_refresh_lifetime(&self, lifetime: impl Into<Option<Duration>>) {
        self.server().refresh_lifetime = lifetime.into();
    }

    /// From now on a refresh answers a new access token alone, and the refresh token stays valid.
    pub fn keep_refresh_tokens(&self) {
        self.server().answer = RefreshAnswer::AccessOnly;
    }

    /// From now on a refresh answers the same access token again, with a new lifetime.
    pub fn repeat_access_tokens(&self) {
        self.server().answer = RefreshAnswer::SameAccess;
    }

    /// From now on every login is refused.
    pub fn refuse_credentials(&self) {
        self.server().accepts_credentials = false;
    }

    /// From now on logins are accepted again.
    pub fn accept_credentials(&self) {
        self.server().accepts_credentials = true;
    }

    /// Ends all access tokens that were issued.
    pub fn revoke_access_tokens(&self) {
        self.server().revoke_access_tokens();
    }

    /// Ends all refresh tokens that were issued.
    pub fn revoke_refresh_tokens(&self) {
        self.server().revoke_refresh_tokens();
    }

    /// Whether an API of this server accepts the token: it was issued, and is neither expired nor revoked.
    #[must_use]
    pub fn accepts(&self, token: &AccessToken) -> bool {
        self.server().accepts(token.expose_secret())
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeEndpoint {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl TokenEndpoint for FakeEndpoint {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        self.faults.strike(FakeCall::LogIn, async || self.server().log_in()).await
    }

    async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        self.faults.strike(FakeCall::Refresh, async || self.server().refresh(stored)).await
    }

    async fn log_out(&self, stored: &StoredTokens) -> Result<(), ClientError> {
        let work = async || {
            self.server().log_out(stored);
            Ok(())
        };
        self.faults.strike(FakeCall::LogOut, work).await
    }
}
