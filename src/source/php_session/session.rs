//! The session of one request.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::error::{Error, ErrorKind};
use crate::source::php_session::file::{self, Attempt, Locking};
use crate::source::{PhpSessions, TokenSession};
use crate::token::Token;

/// How long to wait before the first second look at a lock, and at most.
const FIRST_REST: Duration = Duration::from_millis(2);
const LONGEST_REST: Duration = Duration::from_millis(50);

/// The PHP session that a request names. Made by [`PhpSessions::session`].
///
/// A browser that sends several session cookies names several sessions; all are looked into, and if they hold different
/// tokens, the request has none.
#[derive(Clone)]
pub struct PhpSession {
    sessions: PhpSessions,
    /// Where the sessions are; at least one.
    paths: Vec<PathBuf>,
}

impl PhpSession {
    pub(super) const fn new(sessions: PhpSessions, paths: Vec<PathBuf>) -> Self {
        Self { sessions, paths }
    }

    async fn token_in(&self, path: &Path) -> Result<Option<Token>, Error> {
        let max_bytes = self.sessions.settings().max_bytes;
        let read = |locking| {
            let path = path.to_owned();
            move || file::read(&path, max_bytes, locking)
        };
        let (bytes, was_locked) = match self.within_patience(|| read(Locking::Shared)).await? {
            Attempt::Done(bytes) => (bytes, true),
            Attempt::Absent => return Ok(None),
            // PHP is busy with a long request of this visitor. The store, and not this file, says what is valid.
            Attempt::Busy => match blocking(read(Locking::None)).await? {
                Attempt::Done(bytes) => (bytes, false),
                Attempt::Absent | Attempt::Busy => return Ok(None),
            },
        };
        match self.sessions.token_in(&bytes) {
            Err(_) if !was_locked => Err(Error::with_source(ErrorKind::TimedOut, "the PHP session is being written")),
            found => found,
        }
    }

    /// Makes one attempt after the other while PHP holds the lock, until patience ends. Nothing waits on a thread.
    async fn within_patience<T, F>(&self, attempt: impl Fn() -> F + Send) -> Result<Attempt<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<Attempt<T>, Error> + Send + 'static,
    {
        let end = Instant::now() + self.sessions.settings().patience;
        let mut rest = FIRST_REST;
        loop {
            match blocking(attempt()).await? {
                Attempt::Busy if Instant::now() < end => sleep(rest).await,
                outcome => return Ok(outcome),
            }
            rest = LONGEST_REST.min(rest * 2);
        }
    }
}

#[async_trait]
impl TokenSession for PhpSession {
    async fn token(&self) -> Result<Option<Token>, Error> {
        let mut found: Option<Token> = None;
        for path in &self.paths {
            match (self.token_in(path).await?, &found) {
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

    /// Takes the token out of the session, under PHP's lock, and leaves every other byte as it is. Only with
    /// [`PhpSessions::with_removal`]; else an error.
    async fn remove_token(&self) -> Result<(), Error> {
        let settings = self.sessions.settings();
        if !settings.may_remove {
            let why = "the token may not be taken out of the PHP session without PhpSessions::with_removal";
            return Err(Error::with_source(ErrorKind::Configuration, why));
        }
        for path in &self.paths {
            let attempt = || {
                let (path, max_bytes, key) = (path.clone(), settings.max_bytes, settings.key.clone());
                move || file::remove(&path, max_bytes, &key)
            };
            if let Attempt::Busy = self.within_patience(attempt).await? {
                return Err(Error::with_source(ErrorKind::TimedOut, "PHP holds the lock of the session"));
            }
        }
        Ok(())
    }
}

/// The id of a session is as good as a password, so not even `Debug` writes it.
impl fmt::Debug for PhpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhpSession").field("sessions", &self.paths.len()).finish_non_exhaustive()
    }
}

/// Runs what blocks on a thread for such.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Error::with_source(ErrorKind::Unavailable, error)),
    }
}
