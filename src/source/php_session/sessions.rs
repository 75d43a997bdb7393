//! Where PHP's session files are.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode;

use crate::error::{Error, ErrorKind};
use crate::request::RequestHead;
use crate::source::cookie::CookieValues;
use crate::source::php_session::content::Content;
use crate::source::php_session::file;
use crate::source::token_source::Place;
use crate::source::{DEFAULT_NAME, PhpSession, TokenSession, TokenSource};
use crate::token::Token;

/// The largest session file that is read, in bytes. Our choice: PHP reads the whole file at every request, so that real
/// ones are a thousand times smaller.
pub const MAX_SESSION_BYTES: u64 = 1_048_576;

/// The shortest and the longest session id in bytes. PHP's `session.sid_length` is 22 to 256, but no file system that PHP
/// runs on takes a name of more than 255 bytes, and `sess_` is 5 of them: PHP starts no session with a longer id.
const ID_BYTES: std::ops::RangeInclusive<usize> = 22..=250;

/// How many entries of a directory a check looks at. Our choice: it looks for one file.
const MAX_ENTRIES: usize = 1_000;

/// How many sessions one request may name. Our choice: a browser sends two cookies of one name where two paths or
/// domains have one each.
const MAX_SESSIONS: usize = 4;

/// PHP's session files as a place where a token may be, under the key `trongatetoken`: that is where Trongate puts it
/// unless it is told to set a cookie. Cheap to clone.
///
/// Reads what PHP's own handler `files` writes, with either serialize handler (`php` and `php_serialize`). The process
/// needs to read the files, which PHP makes for its own user alone: run it as that user, or as one with an ACL.
///
/// # Security
/// - The session id is `[A-Za-z0-9,-]{22,250}` after percent-decoding (PHP sends a comma as `%2C`), or there is none: no path
///   leaves the directory. Such a visitor has no session; that is no error.
/// - The format is parsed to the last byte, never searched. A session that is broken anywhere holds no token; PHP throws
///   such a session away, too. Nesting ends at 4,096, where PHP's does, and the file at [`MAX_SESSION_BYTES`].
/// - Only regular files are read; no link is followed and no pipe waited for.
/// - Files are read on threads for such, under PHP's own lock if it is free. PHP holds it while it works on a request of
///   the same visitor; the file is then read without it, and only what two readings agree on counts. PHP empties a file
///   before it writes: a file that is empty or broken while PHP holds the lock is read again, until it is whole or did not
///   change for a second, for at most [2 seconds](Self::with_lock_timeout) in all. No thread waits meanwhile.
/// - Nothing is ever written but by [`remove_token`](crate::source::TokenSession::remove_token), and only after
///   [`with_removal`](Self::with_removal).
///
/// PHP's garbage collection removes a session file when it has not been used for `session.gc_maxlifetime` (1,440 s), at
/// some later time; until then PHP itself still takes it, and so does this. Whether the token in it is valid is for the
/// store to say. Reading here does not count as use: a visitor who stays on the Rust side for longer loses the session,
/// and with it the token. Raise `session.gc_maxlifetime`, or hand long logins out as a cookie.
///
/// # Source
/// PHP's `ext/session/mod_files.c` and `session.c`.
///
/// # Example
/// ```
/// use http::Request;
/// use tower_tokens::request::RequestHead;
/// use tower_tokens::source::{PhpSessions, TokenSession, TokenSource};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let directory = tempfile::tempdir()?;
/// let sessions = PhpSessions::new(directory.path());
/// let sources = [TokenSource::cookie("trongatetoken"), sessions.source(), TokenSource::bearer()];
/// # let _ = sources;
///
/// // What PHP has written:
/// let file = directory.path().join("sess_0a1b2c3d4e5f6a7b8c9d0e1f2a");
/// std::fs::write(file, "name|s:3:\"Ann\";trongatetoken|s:32:\"Qd8Uk3zcKbcEKrJjEMbUxUhJzPcRBTrv\";")?;
///
/// let request = Request::get("/").header("Cookie", "PHPSESSID=0a1b2c3d4e5f6a7b8c9d0e1f2a").body(())?;
/// let session = sessions.session(RequestHead::of(&request)).expect("the request names one");
/// assert_eq!(session.token().await?.unwrap().expose_secret(), "Qd8Uk3zcKbcEKrJjEMbUxUhJzPcRBTrv");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct PhpSessions(Arc<Settings>);

#[derive(Debug, Clone)]
pub(super) struct Settings {
    directory: PathBuf,
    depth: usize,
    cookie: String,
    pub(super) key: String,
    pub(super) max_bytes: u64,
    pub(super) lock_timeout: Duration,
    pub(super) may_remove: bool,
}

impl PhpSessions {
    /// The sessions in `directory`, which is PHP's `session.save_path` (on Debian `/var/lib/php/sessions`), that the
    /// cookie `PHPSESSID` names.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Settings {
            directory: directory.into(),
            depth: 0,
            cookie: "PHPSESSID".to_owned(),
            key: DEFAULT_NAME.to_owned(),
            max_bytes: MAX_SESSION_BYTES,
            lock_timeout: Duration::from_secs(2),
            may_remove: false,
        }))
    }

    /// How many levels of directories stand between the directory and the files, each named by one character of the id:
    /// the number before the `;` in PHP's `session.save_path`, 0 to 21. Default: 0.
    #[must_use]
    pub fn with_depth(self, depth: u8) -> Self {
        self.with(|settings| settings.depth = usize::from(depth).min(*ID_BYTES.start() - 1))
    }

    /// The cookie that names the session: PHP's `session.name`. Default: `PHPSESSID`.
    #[must_use]
    pub fn with_cookie_name(self, name: &str) -> Self {
        self.with(|settings| settings.cookie = name.to_owned())
    }

    /// The key of the token in the session. Default: `trongatetoken`.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        self.with(|settings| settings.key = key.to_owned())
    }

    /// The longest wait of one call, over all its sessions: for a session that PHP is writing to become whole, and for PHP
    /// to release a session whose token is to be taken out. Then it is [`TimedOut`](ErrorKind::TimedOut). A session that is
    /// only locked is read without a wait. Default: 2 seconds; our choice, within the 5 seconds of `TokenAuthLayer`.
    #[must_use]
    pub fn with_lock_timeout(self, lock_timeout: Duration) -> Self {
        self.with(|settings| settings.lock_timeout = lock_timeout)
    }

    /// Allows [`remove_token`](crate::source::TokenSession::remove_token) to take the token out of the session file at logout.
    /// Default: not allowed, and not needed: a token that has ended in the store logs nobody in, wherever it is.
    #[must_use]
    pub fn with_removal(self) -> Self {
        self.with(|settings| settings.may_remove = true)
    }

    /// Looks whether the directory is there, and whether a session in it can be read. Blocks: for the start-up.
    ///
    /// PHP writes each file for its own user alone (mode 0600), so this process has to run as that user. A directory that
    /// may be entered and not listed, as Debian's is, shows none of its files: then only the entering is tried.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when the directory is not there, is not a directory, or may not be
    /// entered, and when one of its sessions may not be read.
    pub fn check(&self) -> Result<(), Error> {
        self.check_with(file::try_to_read)
    }

    fn check_with(&self, try_to_read: impl Fn(&Path) -> std::io::Result<()>) -> Result<(), Error> {
        let refused = |error| Error::with_source(ErrorKind::Configuration, error);
        let directory = &self.0.directory;
        if !std::fs::metadata(directory).map_err(refused)?.is_dir() {
            return Err(Error::with_source(ErrorKind::Configuration, "the PHP session directory is not a directory"));
        }
        // A directory that may be entered says that there is no such file.
        match std::fs::metadata(directory.join("sess_that_is_not_there")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
        match first_session(directory, self.0.depth) {
            Some(path) => try_to_read(&path).map_err(|error| {
                let why = format!("a PHP session cannot be read ({error}): run as the user that PHP runs as");
                Error::with_source(ErrorKind::Configuration, why)
            }),
            None => Ok(()),
        }
    }

    /// The place in a request where the token is. It is a session: an ambient credential. A request with several session
    /// cookies names several sessions, which are treated as several cookies of one name are: if they name two users, the
    /// request is ambiguous; a log-out ends the tokens of all.
    #[must_use]
    pub fn source(&self) -> TokenSource {
        let sessions = self.clone();
        TokenSource(Place::Sessions(Arc::new(move |head| {
            let one = |path| Box::new(PhpSession::new(sessions.clone(), vec![path])) as Box<dyn TokenSession>;
            sessions.paths(head).into_iter().map(one).collect()
        })))
    }

    /// The session that a request names, there or not. `None`: it names none.
    #[must_use]
    pub fn session(&self, head: RequestHead<'_>) -> Option<PhpSession> {
        let paths = self.paths(head);
        (!paths.is_empty()).then(|| PhpSession::new(self.clone(), paths))
    }

    /// Where the sessions are that a request names, each once.
    fn paths(&self, head: RequestHead<'_>) -> Vec<PathBuf> {
        let mut ids: Vec<String> = Vec::new();
        for id in CookieValues::new(head.headers, &self.0.cookie).filter_map(session_id) {
            if ids.contains(&id) {
                continue;
            }
            if ids.len() == MAX_SESSIONS {
                break;
            }
            ids.push(id);
        }
        ids.into_iter().map(|id| self.path(&id)).collect()
    }

    /// The token in the content of a session, for sessions that PHP keeps somewhere else, such as in Redis: bring them as
    /// a [`TokenSession`](crate::source::TokenSession) of your own. The handler is told by the content.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a session that cannot be decoded to its last byte, and for a value
    /// that cannot be a token.
    pub fn token_in(&self, content: &[u8]) -> Result<Option<Token>, Error> {
        let invalid = |why| Error::with_source(ErrorKind::InvalidInput, why);
        let content = Content::parse(content, &self.0.key);
        let text = content.ok_or_else(|| invalid("the PHP session cannot be decoded"))?.text();
        let no_text = "the PHP session's token is not a text";
        let Some(text) = text.map_err(|()| invalid(no_text))? else { return Ok(None) };
        Token::parse(std::str::from_utf8(text).map_err(|_| invalid(no_text))?).map(Some)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0
    }

    fn path(&self, id: &str) -> PathBuf {
        let mut path = self.0.directory.clone();
        path.extend(id.chars().take(self.0.depth).map(String::from));
        path.push(format!("sess_{id}"));
        path
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

/// The id, if it is one: nothing else ever becomes part of a path.
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

/// The first session in this directory, if it can be listed. `depth` levels of directories lie above the files.
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

    #[test]
    fn a_session_that_cannot_be_read_is_reported_at_start_up() {
        let directory = tempfile::tempdir().unwrap();
        let denied = |_: &Path| Err(IoErrorKind::PermissionDenied.into());
        let kind = |sessions: &PhpSessions| sessions.check_with(denied).map_err(|error| error.kind());
        let (flat, deep) = (PhpSessions::new(directory.path()), PhpSessions::new(directory.path()).with_depth(2));
        assert_eq!((kind(&flat), kind(&deep)), (Ok(()), Ok(())), "no session is there");
        let inner = directory.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("sess_abcdefghijklmnopqrstuvwxyz"), "").unwrap();
        assert_eq!((kind(&flat), kind(&deep)), (Ok(()), Err(ErrorKind::Configuration)));
        std::fs::write(directory.path().join("sess_abcdefghijklmnopqrstuvwxyz"), "").unwrap();
        assert_eq!(kind(&flat), Err(ErrorKind::Configuration));
        assert_eq!(flat.check().map_err(|error| error.kind()), Ok(()), "this process may read its own files");
        let nowhere = PhpSessions::new(directory.path().join("nowhere"));
        assert_eq!(nowhere.check().map_err(|error| error.kind()), Err(ErrorKind::Configuration));
    }

    #[test]
    fn nothing_but_an_id_becomes_a_path() {
        assert!(session_id(&[b'a'; 22]).is_some() && session_id(&[b'a'; 250]).is_some());
        assert!(session_id(b"AZaz09,-AZaz09,-AZaz09,-").is_some());
        assert_eq!(session_id("%2C%2c,%41".repeat(6).as_bytes()).unwrap(), ",,,A".repeat(6));
        assert_eq!(session_id("%2c".repeat(250).as_bytes()).unwrap(), ",".repeat(250));
        for no_id in ["%2F", "%252C", "%00", "+", "%", "%2"] {
            assert!(session_id(format!("{}{no_id}", "a".repeat(30)).as_bytes()).is_none(), "{no_id}");
        }
        assert!(session_id(&[b'a'; 21]).is_none() && session_id(&[b'a'; 251]).is_none());
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_alphanumeric() && !b",-".contains(byte)) {
            let mut id = [b'a'; 32];
            id[7] = byte;
            assert!(session_id(&id).is_none(), "{byte}");
        }
    }

    #[test]
    fn each_level_is_named_by_one_character() {
        let id = "0123456789abcdef,-0123456789";
        let path = |depth| PhpSessions::new("/s").with_depth(depth).path(id);
        assert_eq!(path(0), Path::new("/s").join(format!("sess_{id}")));
        assert_eq!(path(2), Path::new("/s/0/1").join(format!("sess_{id}")));
        assert_eq!(path(255).components().count(), 2 + 21 + 1, "an id has 22 characters at least");
    }
}
