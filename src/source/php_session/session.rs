//! The session of one request.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::error::{Error, ErrorKind};
use crate::source::php_session::file::{self, Attempt};
use crate::source::{PhpSessions, TokenSession};
use crate::token::Token;

/// How long to wait before the second look at a file that PHP is busy with, and at most between two later ones.
const FIRST_REST: Duration = Duration::from_millis(1);
const LONGEST_REST: Duration = Duration::from_millis(20);

/// How often one attempt to read looks at a file.
const LOOKS: u32 = 50;

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

    async fn token_in(&self, path: &Path, end: Instant) -> Result<Option<Token>, Error> {
        let attempt = || {
            let (path, sessions) = (path.to_owned(), self.sessions.clone());
            move || {
                let read = || file::read(&path, sessions.settings().max_bytes, |bytes| sessions.token_in(bytes));
                // A write takes microseconds: most are over at the next look.
                for _ in 1..LOOKS {
                    match read()? {
                        Attempt::Busy => std::thread::yield_now(),
                        outcome => return Ok(outcome),
                    }
                }
                read()
            }
        };
        match until(end, attempt).await? {
            Attempt::Done(token) => Ok(token),
            Attempt::Absent => Ok(None),
            Attempt::Busy => Err(Error::with_source(ErrorKind::TimedOut, "the PHP session is being written")),
        }
    }

    /// When this call has to have an answer.
    fn end(&self) -> Instant {
        Instant::now() + self.sessions.settings().lock_timeout
    }
}

/// Makes one attempt after the other while PHP is busy, until `end`. Nothing waits on a thread.
async fn until<T, F>(end: Instant, attempt: impl Fn() -> F + Send) -> Result<Attempt<T>, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<Attempt<T>, Error> + Send + 'static,
{
    let mut rest = FIRST_REST;
    loop {
        match blocking(attempt()).await? {
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
        for path in &self.paths {
            match (self.token_in(path, end).await?, &found) {
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
        let end = self.end();
        let mut is_busy = false;
        for path in &self.paths {
            let attempt = || {
                let (path, max_bytes, key) = (path.clone(), settings.max_bytes, settings.key.clone());
                move || file::remove(&path, max_bytes, &key)
            };
            is_busy |= matches!(until(end, attempt).await?, Attempt::Busy);
        }
        if is_busy { Err(Error::with_source(ErrorKind::TimedOut, "PHP holds the lock of the session")) } else { Ok(()) }
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
