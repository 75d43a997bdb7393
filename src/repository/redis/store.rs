//! Its connection, and how scripts are run.

use std::fmt;
use std::sync::Arc;

use redis::{Client, FromRedisValue, Script, ScriptInvocation};

use crate::error::Error;
use crate::log::log_warn;
use crate::redis::Connection;
use crate::repository::redis::changes::{Channel, Content};

/// What the keys of the unnamed application begin with.
const PREFIX: &str = "tower_tokens";

/// The version of the keys' layout, which is part of every name: a later one does not read these keys by mistake.
const LAYOUT: &str = "v1";

/// Tokens, users and levels in Redis (6 and later), or what speaks its protocol and runs its scripts. Clones share one
/// connection, which carries any number of calls at once.
///
/// Every change is one script: it happens as a whole or not at all. Every call is one round trip, but for `replace`, which
/// looks first. (Ending all tokens of a user is one step too; what they leave behind is removed in further steps.) A call
/// is answered within 5 seconds, if need be with an error. No script holds Redis up for more than a few milliseconds,
/// whatever number of tokens a user has.
///
/// # Connection
/// A connection that breaks, that gives no answer, or that leads to a server which has become a replica, is replaced at
/// the next call. A look-up that failed on it, or waited for one second, is sent once more on the new one. A change is
/// sent once more only where it certainly was not made; before a change, a connection that was silent for a second is
/// asked whether it works. An address that leads to a replica is refused.
///
/// # Time
/// Whether a token is valid is decided by the caller's clock alone. Redis is asked to forget a token 48 hours after its
/// end, counted from the call: that only makes room, with the margin that pruning keeps. So tokens go by themselves even
/// where nothing prunes, and Redis' clock may be wrong by any amount, as long as it runs at the usual pace.
///
/// # Eviction
/// Set `maxmemory-policy noeviction`: a full Redis then refuses new tokens and users, still ends and disables, and
/// loses nothing.
/// [`connect`](Self::connect) logs a warning at any other policy, and [`check`](Self::check) gives it.
///
/// A token is valid only while all of its keys, its place in the list of its user's tokens and its user are there. So no
/// policy makes a token valid that was ended, or gives it to another user. The `volatile-` policies evict what carries an
/// expiry, which is tokens alone: a visitor has to log in again. The `allkeys-` policies evict users, levels and lists
/// too: all logins of a user end, users have to be created again, and are not enabled or at their old level before.
///
/// # Numbers
/// The numbers of users and levels begin at a random number between 2^40 and 2^52, and are not given again. A Redis that
/// lost its data begins at another random number: a sealed login, or a table of the application, may remember the old
/// ones.
///
/// # Durability
/// What Redis answers is in its memory. With `appendonly yes` and `appendfsync always` it is on disk too. With
/// `appendfsync everysec`, the default, a crash of the machine undoes the last second or two: tokens that were handed out
/// are lost, and, which is worse, tokens that were ended come back. The same holds for a replica that takes over, since
/// Redis replicates behind its answers.
///
/// # Redis Cluster
/// All keys begin with one hash tag, so that every script finds its keys in one slot, which Cluster demands: the store
/// lives on one node and its replicas and does not spread over the cluster. A script declares the common beginning of its
/// keys, by which Cluster finds the slot; which user a token belongs to is known to Redis alone. The connection leads to
/// one address and follows no redirections, so that address has to be the node that owns the slot.
///
/// # Changes
/// The [bus](super::super::TokenRepository::change_bus) is pub/sub. Each script that ends or changes something publishes whom it
/// is about on the channel `{tower_tokens}:v1:changes`, before its first change and in the same step. Logins, touches and
/// rotations are not announced. Whoever changes keys by hand has to announce it: `PUBLISH {tower_tokens}:v1:changes *` empties
/// all caches. A subscription has a connection of its own. It fails when that one breaks, when Redis ends it because
/// messages pile up (`client-output-buffer-limit pubsub`), and at a heartbeat when it is not on the server that takes the
/// changes. Pub/sub knows no databases: give each application a [prefix](Self::with_prefix) of its own.
///
/// Redis' own tracking (`CLIENT TRACKING ON BCAST`) is not used. For a login, a touch and a logout it sends three messages about
/// eleven keys, where this store publishes one, and no key of a token says whose it is. What tracking has beside
/// that changes no answer: a cached token ends at its end by itself, and one that Redis evicted was not ended by anybody. It may
/// be used until the cache's maximal age.
///
/// # Rights
/// A user of Redis with restricted rights (ACL) needs the keys and the channels: `~{tower_tokens}:* &{tower_tokens}:*`, with
/// `+@all -@admin -@dangerous` for the commands. Without the channel a change is refused
/// ([`Unavailable`](crate::error::ErrorKind::Unavailable), `NOPERM`) and nothing of it is made, because the other nodes would not
/// learn of it; look-ups and logins go on.
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
    connection: Arc<Connection>,
    tag: String,
}

impl RedisRepository {
    /// Connects to the server that this URL names: `redis://user:password@host:port/database`, or `redis+unix:///path`.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) for a URL that cannot be parsed, and as
    /// [`TokenRepository`](super::super::TokenRepository).
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let repository = Self::with_connection(Connection::to_url(url)?);
        repository.connection.open().await?;
        match repository.check().await {
            Ok(Some(_policy)) => {
                log_warn!("Redis evicts keys: {_policy}");
            }
            Ok(None) => {}
            Err(_error) => {
                log_warn!(error = ?_error, "whether Redis evicts keys is unknown");
            }
        }
        Ok(repository)
    }

    /// Uses a client of the application's own, with its TLS certificates and TCP settings. It connects at the first call.
    /// Give its TCP settings a keep-alive and, on Linux, a user time-out.
    #[must_use]
    pub fn with_client(client: Client) -> Self {
        Self::with_connection(Connection::new(client))
    }

    fn with_connection(connection: Connection) -> Self {
        Self { connection: Arc::new(connection), tag: String::new() }.with_prefix(PREFIX)
    }

    /// What the keys begin with, in braces: the name of the application, where several share one database. It should
    /// hold no braces itself. Default: `tower_tokens`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.tag = format!("{{{prefix}}}:{LAYOUT}");
        self
    }

    /// Where its changes are announced, by the scripts that make them.
    pub(super) fn changes(&self) -> Channel {
        let (connection, name) = (Arc::clone(&self.connection), format!("{}:changes", self.tag));
        Channel::new(connection, self.tag.clone(), name, Content::Changes)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs a script that changes nothing.
    pub(super) async fn look_up<T: FromRedisValue>(&self, script: &Script, arguments: &[&[u8]]) -> Result<T, Error> {
        self.connection.look_up(&self.invocation(script, arguments)).await
    }

    /// Runs a script that changes something.
    pub(super) async fn change<T: FromRedisValue>(&self, script: &Script, arguments: &[&[u8]]) -> Result<T, Error> {
        self.connection.change(&self.invocation(script, arguments)).await
    }

    fn invocation<'a>(&self, script: &'a Script, arguments: &[&[u8]]) -> ScriptInvocation<'a> {
        let mut invocation = script.key(&self.tag);
        for argument in arguments {
            invocation.arg(*argument);
        }
        invocation
    }
}

impl fmt::Debug for RedisRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRepository").field("tag", &self.tag).finish_non_exhaustive()
    }
}
