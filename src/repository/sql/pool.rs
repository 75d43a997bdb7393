//! How the connections of a database server are pooled.

use std::time::Duration;

use sqlx::Database;
use sqlx::pool::PoolOptions;

/// How long a caller waits for a free connection, or for a new one. Our choice: shorter than people wait for a page.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Our choice, sqlx's default too: validations take well under a millisecond, so ten connections carry thousands a second.
const CONNECTIONS: u32 = 10;

/// Connections are never asked whether they work before they are used, which would double the cost of every validation:
/// one that does not work says so when it is used, and the pool opens another.
pub(in crate::repository) fn bounded<DB: Database>() -> PoolOptions<DB> {
    PoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT).test_before_acquire(false)
}
