//! The life of the tokens of a manager.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tower_tokens::client::{
    AccessToken, ClientError, ClientErrorKind, FakeFault, FakeStoreCall, FakeTokenStore, IssuedTokens, StoredTokens,
    TokenEndpoint, TokenManager, TokenStore,
};

use super::*;

/// Issues tokens that the journal looks for, and fails at every third call.
#[derive(Debug)]
struct Partner {
    calls: AtomicU64,
    journal: Silent,
}

struct Silent(Journal);

impl Debug for Silent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Silent")
    }
}

impl Partner {
    fn issue(&self) -> Result<IssuedTokens, ClientError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match call % 3 {
            1 => Err(ClientError::new(ClientErrorKind::Unavailable, "503")),
            2 => Err(ClientError::new(ClientErrorKind::Refused, "invalid_grant")),
            _ => {
                let access = self.journal.0.keep(format!("vN8kQ2xT7wLmAccess{call}"));
                let refresh = self.journal.0.keep(format!("hR4pZ9bY6cJsRefresh{call}"));
                let issued = IssuedTokens::new(access).expires_in(Duration::from_secs(60)).refresh_token(refresh);
                self.journal.0.write(&issued);
                Ok(issued)
            }
        }
    }
}

#[async_trait]
impl TokenEndpoint for Partner {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        self.issue()
    }

    async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        self.journal.0.write(stored);
        self.issue()
    }

    async fn log_out(&self, _stored: &StoredTokens) -> Result<(), ClientError> {
        Err(ClientError::new(ClientErrorKind::Unavailable, "503"))
    }
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_manager_shows_no_secret() {
    let journal = Journal::open();
    let store = FakeTokenStore::new();
    let partner = Partner { calls: AtomicU64::new(0), journal: Silent(journal.clone()) };
    let manager = TokenManager::new(partner, store.clone());
    let full = ClientError::new(ClientErrorKind::Store, "no space left on device");
    for round in 0..30 {
        if round % 4 == 1 {
            let call = if round % 8 == 1 { FakeStoreCall::Save } else { FakeStoreCall::Load };
            store.once(call, FakeFault::Error(full.clone()));
        }
        match manager.access_token().await {
            Ok(token) => {
                journal.write(&(&token, token.header_value()));
                match manager.access_token_after_rejection(&token).await {
                    Ok(next) => journal.write(&next),
                    Err(error) => journal.write_error(&error),
                }
            }
            Err(error) => journal.write_error(&error),
        }
        journal.write(&(&manager, manager.statistics(), store.inner().load().await));
        tokio::time::advance(Duration::from_secs(61)).await;
    }
    journal.write_error(&manager.log_out().await.unwrap_err());
    journal.write_error(&AccessToken::new(journal.keep("mW3xF8kT5qPz with a space")).unwrap_err());
    let statistics = manager.statistics();
    assert!(statistics.refreshes() > 1 && statistics.failures() > 5, "{statistics:?}");
    assert!(journal.says("tokens of a client"), "nothing was logged");
    journal.assert_silent();
}
