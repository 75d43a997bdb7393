//! Sessions that the PHP extension php-redis keeps in Redis: read in one command, changed by one script.

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, LazyLock};

use redis::{RedisError, Script, cmd};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::redis::Connection;
use crate::source::php_session::attempt::{Attempt, invalid};
use crate::source::php_session::content::Content;

/// What the keys of sessions begin with.
///
/// # Source
/// `redis_session.c` of php-redis.
const DEFAULT_PREFIX: &str = "PHPREDIS_SESSION:";

/// Writes ARGV[2] in place of ARGV[1], unless PHP holds its lock or has written something else. The session ends when it
/// would have ended.
///
/// This is one atomic step, so that it need not take PHP's lock: PHP reads a session after it has taken the lock, and
/// gives the lock back after it has written.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
         return 1",
    )
});

/// The sessions in one Redis database. Clones share one connection.
#[derive(Clone)]
pub(super) struct RedisSessions {
    connection: Arc<Connection>,
    prefix: String,
}

impl RedisSessions {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection: Arc::new(connection), prefix: DEFAULT_PREFIX.to_owned() }
    }

    pub(super) fn set_prefix(&mut self, prefix: &str) {
        prefix.clone_into(&mut self.prefix);
    }

    pub(super) fn key(&self, id: &str) -> String {
        format!("{}{id}", self.prefix)
    }

    /// Reads a key that cannot be a session.
    pub(super) async fn check(&self) -> Result<(), Error> {
        self.content(&self.key("that_is_not_there"), 0).await.map(drop)
    }

    /// The content of a session of at most `max_bytes`; empty if there is none. Takes no lock, and the session ends when
    /// it would have ended: `GETRANGE` changes nothing.
    pub(super) async fn content(&self, key: &str, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
        let read = self.connection.ask::<Vec<u8>>(cmd("GETRANGE").arg(key).arg(0).arg(max_bytes)).await;
        match read.map(Zeroizing::new) {
            // The end of the range is part of it: this is one byte more.
            Ok(bytes) if bytes.len() as u64 > max_bytes => Err(invalid("the PHP session is too large")),
            Err(error) if is_other_than_text(&error) => Err(invalid("the PHP session in Redis is not a text")),
            outcome => outcome,
        }
    }

    /// Takes the token out of a session of at most `max_bytes`. [`Attempt::Busy`] if PHP holds its lock, or has written
    /// since the session was read.
    pub(super) async fn remove(&self, key: &str, max_bytes: u64, token_key: &str) -> Result<Attempt<()>, Error> {
        let before = self.content(key, max_bytes).await?;
        let session = Content::parse(&before, token_key).ok_or_else(|| invalid("the PHP session cannot be decoded"))?;
        let Some(after) = session.without_key() else { return Ok(Attempt::Done(())) };
        let lock = format!("{key}_LOCK");
        let mut script = REPLACE.key(key);
        let script = script.key(lock).arg(before.as_slice()).arg(after.as_slice());
        let is_replaced: bool = self.connection.change(script).await?;
        Ok(if is_replaced { Attempt::Done(()) } else { Attempt::Busy })
    }
}

/// Whether the key holds a list, a hash or the like.
fn is_other_than_text(error: &Error) -> bool {
    let cause = error.source().and_then(|source| source.downcast_ref::<RedisError>());
    cause.and_then(RedisError::code) == Some("WRONGTYPE")
}

/// Without the connection, whose address may contain a password.
impl fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSessions").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
