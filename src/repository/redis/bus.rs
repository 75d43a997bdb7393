//! [`RedisBus`]: a channel beside another store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use redis::Client;

use crate::error::Error;
use crate::redis::Connection;
use crate::repository::redis::changes::{Channel, Content};
use crate::repository::{ChangeBus, ChangeSubscription, Subject};

/// The channel of the unnamed application.
const CHANNEL: &str = "tower_tokens_bus";

/// A bus in Redis (6 and later) beside a store that is somewhere else, for [`Cache::with_bus`](super::super::Cache::with_bus).
/// [`RedisRepository`](super::RedisRepository) has a bus of its own and needs none.
///
/// What is announced is published on a [channel](Self::with_channel) as [`Subject::to_text`]. Nothing is stored. Clones share
/// one connection; a subscription has another one. All nodes have to use one server, a master: one that has become a replica
/// is an error, for what is published there does not reach the others.
///
/// # Rights
/// A user of Redis with restricted rights needs the channel, and as a key its name, which is never set:
/// `&tower_tokens_bus* ~tower_tokens_bus +publish +persist +subscribe +@scripting`, and what
/// [the store](super::RedisRepository#rights) needs to connect.
///
/// # Example
/// ```no_run
/// use tower_tokens::repository::{ChangeBus, RedisBus, Subject};
///
/// # async fn example() -> Result<(), tower_tokens::error::Error> {
/// let bus = RedisBus::connect("redis://bus.example:6379/").await?.with_channel("members");
/// bus.announce(&Subject::User("42".to_owned())).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisBus {
    connection: Arc<Connection>,
    channel: Channel,
}

impl RedisBus {
    /// Connects to the server that this URL names, as [`RedisRepository::connect`](super::RedisRepository::connect).
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) for a URL that cannot be parsed, else as at
    /// [`ChangeBus`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let bus = Self::with_connection(Connection::to_url(url)?);
        bus.connection.open().await?;
        Ok(bus)
    }

    /// Uses a client of the application's own, as [`RedisRepository::with_client`](super::RedisRepository::with_client).
    #[must_use]
    pub fn with_client(client: Client) -> Self {
        Self::with_connection(Connection::new(client))
    }

    fn with_connection(connection: Connection) -> Self {
        let connection = Arc::new(connection);
        Self { channel: channel(&connection, CHANNEL), connection }
    }

    /// The name of the channel: another one for each application that shares the server, whatever its database. Default:
    /// `tower_tokens_bus`.
    #[must_use]
    pub fn with_channel(mut self, name: &str) -> Self {
        self.channel = channel(&self.connection, name);
        self
    }
}

fn channel(connection: &Arc<Connection>, name: &str) -> Channel {
    Channel::new(Arc::clone(connection), name.to_owned(), name.to_owned(), Content::Plans)
}

#[async_trait]
impl ChangeBus for RedisBus {
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> {
        self.channel.subscribe().await
    }

    async fn announce(&self, subject: &Subject) -> Result<(), Error> {
        self.channel.announce(subject).await
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus").field("channel", &self.channel.name()).finish_non_exhaustive()
    }
}
