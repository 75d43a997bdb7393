//! The directory, which must be private.

use std::fs;
use std::io;
use std::path::Path;

use crate::client::ClientError;
use crate::client::file::failure::{OrAbsent, failed, refused};

/// Checks the directory, and creates it with mode 0700 if it is not there.
pub(super) fn create(directory: &Path) -> Result<(), ClientError> {
    if check(directory)? {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(failed("cannot create the directory", directory.display()))?;
    if check(directory)? { Ok(()) } else { Err(refused(format!("the directory {} was removed", directory.display()))) }
}

/// Whether the directory is there. One that others can read or change is an error, and so is one of another user: what is in
/// it may be theirs. It is not repaired, for it may be a directory that others need, named by mistake.
pub(super) fn check(directory: &Path) -> Result<bool, ClientError> {
    let metadata = fs::metadata(directory).or_absent();
    let Some(metadata) = metadata.map_err(failed("cannot look at the directory", directory.display()))? else {
        return Ok(false);
    };
    if !metadata.is_dir() {
        return Err(refused(format!("{} is not a directory", directory.display())));
    }
    check_access(directory, &metadata)?;
    Ok(true)
}

#[cfg(unix)]
fn check_access(directory: &Path, metadata: &fs::Metadata) -> Result<(), ClientError> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        let directory = directory.display();
        return Err(refused(format!(
            "the directory {directory} belongs to user {owner}, and this process is user {user}"
        )));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(refused(format!(
        "the directory {0} has mode {mode:04o}, and a directory of tokens is for its owner alone: chmod 700 it, or name a \
         directory of its own, which is created",
        directory.display()
    )))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
fn check_access(_directory: &Path, _metadata: &fs::Metadata) -> Result<(), ClientError> {
    Ok(())
}

/// Makes the names in the directory last through a crash of the machine.
#[cfg(unix)]
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
    match synced {
        // Some network file systems cannot do it for a directory.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Windows has no such call.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
pub(super) fn sync(_directory: &Path) -> io::Result<()> {
    Ok(())
}
