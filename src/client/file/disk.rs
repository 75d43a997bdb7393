//! Opening files without following links.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::client::file::failure::OrAbsent;
use crate::clock::Timestamp;

/// What distinguishes a file from another one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(#[cfg(unix)] [u64; 2]);

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;

            Self([metadata.dev(), metadata.ino()])
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            Self()
        }
    }
}

/// The content of a file, and what it was at that moment.
pub(super) struct Content {
    pub(super) identity: Identity,
    pub(super) written_at: Option<Timestamp>,
    /// One byte more than asked for: the file is larger.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// Reads a file of at most `max_bytes`, and of a larger one the beginning. `None` if it is not there. What others have access
/// to is closed to them: the directory is private, so that it is a mistake and not an attack.
pub(super) fn read_own(path: &Path, max_bytes: u64) -> io::Result<Option<Content>> {
    let Some(file) = open(path, OpenOptions::new().read(true)).or_absent()? else { return Ok(None) };
    close_to_others(&file)?;
    content(file, max_bytes).map(Some)
}

/// As [`read_own`], for a file that may not be ours: it is not changed.
pub(super) fn read(path: &Path, max_bytes: u64) -> io::Result<Option<Content>> {
    let Some(file) = open(path, OpenOptions::new().read(true)).or_absent()? else { return Ok(None) };
    content(file, max_bytes).map(Some)
}

fn content(file: File, max_bytes: u64) -> io::Result<Content> {
    let metadata = file.metadata()?;
    let capacity = usize::try_from(metadata.len().min(max_bytes) + 1).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    // The file may grow meanwhile, whatever its length was.
    file.take(max_bytes + 1).read_to_end(&mut bytes)?;
    let written_at = metadata.modified().ok().map(|time| time::OffsetDateTime::from(time).into());
    Ok(Content { identity: Identity::of(&metadata), written_at, bytes })
}

/// Creates a file for its owner alone, from its first byte on. It must not be there.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    open_private(path, OpenOptions::new().write(true).create_new(true))
}

/// Opens a file for its owner alone, and creates it if it is not there.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    open_private(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
}

/// Opens a file to look at it and to lock it.
pub(super) fn open_existing(path: &Path) -> io::Result<Option<File>> {
    open(path, OpenOptions::new().read(true)).or_absent()
}

fn open_private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, MODE);
    let file = open(path, options)?;
    set_mode(&file, |mode| mode != MODE)?;
    Ok(file)
}

/// Opens a regular file and nothing else: no link is followed, and no pipe makes the opening wait.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;

        let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits() as i32);
    }
    // Where there is no such flag, looking before the opening has to do.
    #[cfg(not(unix))]
    if std::fs::symlink_metadata(path).or_absent()?.is_some_and(|metadata| !metadata.is_file()) {
        return Err(not_a_file());
    }
    let file = options.open(path).map_err(|error| if is_other_than_file(&error) { not_a_file() } else { error })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// Whether the opening failed because a link, a directory or a socket is there.
fn is_other_than_file(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;

        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        if [Some(Errno::LOOP), Some(Errno::NXIO)].contains(&errno) {
            return true;
        }
    }
    error.kind() == io::ErrorKind::IsADirectory
}

/// What its owner alone may read and write.
const MODE: u32 = 0o600;

fn close_to_others(file: &File) -> io::Result<()> {
    // What its owner may do is the owner's affair: a file that is never written may have mode 0400.
    set_mode(file, |mode| mode & 0o077 != 0)
}

/// Gives a file the mode of a private one if its mode is `wrong`, as a umask may have left it.
#[cfg(unix)]
fn set_mode(file: &File, wrong: impl FnOnce(u32) -> bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mut permissions = file.metadata()?.permissions();
    if wrong(permissions.mode() & 0o7777) {
        permissions.set_mode(MODE);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
fn set_mode(_file: &File, _wrong: impl FnOnce(u32) -> bool) -> io::Result<()> {
    Ok(())
}

/// Whether the file still has this name.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let at_path = std::fs::symlink_metadata(path).or_absent()?;
    let opened = file.metadata()?;
    Ok(at_path.is_some_and(|metadata| Identity::of(&metadata) == Identity::of(&opened)))
}
