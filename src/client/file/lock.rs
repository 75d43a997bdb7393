//! The operating system's lock of an account: it ends with the process that holds it, however that ends.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use crate::client::ClientError;
use crate::client::file::failure::{failed, off_thread, refused};
use crate::client::file::names::Names;
use crate::client::file::{directory, disk};

/// The lock, held until this is dropped: closing the file unlocks it.
pub(super) struct Held {
    _file: File,
}

/// The pauses between two attempts grow up to this. Our choice: short beside a refresh over the network.
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// Waits for the lock, for at most `timeout`.
pub(super) async fn take(names: &Names, timeout: Duration) -> Result<Held, ClientError> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let asked = names.clone();
        if let Some(held) = off_thread(move || try_take(&asked)).await? {
            return Ok(held);
        }
        if started.elapsed() >= timeout {
            return Err(refused(format!("another process or manager has held the lock of {names} for {timeout:?}")));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Takes the lock if it is free.
///
/// The lock has a file of its own, which stays: the file of tokens is replaced at every save. If `forget_all` removed the
/// file of the lock between its opening and its locking, this is another lock than the one that the next process takes, and
/// does not count.
pub(super) fn try_take(names: &Names) -> Result<Option<Held>, ClientError> {
    directory::create(names.directory())?;
    let path = names.lock();
    let attempt = || -> io::Result<Option<File>> {
        let file = disk::open_or_create(&path)?;
        match try_lock(&file)? {
            true if disk::is_at(&file, &path)? => Ok(Some(file)),
            _ => Ok(None),
        }
    };
    let file = attempt().map_err(failed("cannot lock", names))?;
    Ok(file.map(|file| Held { _file: file }))
}

/// Whether this file is locked now, by this call.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// One thread removes the file of the lock whenever it has the lock, as `forget_all` does.
    #[test]
    fn two_never_have_the_lock_though_its_file_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let names = Names::new(home.path().join("tokens"), "0a".repeat(32), false);
        let (inside, taken, removed) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let (names, inside, taken, removed) = (&names, &inside, &taken, &removed);
                scope.spawn(move || {
                    while removed.load(Ordering::SeqCst) < 2_000 {
                        let Some(held) = try_take(names).unwrap() else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two have the lock");
                        if worker != 0 {
                            taken.fetch_add(1, Ordering::SeqCst);
                            std::thread::sleep(Duration::from_micros(30));
                        }
                        inside.fetch_sub(1, Ordering::SeqCst);
                        // The last thing under the lock: from now on the next file of this name is the lock.
                        if worker == 0 {
                            std::fs::remove_file(names.lock()).unwrap();
                            removed.fetch_add(1, Ordering::SeqCst);
                        }
                        drop(held);
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0, "the others had the lock too");
    }
}
