//! Where PHP keeps its sessions, and which names a session can have there.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode;

use crate::error::{Error, ErrorKind};
use crate::source::php_session::file;
#[cfg(feature = "redis")]
use crate::source::php_session::in_redis::RedisSessions;

/// The shortest and the longest session id in bytes: PHP's bounds of `session.sid_length`.
const ID_BYTES: RangeInclusive<usize> = 22..=256;

/// The longest id of a session in a file. No file system that PHP runs on takes a name of more than 255 bytes, and
/// `sess_` is 5 of them: PHP starts no session with a longer id.
const MAX_ID_BYTES_IN_FILES: usize = 250;

/// The most levels of directories: each takes one character of the id.
const MAX_DEPTH: usize = *ID_BYTES.start() - 1;

/// How many entries of a directory a check looks at. Our choice: it looks for one file.
const MAX_ENTRIES: usize = 1_000;

/// Where PHP keeps its sessions: its `session.save_handler` and `session.save_path`.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Files(Directory),
    #[cfg(feature = "redis")]
    Redis(RedisSessions),
}

/// A directory with one file for each session.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    path: PathBuf,
    depth: usize,
}

/// Where one session is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Location {
    File(PathBuf),
    /// The key in Redis.
    #[cfg(feature = "redis")]
    Key(String),
}

impl Place {
    /// Where the session is that this value of the cookie names. `None`: it cannot name one.
    pub(super) fn location(&self, cookie: &[u8]) -> Option<Location> {
        match self {
            Self::Files(directory) => {
                let id = session_id(cookie).filter(|id| id.len() <= MAX_ID_BYTES_IN_FILES)?;
                Some(Location::File(directory.file(&id)))
            }
            #[cfg(feature = "redis")]
            Self::Redis(sessions) => Some(Location::Key(sessions.key(&session_id(cookie)?))),
        }
    }
}

impl Directory {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, depth: 0 }
    }

    pub(super) fn set_depth(&mut self, depth: u8) {
        self.depth = usize::from(depth).min(MAX_DEPTH);
    }

    fn file(&self, id: &str) -> PathBuf {
        let mut path = self.path.clone();
        path.extend(id.chars().take(self.depth).map(String::from));
        path.push(format!("sess_{id}"));
        path
    }

    /// Looks whether the directory is there, and whether a session in it can be read. Blocks.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.check_with(file::try_to_read)
    }

    fn check_with(&self, try_to_read: impl Fn(&Path) -> std::io::Result<()>) -> Result<(), Error> {
        let refused = |error| Error::with_source(ErrorKind::Configuration, error);
        if !std::fs::metadata(&self.path).map_err(refused)?.is_dir() {
            return Err(Error::with_source(ErrorKind::Configuration, "the PHP session directory is not a directory"));
        }
        // A directory that may be entered says that there is no such file.
        match std::fs::metadata(self.path.join("sess_that_is_not_there")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
        match first_session(&self.path, self.depth) {
            Some(path) => try_to_read(&path).map_err(|error| {
                let why = format!("a PHP session cannot be read ({error}): run as the user that PHP runs as");
                Error::with_source(ErrorKind::Configuration, why)
            }),
            None => Ok(()),
        }
    }
}

/// The session id in a cookie. `None`: it is not an id. Only an id becomes part of a path or a key.
///
/// # Source
/// PHP's `main/php_variables.c`: a cookie's value is percent-decoded once, and a `+` stays.
fn session_id(value: &[u8]) -> Option<String> {
    // Each byte of an id takes three at most.
    if value.len() > 3 * ID_BYTES.end() {
        return None;
    }
    let id: Cow<'_, [u8]> = percent_decode(value).into();
    let is_id =
        ID_BYTES.contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b',' | b'-'));
    if is_id { String::from_utf8(id.into_owned()).ok() } else { None }
}

/// The first session in this directory, if it can be listed. `depth` levels of directories are above the files.
fn first_session(directory: &Path, depth: usize) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?.take(MAX_ENTRIES).filter_map(Result::ok);
    entries.into_iter().find_map(|entry| {
        let kind = entry.file_type().ok()?;
        match depth.checked_sub(1) {
            Some(left) if kind.is_dir() => first_session(&entry.path(), left),
            None if kind.is_file() && entry.file_name().as_encoded_bytes().starts_with(b"sess_") => Some(entry.path()),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind as IoErrorKind;

    use super::*;

    fn directory(path: &Path, depth: u8) -> Directory {
        let mut directory = Directory::new(path.to_owned());
        directory.set_depth(depth);
        directory
    }

    #[test]
    fn a_session_that_cannot_be_read_is_reported_at_start_up() {
        let folder = tempfile::tempdir().unwrap();
        let denied = |_: &Path| Err(IoErrorKind::PermissionDenied.into());
        let kind = |directory: &Directory| directory.check_with(denied).map_err(|error| error.kind());
        let (flat, deep) = (directory(folder.path(), 0), directory(folder.path(), 2));
        assert_eq!((kind(&flat), kind(&deep)), (Ok(()), Ok(())), "no session is there");
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("sess_abcdefghijklmnopqrstuvwxyz"), "").unwrap();
        assert_eq!((kind(&flat), kind(&deep)), (Ok(()), Err(ErrorKind::Configuration)));
        std::fs::write(folder.path().join("sess_abcdefghijklmnopqrstuvwxyz"), "").unwrap();
        assert_eq!(kind(&flat), Err(ErrorKind::Configuration));
        assert_eq!(flat.check().map_err(|error| error.kind()), Ok(()), "this process may read its own files");
        let nowhere = directory(&folder.path().join("nowhere"), 0);
        assert_eq!(nowhere.check().map_err(|error| error.kind()), Err(ErrorKind::Configuration));
    }

    #[test]
    fn only_an_id_becomes_a_path() {
        assert!(session_id(&[b'a'; 22]).is_some() && session_id(&[b'a'; 256]).is_some());
        assert!(session_id(b"AZaz09,-AZaz09,-AZaz09,-").is_some());
        assert_eq!(session_id("%2C%2c,%41".repeat(6).as_bytes()).unwrap(), ",,,A".repeat(6));
        assert_eq!(session_id("%2c".repeat(256).as_bytes()).unwrap(), ",".repeat(256));
        for no_id in ["%2F", "%252C", "%00", "+", "%", "%2"] {
            assert!(session_id(format!("{}{no_id}", "a".repeat(30)).as_bytes()).is_none(), "{no_id}");
        }
        assert!(session_id(&[b'a'; 21]).is_none() && session_id(&[b'a'; 257]).is_none());
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_alphanumeric() && !b",-".contains(byte)) {
            let mut id = [b'a'; 32];
            id[7] = byte;
            assert!(session_id(&id).is_none(), "{byte}");
        }
        let files = Place::Files(directory(Path::new("/s"), 0));
        assert!(files.location(&[b'a'; 250]).is_some() && files.location(&[b'a'; 251]).is_none());
    }

    #[test]
    fn each_level_is_named_by_one_character() {
        let id = "0123456789abcdef,-0123456789";
        let path = |depth| directory(Path::new("/s"), depth).file(id);
        assert_eq!(path(0), Path::new("/s").join(format!("sess_{id}")));
        assert_eq!(path(2), Path::new("/s/0/1").join(format!("sess_{id}")));
        assert_eq!(path(255).components().count(), 2 + 21 + 1, "an id has 22 characters at least");
    }
}
