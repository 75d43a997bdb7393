//! A store of tokens in a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;

use crate::client::file::account::{Account, ergani_file_stem};
use crate::client::file::codec::Codec;
use crate::client::file::content::{MAX_TOKEN_FILE_BYTES, TokenFile};
use crate::client::file::failure::{failed, misconfigured, off_thread, refused};
use crate::client::file::forget::Scope;
use crate::client::file::lock::Held;
use crate::client::file::names::Names;
#[cfg(feature = "sealed")]
use crate::client::file::sealing::Sealing;
use crate::client::file::{directory, forget, lock, write};
use crate::client::{ClientError, SecretText, StoreLock, StoredTokens, TokenStore};
#[cfg(feature = "sealed")]
use crate::sealed::Sealer;

/// How long [`lock`](TokenStore::lock) of a [`FileTokenStore`] waits by default. Our choice: a login, a refresh and their
/// time-outs in another process.
pub const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Keeps the tokens of one account in a private file, for any number of managers and processes.
///
/// The file is JSON: `{"token":{"accessToken","accessTokenExpiresAt","refreshToken","refreshTokenExpiresAt"}}`, times in
/// seconds since 1970. Keys that others wrote, inside `token` and beside it, are kept. Its name is made of the
/// [`Account`]; [`shared_with_ergani_sdk`](Self::shared_with_ergani_sdk) has another rule. Cheap to clone.
///
/// | found | then |
/// |---|---|
/// | no file, an empty one, one without tokens | no tokens |
/// | a broken file, one of more than 64 KiB | a warning, and no tokens; the file is renamed to `….corrupt-…`, of which 3 are kept |
/// | a link, a directory or a pipe in its place; a file that cannot be read or written | an error; it is left alone |
/// | a file that is encrypted with another key | an error; it is left alone |
/// | a directory that others have access to, or that belongs to another user | an error that says what to do |
///
/// A save writes a temporary file in the same directory, which is private before its first byte, forces it to the disk,
/// renames it, and forces the directory to the disk. The lock is one of the operating system, on a file of its own that is
/// empty and stays: it ends with the process that holds it. Do not put the directory on a file system without such locks.
///
/// # Security
/// On Unix the directory has to have mode 0700 and belong to the user of the process; it is created so, and otherwise
/// refused, not changed: it may be a directory that others need, named by mistake. Files have mode 0600. On Windows they
/// have the rights that the directory passes on. The name of a file says nothing about the password. Without
/// [`with_sealer`](Self::with_sealer) the tokens are in clear: for the user of the process, for root, and in backups. A link
/// to the directory is followed, and the directory that it leads to is judged. Who may rename the directory itself, or one
/// above it, is yours to decide.
///
/// # Errors
/// [`Store`](crate::client::ClientErrorKind::Store) for what the operating system refuses, and if the lock was not free in
/// time. [`Configuration`](crate::client::ClientErrorKind::Configuration) for a file that this store has no key for, and
/// outside of a Tokio runtime.
///
/// # Cancel safety
/// A save whose future is dropped goes on to its end, and the lock that its manager has is held until then.
///
/// # Example
/// ```
/// use tower_tokens::client::{Account, FileTokenStore, StoredTokens, TokenStore};
/// use tower_tokens::clock::Timestamp;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let account = Account::new("ann", "https://api.example.org", "production");
/// let store = FileTokenStore::new(home.join("tokens"), &account);
/// let tokens = StoredTokens::new("a-token").with_access_expiry(Timestamp::from_unix_seconds(1_795_630_985));
/// {
///     let _lock = store.lock().await?;
///     store.save(&tokens).await?;
/// }
/// // Another process:
/// let store = FileTokenStore::new(home.join("tokens"), &account);
/// assert_eq!(store.load().await?, Some(tokens));
/// assert_eq!(FileTokenStore::forget_all(home.join("tokens")).await?, 1);
/// assert_eq!(store.load().await?, None);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct FileTokenStore {
    file: TokenFile,
    lock_timeout: Duration,
    /// The lock that was given out last. A save keeps it until it is done, though its caller be gone.
    held: Arc<Mutex<Weak<Held>>>,
}

impl FileTokenStore {
    /// The store of this account in this directory, which is created at the first lock or save.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, account: &Account) -> Self {
        Self::with_directory(directory.into(), account.file_stem(), false)
    }

    /// The file of the real Ergani SDK, to be used by it and by this crate in turn: the same name, the same bytes.
    ///
    /// The SDK takes no lock: while one of its processes refreshes, one of ours may do so too, and the API ends the refresh
    /// token of one of them. That one logs in again.
    ///
    /// # Security
    /// The name of the file is SHA-256 over user name, password and environment: whoever can list the directory can try
    /// passwords against it. Keep the directory private, and the password long. [`new`](Self::new) has no such name. No error
    /// and no log line shows it. The rule does not separate its parts: user `a-b` with the password `c` has the file of user
    /// `a` with the password `b-c`.
    ///
    /// # Source
    /// `FileToken` of oxygensuite/oxygen-ergani 2.0.3: `sha256("username-password-ENVIRONMENT")`.
    #[must_use]
    pub fn shared_with_ergani_sdk(
        directory: impl Into<PathBuf>,
        user_name: &str,
        password: &SecretText,
        environment: &str,
    ) -> Self {
        let stem = ergani_file_stem(user_name, password, environment);
        let mut store = Self::with_directory(directory.into(), stem, true);
        store.file.is_shared = true;
        store
    }

    fn with_directory(directory: PathBuf, stem: String, is_secret: bool) -> Self {
        // A change of the working directory moves no store. An empty path stays one, and is refused later.
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        let names = Names::new(directory, stem, is_secret);

        let file = TokenFile { names, codec: Codec::Plain, is_shared: false };
        Self { file, lock_timeout: DEFAULT_LOCK_TIMEOUT, held: Arc::default() }
    }

    /// Encrypts the file: AES-256-GCM under the active key of the sealer's ring. The keys of the ring open it, so that it
    /// outlives a change of keys: the next save is under the new one. Default: not encrypted.
    ///
    /// A file under a key that the ring does not have is an error, and stays as it is. A file in clear is ignored, and the
    /// next save replaces it. The tokens of one account do not open as those of another. The file never expires, and an older
    /// copy of it opens too: the API then refuses what is in it.
    ///
    /// Not for a file that is shared with the Ergani SDK, which could not read it: every call is an error then.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::client::{Account, FileTokenStore, StoredTokens, TokenStore};
    /// use tower_tokens::sealed::{Key, KeyRing, Sealer};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let directory = home.path().join("tokens");
    /// let keys = KeyRing::new(Key::generate("2026-11")?);
    /// let account = Account::new("ann", "https://api.example.org", "production");
    /// let store = FileTokenStore::new(directory, &account).with_sealer(Sealer::new(keys, "tokens of our API client")?);
    /// store.save(&StoredTokens::new("a-token")).await?;
    /// assert!(!std::fs::read_to_string(store.path())?.contains("a-token"));
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "sealed")]
    #[must_use]
    pub fn with_sealer(mut self, sealer: Sealer) -> Self {
        self.file.codec = Codec::Sealed(Sealing::new(sealer, self.file.names.stem()));
        self
    }

    /// Sets how long [`lock`](TokenStore::lock) waits. Default: [`DEFAULT_LOCK_TIMEOUT`].
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// The file of the tokens. For one that is [shared with the Ergani SDK](Self::shared_with_ergani_sdk) the name is a secret.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.file.names.tokens()
    }

    /// Forgets the tokens of every account in this directory, and gives the number of accounts that had some. A directory
    /// that is not there has none.
    ///
    /// It removes the regular files whose name and whose content are those of a file of this store or of the Ergani SDK, and
    /// nothing else: no other file, no link, no directory. It waits for the lock of each account, for 30 seconds at most.
    /// Tokens that a manager has in memory stay there.
    ///
    /// # Errors
    /// As [`FileTokenStore`]; all other accounts are forgotten.
    pub async fn forget_all(directory: impl AsRef<Path>) -> Result<u64, ClientError> {
        forget::all(directory.as_ref(), DEFAULT_LOCK_TIMEOUT).await
    }

    /// Runs `work` off the asynchronous threads, with the lock if this store has it.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&TokenFile, Option<&Held>) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        if self.file.is_shared && !self.file.codec.is_plain() {
            return Err(misconfigured("a file shared with the Ergani SDK cannot be encrypted".to_owned(), None));
        }
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let file = self.file.clone();
        off_thread(move || work(&file, held.as_deref())).await
    }
}

#[async_trait]
impl TokenStore for FileTokenStore {
    async fn load(&self) -> Result<Option<StoredTokens>, ClientError> {
        self.run(|file, held| Ok(file.read(held)?.and_then(|document| document.tokens))).await
    }

    async fn save(&self, tokens: &StoredTokens) -> Result<(), ClientError> {
        let tokens = tokens.clone();
        self.run(move |file, held| {
            let names = &file.names;
            directory::create(names.directory())?;
            let document = file.read(held)?.unwrap_or_default();
            let text = file.codec.encode(&document, &tokens)?;
            if text.len() as u64 > MAX_TOKEN_FILE_BYTES {
                return Err(refused(format!(
                    "cannot write {names}: it would be larger than {MAX_TOKEN_FILE_BYTES} bytes"
                )));
            }
            write::remove_leftovers(names).map_err(failed("cannot remove old temporary files of", names))?;
            write::replace(names, &text).map_err(failed("cannot write", names))
        })
        .await
    }

    async fn clear(&self) -> Result<(), ClientError> {
        self.run(|file, _held| {
            if !directory::check(file.names.directory())? {
                return Ok(());
            }
            let removed = forget::remove(&file.names, Scope::Own);
            removed.map(drop).map_err(failed("cannot remove", &file.names))
        })
        .await
    }

    async fn lock(&self) -> Result<StoreLock, ClientError> {
        let held = Arc::new(lock::take(&self.file.names, self.lock_timeout).await?);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&held);
        Ok(StoreLock::new(held))
    }
}

impl fmt::Debug for FileTokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTokenStore")
            .field("file", &format_args!("{}", self.file.names))
            .field("lock_timeout", &self.lock_timeout)
            .finish_non_exhaustive()
    }
}
