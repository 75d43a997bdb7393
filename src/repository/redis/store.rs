//! Its connection, and how scripts are run.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Script};

use crate::error::{Error, ErrorKind};
use crate::repository::patience::{PATIENCE, within_patience};
use crate::repository::redis::failure::failure;

/// The hash tag of all keys, unless another prefix is chosen.
const TAG: &str = "{tower_tokens}";

/// How long one attempt to connect may take. Our choice.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// Tokens, users and levels in Redis (6 and later), or what speaks its protocol and runs its scripts. Clones share one
/// connection, which carries any number of calls at once and is made anew when it breaks.
///
/// Every call is one script and one round trip: it happens as a whole or not at all. A call is answered within 5 seconds,
/// if need be with an error.
///
/// # Time
/// Whether a token is valid is decided by the caller's clock alone. Redis is told to forget a token one hour after its
/// end, counted from the call: that only makes room. So tokens go by themselves even where nobody prunes, and Redis'
/// clock may be wrong by any amount, as long as it runs at the usual pace.
///
/// # Durability
/// What Redis answers is in its memory. With `appendonly yes` and `appendfsync always` it is on disk too. With
/// `appendfsync everysec`, the default, a crash of the machine undoes the last second or two: tokens that were handed out
/// are lost, and, which is worse, tokens that were ended come back. The same holds for a replica that takes over, since
/// Redis replicates behind its answers. Set `maxmemory-policy noeviction`: a store that evicts forgets users.
///
/// # Redis Cluster
/// All keys begin with one hash tag, so that every script finds its keys in one slot, which Cluster demands: the store
/// lives on one node and its replicas and does not spread over the cluster. The connection leads to one address and
/// follows no redirections, so that address has to be the node that owns the slot.
///
/// # Security
/// Redis holds digests, never a token. Without one of the `redis` crate's TLS features (`tokio-rustls-comp` and others,
/// named in the application's own `Cargo.toml`) connections are not encrypted, and `rediss://` is refused.
///
/// # Example
/// ```no_run
/// use tower_tokens::repository::{RedisRepository, UserRepository};
///
/// # async fn example() -> Result<(), tower_tokens::error::Error> {
/// let repository = RedisRepository::connect("redis://cache.example:6379/").await?.with_prefix("members");
/// let admin = repository.create_level("admin").await?;
/// assert_eq!(admin.title(), "admin");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisRepository {
    connection: ConnectionManager,
    tag: String,
}

impl RedisRepository {
    /// Connects to the server that this URL names: `redis://user:password@host:port/database`, or `redis+unix:///path`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a URL that is none, and as [`TokenRepository`](super::super::TokenRepository).
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let client = Client::open(url).map_err(|error| Error::with_source(ErrorKind::Configuration, error))?;
        // A call that finds no connection fails soon, and the next one tries again.
        let settings = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(CONNECT_PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection = ConnectionManager::new_with_config(client, settings);
        within_patience(async { connection.await.map_err(failure) }).await.map(Self::with_connection)
    }

    /// Uses a connection of the application's own.
    #[must_use]
    pub fn with_connection(connection: ConnectionManager) -> Self {
        Self { connection, tag: TAG.to_owned() }
    }

    /// What the keys begin with, in braces: the name of the application, where several share one database. It should
    /// hold no braces itself. Default: `tower_tokens`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.tag = format!("{{{prefix}}}");
        self
    }

    /// Runs one script.
    pub(super) async fn run<T: FromRedisValue>(&self, script: &Script, arguments: &[&[u8]]) -> Result<T, Error> {
        let mut call = script.key(&self.tag);
        for argument in arguments {
            call.arg(*argument);
        }
        let mut connection = self.connection.clone();
        within_patience(async { call.invoke_async(&mut connection).await.map_err(failure) }).await
    }
}

impl fmt::Debug for RedisRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRepository").field("tag", &self.tag).finish_non_exhaustive()
    }
}
