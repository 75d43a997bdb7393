//! What a manager has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a [`TokenManager`](crate::client::TokenManager) has done since it was made.
///
/// Get it with [`TokenManager::statistics`](crate::client::TokenManager::statistics).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManagerStatistics {
    logins: u64,
    refreshes: u64,
    adoptions: u64,
    failures: u64,
}

impl ManagerStatistics {
    /// Logins that gave tokens.
    #[must_use]
    pub fn logins(&self) -> u64 {
        self.logins
    }

    /// Refreshes that gave tokens.
    #[must_use]
    pub fn refreshes(&self) -> u64 {
        self.refreshes
    }

    /// How often tokens of the store were taken into use without a request, because another process or an earlier run had
    /// left good ones there.
    #[must_use]
    pub fn adoptions(&self) -> u64 {
        self.adoptions
    }

    /// Calls of the endpoint, and of the store, that failed or took too long.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) logins: Counter,
    pub(super) refreshes: Counter,
    pub(super) adoptions: Counter,
    pub(super) failures: Counter,
}

impl Counters {
    pub(super) fn read(&self) -> ManagerStatistics {
        ManagerStatistics {
            logins: self.logins.read(),
            refreshes: self.refreshes.read(),
            adoptions: self.adoptions.read(),
            failures: self.failures.read(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
