//! Forgets the tokens of every account in a directory.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::client::ClientError;
use crate::client::file::content::MAX_TOKEN_FILE_BYTES;
use crate::client::file::envelope::{self, Envelope};
use crate::client::file::failure::{self, OrAbsent, failed, off_thread};
use crate::client::file::format::{self, Document};
use crate::client::file::names::{self, Names, Role};
use crate::client::file::{directory, disk, lock, write};

/// Removes the files of every account, one account after the other, each under its lock. How many had tokens.
pub(super) async fn all(directory: &Path, timeout: Duration) -> Result<u64, ClientError> {
    let directory = directory.to_owned();
    let (accounts, mut failure) = off_thread(move || accounts(&directory)).await?;
    let mut forgotten = 0;
    for names in accounts {
        // One that fails keeps no other from being forgotten.
        match one(names, timeout).await {
            Ok(had_tokens) => forgotten += u64::from(had_tokens),
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(forgotten), Err)
}

/// The accounts that have a file here which is certainly ours, and what kept a file from being looked at.
fn accounts(directory: &Path) -> Result<(Vec<Names>, Option<ClientError>), ClientError> {
    if !directory::check(directory)? {
        return Ok((Vec::new(), None));
    }
    let mut failure = None;
    let mut list = || -> io::Result<BTreeSet<String>> {
        let mut stems = BTreeSet::new();
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            let Some((stem, role)) = names::parse(name) else { continue };
            if stems.contains(stem) {
                continue;
            }
            match recognize(&directory.join(name), role) {
                Ok(true) => _ = stems.insert(stem.to_owned()),
                Ok(false) => {}
                Err(error) => failure = Some(failed("cannot read a file in", directory.display())(error)),
            }
        }
        Ok(stems)
    };
    let stems = list().map_err(failed("cannot list", directory.display()))?;
    // Whether a name was made of a password cannot be seen.
    let names = stems.into_iter().map(|stem| Names::new(directory.to_owned(), stem, true)).collect();
    Ok((names, failure))
}

async fn one(names: Names, timeout: Duration) -> Result<bool, ClientError> {
    let held = lock::take(&names, timeout).await?;
    off_thread(move || {
        let removed = remove(&names, Scope::Recognized).map_err(failed("cannot forget the tokens in", &names))?;
        drop(held);
        Ok(removed)
    })
    .await
}

/// Which files of an account are removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The account is the caller's, and so are its files. The file of the lock stays, for the lock is held.
    Own,
    /// Those only whose content is ours too, and the file of the lock.
    Recognized,
}

/// Removes the files of an account, under its lock. Whether there was one with tokens.
pub(super) fn remove(names: &Names, scope: Scope) -> io::Result<bool> {
    let is_ours = |path: &Path, role| if scope == Scope::Own { is_file(path) } else { recognize(path, role) };
    let mut had_tokens = false;
    if is_ours(&names.tokens(), Role::Tokens)? {
        had_tokens = failure::remove(&names.tokens())?;
    }
    for path in names.existing(Role::SetAside)? {
        if is_ours(&path, Role::SetAside)? {
            failure::remove(&path)?;
        }
    }
    for path in names.existing(Role::Temporary)? {
        if is_ours(&path, Role::Temporary)?
            && let Some(file) = disk::open_existing(&path)?
        {
            write::remove_if_unlocked(&file, &path)?;
        }
    }
    // Whoever waits for the lock sees that its file is gone, where files can be distinguished.
    if scope == Scope::Recognized && cfg!(unix) && is_ours(&names.lock(), Role::Lock)? {
        failure::remove(&names.lock())?;
    }
    directory::sync(names.directory())?;
    Ok(had_tokens)
}

fn is_file(path: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(path).or_absent()?.is_some_and(|metadata| metadata.is_file()))
}

/// Whether a file whose name is ours has our content too. A link, a directory, a pipe is not ours.
fn recognize(path: &Path, role: Role) -> io::Result<bool> {
    if !is_file(path)? {
        return Ok(false);
    }
    let Some(content) = disk::read(path, MAX_TOKEN_FILE_BYTES)? else { return Ok(false) };
    let text = content.bytes.as_slice();
    Ok(match role {
        Role::Tokens => is_tokens(text),
        Role::Lock => text.is_empty(),
        // Written as far as its writer came.
        Role::Temporary => [format::BEGINNING, envelope::BEGINNING].iter().any(|beginning| {
            let length = beginning.len().min(text.len());
            text[..length] == beginning.as_bytes()[..length]
        }),
        Role::SetAside => path.to_str().and_then(names::checksum_of) == Some(crc32fast::hash(text)),
    })
}

fn is_tokens(text: &[u8]) -> bool {
    Envelope::read(text).is_some_and(|envelope| envelope.is_whole())
        || Document::read(text, None).is_some_and(|document| document.tokens.is_some())
}
