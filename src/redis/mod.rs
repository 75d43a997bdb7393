//! Floor 2, the connection to a Redis server, which the store and PHP's sessions in Redis use.
//!
//! | file | role |
//! |---|---|
//! | `connection` | one connection for all callers, which is replaced when it is suspect |
//! | `messages` | a subscription to channels, on a connection of its own |
//! | `error` | the `redis` crate's errors as this crate's |

mod connection;
mod error;
mod messages;

pub(crate) use connection::Connection;
pub(crate) use messages::Messages;
