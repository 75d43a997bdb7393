//! One session in a file: only a regular file, under PHP's own lock, within bounds. Everything here blocks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error as IoError, ErrorKind as IoErrorKind, Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::source::php_session::attempt::{Attempt, invalid};
use crate::source::php_session::content::Content;

/// After this time without a change, what is in a locked file is what PHP left there: between emptying and writing PHP
/// does nothing else.
const SETTLED: Duration = Duration::from_secs(1);

/// The same for a file that was never written to since it was made: PHP makes it empty, under the lock.
const SETTLED_NEW: Duration = Duration::from_millis(100);

/// Reads a session file of at most `max_bytes` and gives its content to `decode`, without waiting for PHP's lock. What
/// PHP may be writing at this moment is [`Attempt::Busy`]; content in which `decode` finds nothing may be half of it.
///
/// # Source
/// PHP's `ext/session/mod_files.c` locks the whole file with `flock(LOCK_EX)` for as long as the session is open; the
/// standard library's file locks are `flock` on Unix.
pub(super) fn read<T>(
    path: &Path,
    max_bytes: u64,
    decode: impl Fn(&[u8]) -> Result<Option<T>, Error>,
) -> Result<Attempt<Option<T>>, Error> {
    let Some(mut file) = open(path, OpenOptions::new().read(true))? else { return Ok(Attempt::Absent) };
    let is_locked_by_us = has_lock(file.try_lock_shared())?;
    if is_unlinked(&file) {
        return Ok(Attempt::Absent);
    }
    if is_locked_by_us {
        return decode(&content(&mut file, max_bytes)?).map(Attempt::Done);
    }
    let before = Version::of(&file)?;
    let first = content(&mut file, max_bytes)?;
    file.rewind().map_err(unavailable)?;
    // A write that goes on gives two readings that differ, or a file that has changed.
    if first != content(&mut file, max_bytes)? || before != Version::of(&file)? {
        return Ok(Attempt::Busy);
    }
    match decode(&first) {
        // Half a write may end between two entries: then it can be read, and lacks what comes after.
        Ok(decoded) if decoded.is_some() || before.is_settled() => Ok(Attempt::Done(decoded)),
        Err(error) if before.is_settled() => Err(error),
        _ => Ok(Attempt::Busy),
    }
}

/// What tells one content of a file from the next.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    length: u64,
    modified: Option<SystemTime>,
    created: Option<SystemTime>,
}

impl Version {
    fn of(file: &File) -> Result<Self, Error> {
        let metadata = file.metadata().map_err(unavailable)?;
        Ok(Self { length: metadata.len(), modified: metadata.modified().ok(), created: metadata.created().ok() })
    }

    /// Whether PHP is not in the middle of writing it.
    fn is_settled(&self) -> bool {
        let Some(age) = self.modified.and_then(|modified| modified.elapsed().ok()) else { return false };
        let is_new = self.length == 0 && self.created == self.modified;
        age >= if is_new { SETTLED_NEW } else { SETTLED }
    }
}

/// Takes the key out of a session file of at most `max_bytes`, in place and under an exclusive lock, as PHP writes.
pub(super) fn remove(path: &Path, max_bytes: u64, key: &str) -> Result<Attempt<()>, Error> {
    let Some(mut file) = open(path, OpenOptions::new().read(true).write(true))? else { return Ok(Attempt::Absent) };
    if !has_lock(file.try_lock())? {
        return Ok(Attempt::Busy);
    }
    if is_unlinked(&file) {
        return Ok(Attempt::Absent);
    }
    let before = content(&mut file, max_bytes)?;
    let session = Content::parse(&before, key).ok_or_else(|| invalid("the PHP session cannot be decoded"))?;
    if let Some(after) = session.without_key() {
        // In this order: a crash in between leaves a tail that PHP and this crate refuse, never a session with the token.
        file.rewind().map_err(unavailable)?;
        file.write_all(&after).map_err(unavailable)?;
        file.set_len(after.len() as u64).map_err(unavailable)?;
    }
    Ok(Attempt::Done(()))
}

/// Opens a session file for reading, and closes it. One that ended meanwhile is not an error.
pub(super) fn try_to_read(path: &Path) -> Result<(), IoError> {
    match open_unfollowed(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() != IoErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens a regular file and nothing else: no link is followed, and no pipe makes the opening wait. `None` if it does not
/// exist.
fn open(path: &Path, options: &mut OpenOptions) -> Result<Option<File>, Error> {
    let file = match open_unfollowed(path, options) {
        Ok(file) => file,
        Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(None),
        Err(error) if is_other_than_file(&error) => return Err(invalid("the PHP session is not a regular file")),
        Err(error) => return Err(unavailable(error)),
    };
    if !file.metadata().map_err(unavailable)?.is_file() {
        return Err(invalid("the PHP session is not a regular file"));
    }
    Ok(Some(file))
}

#[cfg(target_os = "linux")]
fn open_unfollowed(path: &Path, options: &mut OpenOptions) -> Result<File, IoError> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

/// Checks before and after the opening, because not every system has the flag.
#[cfg(not(target_os = "linux"))]
fn open_unfollowed(path: &Path, options: &mut OpenOptions) -> Result<File, IoError> {
    let before = std::fs::symlink_metadata(path)?;
    if !before.is_file() {
        return Err(IoErrorKind::IsADirectory.into());
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        let after = file.metadata()?;
        if (before.dev(), before.ino()) != (after.dev(), after.ino()) {
            return Err(IoErrorKind::IsADirectory.into());
        }
    }
    Ok(file)
}

/// Whether the opening failed because a link, a directory or a socket is there.
fn is_other_than_file(error: &IoError) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;

        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        if [Some(Errno::LOOP), Some(Errno::NXIO)].contains(&errno) {
            return true;
        }
    }
    error.kind() == IoErrorKind::IsADirectory
}

/// Whether PHP destroyed the session while we waited for its lock.
fn is_unlinked(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

fn has_lock(locked: Result<(), TryLockError>) -> Result<bool, Error> {
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

fn content(file: &mut File, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    let too_large = || invalid("the PHP session is too large");
    let length = file.metadata().map_err(unavailable)?.len();
    if length > max_bytes {
        return Err(too_large());
    }
    let capacity = usize::try_from(length).map_err(|_| too_large())?.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    // The file may grow meanwhile, whatever its length was.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(unavailable)?;
    if bytes.len() as u64 > max_bytes { Err(too_large()) } else { Ok(bytes) }
}

fn unavailable(error: IoError) -> Error {
    Error::with_source(ErrorKind::Unavailable, error)
}
