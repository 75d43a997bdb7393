//! The session of one request.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::error::{Error, ErrorKind};
use crate::source::TokenSession;
use crate::source::php_session::attempt::Attempt;
use crate::source::php_session::file;
#[cfg(feature = "redis")]
use crate::source::php_session::in_redis::RedisSessions;
use crate::source::php_session::place::Location;
#[cfg(feature = "redis")]
use crate::source::php_session::place::Place;
use crate::source::php_session::settings::Settings;
use crate::token::Token;

/// How long to wait before the second attempt on a session that PHP is busy with, and at most between two later ones.
const FIRST_REST: Duration = Duration::from_millis(1);
const LONGEST_REST: Duration = Duration::from_millis(5);

/// How often one attempt to read a file looks at it.
const LOOKS: u32 = 50;

/// The PHP session that a request names. Made by [`PhpSessions::session`](crate::source::PhpSessions::session).
///
/// A browser that sends several session cookies names several sessions; all are read, and if they hold different tokens,
/// the request has no token.
#[derive(Clone)]
pub struct PhpSession {
    settings: Arc<Settings>,
    /// Where the sessions are; at least one.
    locations: Vec<Location>,
    /// When the wait ends that all sessions of a request share. The first of them to be read sets it.
    shared_end: Option<Arc<OnceLock<Instant>>>,
}

impl PhpSession {
    pub(super) const fn new(settings: Arc<Settings>, locations: Vec<Location>) -> Self {
        Self { settings, locations, shared_end: None }
    }

    pub(super) fn with_shared_end(mut self, end: Arc<OnceLock<Instant>>) -> Self {
        self.shared_end = Some(end);
        self
    }

    /// When the wait for PHP is over.
    fn end(&self) -> Instant {
        let end = || Instant::now() + self.settings.lock_timeout;
        self.shared_end.as_ref().map_or_else(end, |shared| *shared.get_or_init(end))
    }

    async fn token_at(&self, location: &Location, end: Instant) -> Result<Option<Token>, Error> {
        match location {
            Location::File(path) => self.token_in_file(path, end).await,
            #[cfg(feature = "redis")]
            Location::Key(key) => {
                let Some(sessions) = self.redis() else { return Ok(None) };
                self.settings.token_in(&sessions.content(key, self.settings.max_bytes).await?)
            }
        }
    }

    async fn token_in_file(&self, path: &Path, end: Instant) -> Result<Option<Token>, Error> {
        let attempt = || {
            let (path, settings) = (path.to_owned(), Arc::clone(&self.settings));
            blocking(move || {
                let read = || file::read(&path, settings.max_bytes, |bytes| settings.token_in(bytes));
                // A write takes microseconds: most are over at the next look.
                for _ in 1..LOOKS {
                    match read()? {
                        Attempt::Busy => std::thread::yield_now(),
                        outcome => return Ok(outcome),
                    }
                }
                read()
            })
        };
        match until(end, attempt).await? {
            Attempt::Done(token) => Ok(token),
            Attempt::Absent => Ok(None),
            Attempt::Busy => Err(Error::with_source(ErrorKind::TimedOut, "the PHP session is being written")),
        }
    }

    async fn remove_at(&self, location: &Location, end: Instant) -> Result<Attempt<()>, Error> {
        let Settings { max_bytes, key: token_key, .. } = &*self.settings;
        match location {
            Location::File(path) => {
                let attempt = || {
                    let (path, max_bytes, token_key) = (path.clone(), *max_bytes, token_key.clone());
                    blocking(move || file::remove(&path, max_bytes, &token_key))
                };
                until(end, attempt).await
            }
            #[cfg(feature = "redis")]
            Location::Key(key) => match self.redis() {
                Some(sessions) => until(end, || sessions.remove(key, *max_bytes, token_key)).await,
                None => Ok(Attempt::Absent),
            },
        }
    }

    #[cfg(feature = "redis")]
    fn redis(&self) -> Option<&RedisSessions> {
        match &self.settings.place {
            Place::Redis(sessions) => Some(sessions),
            Place::Files(_) => None,
        }
    }
}

/// Makes one attempt after the other while PHP is busy, until `end`; one at least. No thread waits.
async fn until<T, A>(end: Instant, attempt: impl Fn() -> A + Send) -> Result<Attempt<T>, Error>
where
    T: Send,
    A: Future<Output = Result<Attempt<T>, Error>> + Send,
{
    let mut rest = FIRST_REST;
    loop {
        match attempt().await? {
            Attempt::Busy if Instant::now() < end => sleep(rest).await,
            outcome => return Ok(outcome),
        }
        rest = LONGEST_REST.min(rest * 2);
    }
}

#[async_trait]
impl TokenSession for PhpSession {
    async fn token(&self) -> Result<Option<Token>, Error> {
        let end = self.end();
        let mut found: Option<Token> = None;
        for location in &self.locations {
            match (self.token_at(location, end).await?, &found) {
                (Some(token), Some(other)) if token != *other => {
                    let why = "the request names two PHP sessions with different tokens";
                    return Err(Error::with_source(ErrorKind::InvalidInput, why));
                }
                (Some(token), _) => found = Some(token),
                (None, _) => {}
            }
        }
        Ok(found)
    }

    /// Always an error: PHP's sessions are PHP's to write, and only PHP can give one a new id. Hand the token out in a
    /// cookie.
    async fn put_token(&self, _token: &Token) -> Result<(), Error> {
        let why = "a token cannot be put into a PHP session: hand it out in a cookie";
        Err(Error::with_source(ErrorKind::Configuration, why))
    }

    /// Takes the token out of the session, never while PHP holds its lock, and leaves every other byte as it is. Only with
    /// [`with_removal`](crate::source::PhpSessions::with_removal); else an error.
    async fn remove_token(&self) -> Result<(), Error> {
        if !self.settings.may_remove {
            let why = "the token may not be taken out of the PHP session without PhpSessions::with_removal";
            return Err(Error::with_source(ErrorKind::Configuration, why));
        }
        let end = self.end();
        let mut is_busy = false;
        for location in &self.locations {
            is_busy |= matches!(self.remove_at(location, end).await?, Attempt::Busy);
        }
        if is_busy { Err(Error::with_source(ErrorKind::TimedOut, "PHP holds the lock of the session")) } else { Ok(()) }
    }
}

/// Without the ids: whoever knows one has the session.
impl fmt::Debug for PhpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhpSession").field("sessions", &self.locations.len()).finish_non_exhaustive()
    }
}

/// Runs this on a thread for blocking calls.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Error::with_source(ErrorKind::Unavailable, error)),
    }
}
