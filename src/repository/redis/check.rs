//! Whether the server throws away what it should keep.

use std::fmt;

use redis::cmd;

use crate::error::{Error, ErrorKind};
use crate::repository::redis::RedisRepository;

const FIELD: &str = "maxmemory_policy:";

/// The report that the server evicts keys when its memory is full. `Display` says which policy it follows, and what that
/// costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvictingPolicy(String);

impl EvictingPolicy {
    /// The server's `maxmemory-policy`, such as `volatile-lru`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether keys without an expiry are evicted too, so that users and levels can be lost and not only logins.
    #[must_use]
    pub fn takes_users(&self) -> bool {
        self.0.starts_with("allkeys-")
    }
}

impl fmt::Display for EvictingPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = if self.takes_users() { "users, levels and logins are lost" } else { "logins are lost" };
        write!(f, "maxmemory-policy is {}: {lost} when the memory is full; set it to noeviction", self.0)
    }
}

impl RedisRepository {
    /// Reads whether the server evicts keys when its memory is full. Changes nothing. [`connect`](Self::connect) calls
    /// it and logs a warning.
    ///
    /// No policy makes a token valid that was ended: see [the type](RedisRepository#eviction).
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when Redis does not answer, or neither `INFO` nor `CONFIG GET` says it.
    pub async fn check(&self) -> Result<Option<EvictingPolicy>, Error> {
        // Managed servers often forbid CONFIG.
        let info: Result<String, Error> = self.connection().ask(cmd("INFO").arg("memory")).await;
        let policy = match &info {
            Ok(text) => text.lines().find_map(|line| line.trim().strip_prefix(FIELD)).map(str::to_owned),
            Err(_) => None,
        };
        let policy = match policy {
            Some(policy) => policy,
            None => {
                let setting: Vec<String> =
                    self.connection().ask(cmd("CONFIG").arg("GET").arg("maxmemory-policy")).await?;
                setting.into_iter().nth(1).ok_or_else(|| {
                    Error::with_source(ErrorKind::Unavailable, "the server does not say its maxmemory-policy")
                })?
            }
        };
        Ok((policy != "noeviction").then_some(EvictingPolicy(policy)))
    }
}
