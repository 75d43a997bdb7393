//! PHP's sessions as a place where a token may be: the settings, and the [`TokenSource`].

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::error::{Error, ErrorKind};
#[cfg(feature = "redis")]
use crate::redis::Connection;
use crate::request::RequestHead;
use crate::source::cookie::CookieValues;
#[cfg(feature = "redis")]
use crate::source::php_session::in_redis::RedisSessions;
use crate::source::php_session::place::{Directory, Location, Place};
use crate::source::php_session::session::PhpSession;
use crate::source::php_session::settings::Settings;
use crate::source::token_source::Place as SourcePlace;
use crate::source::{TokenSession, TokenSource};
use crate::token::Token;

/// How many sessions one request may name. Our choice: a browser sends two cookies of one name where two paths or
/// domains have one each.
const MAX_SESSIONS: usize = 4;

/// The longest wait that can be set. Our choice: far longer than a request may take.
const MAX_LOCK_TIMEOUT: Duration = Duration::from_secs(3_600);

/// PHP's sessions as a place where a token may be, under the key `trongatetoken`: that is where Trongate puts it unless
/// its caller asks for a cookie. Cheap to clone.
///
/// Reads what PHP's own handler `files` writes ([`new`](Self::new)) and what the handler `redis` of the extension
/// php-redis writes (`in_redis`), with either serialize handler (`php` and `php_serialize`). To read the files, the
/// process needs to run as the user that PHP runs as, or as one with an ACL: PHP makes them for its own user alone.
///
/// # Security
/// - The session id is `[A-Za-z0-9,-]{22,250}` (up to 256 in Redis) after percent-decoding (PHP sends a comma as `%2C`).
///   A cookie with any other text names no session: no path leads out of the directory. That is not an error.
/// - The format is parsed to the last byte, never searched. A session that is broken anywhere holds no token; PHP throws
///   such a session away, too. Nesting ends at 4,096, where PHP's does, and the session at [`MAX_SESSION_BYTES`](crate::source::MAX_SESSION_BYTES).
/// - Only regular files are read; no link is followed, and no pipe is waited for.
/// - A session is never changed but by [`remove_token`](crate::source::TokenSession::remove_token), and only after
///   [`with_removal`](Self::with_removal). A read is not a use: the session ends when it would have ended.
///
/// # Files
/// Files are read on threads for blocking calls, under PHP's own lock if it is free. PHP holds it while it works on a
/// request of the same visitor; the file is then read without it, and only what two readings agree on counts. PHP empties
/// a file before it writes: a file that is empty or broken while PHP holds the lock is read again, until it is whole or
/// did not change for a second, for at most [2 seconds](Self::with_lock_timeout) in all. No thread waits meanwhile. A disk that
/// keeps PHP from writing for longer, between emptying and writing, makes it [`TimedOut`](ErrorKind::TimedOut): half a
/// session is never taken for a whole one.
///
/// PHP's garbage collection removes a session file when it has not been used for `session.gc_maxlifetime` (1,440 s), at
/// some later time; until then PHP itself still takes it, and so does this. The store says whether the token in it is
/// valid. A visitor who stays on the Rust side for longer loses the session, and with it the token. Raise
/// `session.gc_maxlifetime`, or hand long logins out as a cookie.
///
/// # Redis
/// A session is one value, which Redis reads and replaces as a whole: PHP's lock (`redis.session.locking_enabled`) is not
/// needed to read it. Each call is answered within 5 seconds; a Redis that does not answer is
/// [`Unavailable`](ErrorKind::Unavailable) or [`TimedOut`](ErrorKind::TimedOut), and no logout. The connection is replaced
/// as that of `RedisRepository` is. Redis 6 or later; one server, not PHP's lists of servers and not `rediscluster`;
/// without `redis.session.compression`.
///
/// A removal is one script: it changes the session only if PHP holds no lock and has written nothing since it was read.
/// So no write of PHP is ever lost. With PHP's locking off, a page of PHP that had read the session before may write the
/// token back, as it writes back whatever another page of PHP removes; the token has ended all the same.
///
/// # Source
/// PHP's `ext/session/mod_files.c` and `session.c`; `redis_session.c` of php-redis.
///
/// # Example
/// ```
/// use http::Request;
/// use tower_tokens::request::RequestHead;
/// use tower_tokens::source::{PhpSessions, TokenSession, TokenSource};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let directory = tempfile::tempdir()?;
/// let sessions = PhpSessions::new(directory.path());
/// sessions.check().await?;
/// let sources = [TokenSource::cookie("trongatetoken"), sessions.source(), TokenSource::bearer()];
/// # let _ = sources;
///
/// // What PHP has written:
/// let file = directory.path().join("sess_0a1b2c3d4e5f6a7b8c9d0e1f2a");
/// std::fs::write(file, "name|s:3:\"Ann\";trongatetoken|s:32:\"Qd8Uk3zcKbcEKrJjEMbUxUhJzPcRBTrv\";")?;
///
/// let request = Request::get("/").header("Cookie", "PHPSESSID=0a1b2c3d4e5f6a7b8c9d0e1f2a").body(())?;
/// let session = sessions.session(RequestHead::of(&request)).expect("the request names one");
/// assert_eq!(session.token().await?.unwrap().expose_secret(), "Qd8Uk3zcKbcEKrJjEMbUxUhJzPcRBTrv");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct PhpSessions(Arc<Settings>);

impl PhpSessions {
    /// The sessions in `directory`, which is PHP's `session.save_path` (on Debian `/var/lib/php/sessions`), that the
    /// cookie `PHPSESSID` names.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self::at(Place::Files(Directory::new(directory.into())))
    }

    /// The sessions in the Redis database that this URL names: `redis://user:password@host:port/database`, or
    /// `redis+unix:///path?db=database`. It connects at the first call; [`check`](Self::check) is one.
    ///
    /// PHP's `session.save_path = "tcp://10.0.0.5:6379?database=2&prefix=site:&auth=secret"` is
    /// `PhpSessions::in_redis("redis://:secret@10.0.0.5:6379/2")?.with_redis_prefix("site:")`.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) for a URL that cannot be parsed.
    #[cfg(feature = "redis")]
    pub fn in_redis(url: &str) -> Result<Self, Error> {
        Ok(Self::at(Place::Redis(RedisSessions::new(Connection::to_url(url)?))))
    }

    /// The sessions in Redis, by a client of the application's own, with its TLS certificates and TCP settings. Give its
    /// TCP settings a keep-alive and, on Linux, a user time-out.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn with_redis_client(client: redis::Client) -> Self {
        Self::at(Place::Redis(RedisSessions::new(Connection::new(client))))
    }

    fn at(place: Place) -> Self {
        Self(Arc::new(Settings::new(place)))
    }

    /// How many levels of directories are between the directory and the files, each named by one character of the id:
    /// the number before the `;` in PHP's `session.save_path`, 0 to 21. Default: 0. Sessions in Redis have none.
    #[must_use]
    pub fn with_depth(self, depth: u8) -> Self {
        self.with(|settings| match &mut settings.place {
            Place::Files(directory) => directory.set_depth(depth),
            #[cfg(feature = "redis")]
            Place::Redis(_) => {}
        })
    }

    /// What the keys in Redis begin with: `prefix` in PHP's `session.save_path`. Default: `PHPREDIS_SESSION:`. Sessions in
    /// files have none.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn with_redis_prefix(self, prefix: &str) -> Self {
        self.with(|settings| {
            if let Place::Redis(sessions) = &mut settings.place {
                sessions.set_prefix(prefix);
            }
        })
    }

    /// The cookie that names the session: PHP's `session.name`. Default: `PHPSESSID`.
    #[must_use]
    pub fn with_cookie_name(self, name: &str) -> Self {
        self.with(|settings| settings.cookie = name.to_owned())
    }

    /// The key of the token in the session. Default: `trongatetoken`.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        self.with(|settings| settings.key = key.to_owned())
    }

    /// The longest wait for PHP: for a session that PHP is writing to become whole, and for PHP to release a session whose
    /// token is to be removed. Then it is [`TimedOut`](ErrorKind::TimedOut). The wait is one for all sessions of one
    /// authentication, of one logout, or of one call of a [`PhpSession`]; each session is tried at least once. A session
    /// that is only locked is read without a wait. Default: 2 seconds; our choice, within the 5 seconds of
    /// `TokenAuthLayer`. At most one hour.
    #[must_use]
    pub fn with_lock_timeout(self, lock_timeout: Duration) -> Self {
        self.with(|settings| settings.lock_timeout = lock_timeout.min(MAX_LOCK_TIMEOUT))
    }

    /// Allows [`remove_token`](crate::source::TokenSession::remove_token) to take the token out of the session at logout.
    /// Default: not allowed, and not needed: a token that has ended in the store logs no one in, wherever it is.
    #[must_use]
    pub fn with_removal(self) -> Self {
        self.with(|settings| settings.may_remove = true)
    }

    /// Checks, at start-up, that sessions can be read. In files: whether the directory is there, and whether a session in it can be read.
    /// In Redis: whether it answers and allows to read.
    ///
    /// PHP writes each file for its own user alone (mode 0600), so this process has to run as that user. A directory that
    /// may be entered and not listed, as Debian's is, shows none of its files: then only the entering is tried.
    ///
    /// # Errors
    /// - [`Configuration`](ErrorKind::Configuration) when the directory is not there, is not a directory, or may not be
    ///   entered, and when one of its sessions may not be read.
    /// - [`Unavailable`](ErrorKind::Unavailable) or [`TimedOut`](ErrorKind::TimedOut) when Redis does not answer or refuses.
    ///
    /// # Panics
    /// If it is polled outside of a Tokio runtime with its time driver.
    pub async fn check(&self) -> Result<(), Error> {
        match &self.0.place {
            Place::Files(directory) => {
                let directory = directory.clone();
                let checked = spawn_blocking(move || directory.check()).await;
                checked.unwrap_or_else(|error| Err(Error::with_source(ErrorKind::Unavailable, error)))
            }
            #[cfg(feature = "redis")]
            Place::Redis(sessions) => sessions.check().await,
        }
    }

    /// The place in a request where the token is. It is a session: an ambient credential. A request with several session
    /// cookies names several sessions, which are treated as several cookies of one name are: if they name two users, the
    /// request is ambiguous; a logout ends the tokens of all.
    #[must_use]
    pub fn source(&self) -> TokenSource {
        let sessions = self.clone();
        TokenSource(SourcePlace::Sessions(Arc::new(move |head| {
            let end = Arc::new(OnceLock::new());
            let one = |location| {
                let session =
                    PhpSession::new(Arc::clone(&sessions.0), vec![location]).with_shared_end(Arc::clone(&end));
                Box::new(session) as Box<dyn TokenSession>
            };
            sessions.locations(head).into_iter().map(one).collect()
        })))
    }

    /// The session that a request names, whether it exists or not. `None` if the request names no session.
    #[must_use]
    pub fn session(&self, head: RequestHead<'_>) -> Option<PhpSession> {
        let locations = self.locations(head);
        (!locations.is_empty()).then(|| PhpSession::new(Arc::clone(&self.0), locations))
    }

    /// Where the sessions are that a request names, each once.
    fn locations(&self, head: RequestHead<'_>) -> Vec<Location> {
        let mut locations: Vec<Location> = Vec::new();
        let named = CookieValues::new(head.headers, &self.0.cookie);
        for location in named.filter_map(|value| self.0.place.location(value)) {
            if locations.contains(&location) {
                continue;
            }
            if locations.len() == MAX_SESSIONS {
                break;
            }
            locations.push(location);
        }
        locations
    }

    /// The token in the content of a session, for sessions that PHP keeps somewhere else, such as in Memcached: bring them
    /// as a [`TokenSession`](crate::source::TokenSession) of your own. The content says which handler wrote it.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a session that cannot be decoded to its last byte, and for a value
    /// that cannot be a token.
    pub fn token_in(&self, content: &[u8]) -> Result<Option<Token>, Error> {
        self.0.token_in(content)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}
