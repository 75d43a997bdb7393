//! Replaces a file, so that it is whole at any moment, and removes what writers left that were killed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::client::file::lock::try_lock;
use crate::client::file::names::{Names, Role};
use crate::client::file::{directory, disk, failure};
use crate::random;

/// Puts `text` in the place of the file of tokens. When it returns, neither a crash of the process nor one of the machine
/// loses it; before, the former file is there. A failure leaves the former file and nothing else, or the new file if all that
/// failed was to force the directory to the disk.
pub(super) fn replace(names: &Names, text: &str) -> io::Result<()> {
    let (path, mut file) = create(names)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let replaced = written.and_then(|()| {
        // Where locks are mandatory, it would keep others from reading the file under its new name.
        #[cfg(not(unix))]
        file.unlock()?;
        fs::rename(&path, names.tokens())
    });
    if replaced.is_err() {
        _ = failure::remove(&path);
    }
    replaced?;
    directory::sync(names.directory())
}

/// How often a temporary file may be taken for one that was left. Each is a race of a few instructions.
const ATTEMPTS: usize = 16;

/// A new temporary file, locked for as long as it is written: what is not locked was left by a writer that was killed.
fn create(names: &Names) -> io::Result<(PathBuf, File)> {
    for _ in 0..ATTEMPTS {
        let mut number = [0; 8];
        random::fill(&mut number).map_err(io::Error::other)?;
        let path = names.temporary(number);
        let file = disk::create_new(&path)?;
        // Between these two another process may have taken it for one that was left.
        if try_lock(&file)? && disk::is_at(&file, &path)? {
            return Ok((path, file));
        }
    }
    Err(io::Error::other("every temporary file was removed at once"))
}

/// Removes the temporary files of this account whose writers were killed.
pub(super) fn remove_leftovers(names: &Names) -> io::Result<()> {
    for path in names.existing(Role::Temporary)? {
        // What is not a regular file is not ours.
        if let Ok(Some(file)) = disk::open_existing(&path) {
            remove_if_unlocked(&file, &path)?;
        }
    }
    Ok(())
}

/// Removes a temporary file if no process is writing it.
pub(super) fn remove_if_unlocked(file: &File, path: &Path) -> io::Result<bool> {
    if try_lock(file)? && disk::is_at(file, path)? { failure::remove(path) } else { Ok(false) }
}
