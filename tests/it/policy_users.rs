//! Users for rules to decide about.

use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
use tower_tokens::user::{CurrentUser, UserLevel};

/// The present of all these users.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// A user who has just logged in.
pub(crate) fn user(id: i64, level: &str) -> CurrentUser {
    logged_in(id, level, Duration::ZERO)
}

/// A user who logged in so long ago.
pub(crate) fn logged_in(id: i64, level: &str, ago: Duration) -> CurrentUser {
    let then = NOW - ago;
    let record = TokenRecord::new(TokenId::new(7), then, Lifetime::days(30));
    CurrentUser::new(id, UserLevel::new(2, level), record, NOW)
}
