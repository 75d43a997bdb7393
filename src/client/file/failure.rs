//! Errors of a store in files, and file access off the asynchronous threads.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;

use crate::client::{ClientError, ClientErrorKind};
use crate::error::Error;

/// What could not be done with which file, and why.
#[derive(Debug)]
struct Failure<E> {
    text: String,
    source: E,
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.text, self.source)
    }
}

impl<E: StdError + 'static> StdError for Failure<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

/// The operating system did not do something with `place`.
pub(super) fn failed(what: &'static str, place: impl fmt::Display) -> impl FnOnce(io::Error) -> ClientError {
    move |source| ClientError::new(ClientErrorKind::Store, Failure { text: format!("{what} {place}"), source })
}

/// The store refuses.
pub(super) fn refused(text: String) -> ClientError {
    ClientError::new(ClientErrorKind::Store, text)
}

/// A setting is wrong.
pub(super) fn misconfigured(text: String, source: Option<Error>) -> ClientError {
    match source {
        Some(source) => ClientError::new(ClientErrorKind::Configuration, Failure { text, source }),
        None => ClientError::new(ClientErrorKind::Configuration, text),
    }
}

/// Whether a file or a directory is there, for results of the operating system.
pub(super) trait OrAbsent<T> {
    /// `None` for what is not there.
    fn or_absent(self) -> io::Result<Option<T>>;
}

impl<T> OrAbsent<T> for io::Result<T> {
    fn or_absent(self) -> io::Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Removes a file; one that is not there is no error.
pub(super) fn remove(path: &Path) -> io::Result<bool> {
    std::fs::remove_file(path).or_absent().map(|removed| removed.is_some())
}

/// Does `work` on a thread that may wait. It goes on to its end when the future is dropped.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, ClientError> {
    let runtime = tokio::runtime::Handle::try_current();
    let runtime = runtime.map_err(|error| ClientError::new(ClientErrorKind::Configuration, error))?;
    let done = runtime.spawn_blocking(work).await;
    done.map_err(|error| ClientError::new(ClientErrorKind::Store, error))?
}
