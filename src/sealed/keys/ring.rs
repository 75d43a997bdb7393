//! The keys that seal and open: one active, older ones that only open, revoked ones that do neither.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::error::{Error, ErrorKind};
use crate::sealed::keys::key::{Key, KeyId};
use crate::sealed::keys::key_file;
use crate::sealed::keys::prepared::Keys;

/// The keys of an application: the active one seals and opens, old ones only open, revoked ones do neither.
///
/// Cheap to clone; clones share the keys, so that a [`reload`](Self::reload) or a [`rotate`](Self::rotate) reaches every
/// sealer that was made with one. Reading takes no lock. No key is ever made silently: what is missing is an error.
///
/// # Security
/// A key may seal 2^32 tokens (SP 800-38D §8.3, random 96-bit nonces), of all purposes together; at 100 tokens a second
/// that is 16 months. Rotate well before. An old key can go when the last token that it sealed has expired.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::sealed::{Key, KeyRing, Sealer};
///
/// let keys = KeyRing::new(Key::generate("2026-11")?);
/// let sealer = Sealer::new(keys.clone(), "invitation")?;
/// let token = sealer.seal(&"ann@example.org", Duration::days(7))?;
///
/// keys.rotate(Key::generate("2026-12")?)?;
/// assert_eq!(sealer.open::<String>(token.expose_secret())?.payload(), "ann@example.org");
///
/// keys.revoke("2026-11")?;
/// assert!(sealer.open::<String>(token.expose_secret()).is_err());
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<Shared>);

struct Shared {
    keys: ArcSwap<Keys>,
    file: Option<PathBuf>,
}

impl KeyRing {
    /// The ring whose only key, the active one, is this.
    #[must_use]
    pub fn new(active: Key) -> Self {
        Self::from_keys(Keys::new(&active), None)
    }

    /// Reads a ring from a key file. The file format is described at [the module](crate::sealed#key-files).
    ///
    /// # Security
    /// On Unix the file's mode has an upper bound, for a key that others can read is no secret: neither its group nor others
    /// may have any access, except that the group may read a file that belongs to root. So 0400 and 0600 are right, and
    /// 0440 for what systemd (`LoadCredential=`) and Kubernetes (`defaultMode: 0440` with an `fsGroup`) mount. A symbolic
    /// link is followed, and the file that it leads to is judged. Who owns the file is not asked: a process that can read
    /// another user's private file is root, and was given that path.
    ///
    /// # Source
    /// PostgreSQL has the same rule for its TLS key (`ssl_key_file`: 0600 or less, 0640 or less if root owns it).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a file that is not there, cannot be read, is a directory, a pipe or another thing
    /// that is no file, has a mode beyond the bound, or does not hold a key ring; the source says which, and never repeats
    /// a key.
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Ok(Self::from_keys(key_file::read(path)?, Some(path.to_owned())))
    }

    /// Creates a key file of mode 0600 that holds this one key, active. It never overwrites.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] for a file that is there, [`ErrorKind::Configuration`] for one that cannot be
    /// written.
    pub fn create_file(path: impl AsRef<Path>, active: Key) -> Result<Self, Error> {
        key_file::create(path.as_ref(), &active)?;
        Ok(Self::from_keys(Keys::new(&active), Some(path.as_ref().to_owned())))
    }

    /// Reads the key file again and puts its keys in place of the present ones, for every sealer with this ring at once.
    ///
    /// # Errors
    /// As [`open_file`](Self::open_file), and for a ring that was not read from a file. The present keys stay.
    pub fn reload(&self) -> Result<(), Error> {
        let why = "this key ring was not read from a file";
        let path = self.0.file.as_deref().ok_or_else(|| Error::with_source(ErrorKind::Configuration, why))?;
        self.0.keys.store(Arc::new(key_file::read(path)?));
        Ok(())
    }

    /// Makes `key` the active one; the one before only opens from now on. A key that only opens may be made active again.
    ///
    /// In memory: a key file is not written, and a [`reload`](Self::reload) forgets it.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if another or a revoked key has this id.
    pub fn rotate(&self, key: Key) -> Result<(), Error> {
        self.change(|keys| keys.activate(&key))
    }

    /// Adds a key that only opens. In memory, as [`rotate`](Self::rotate).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if another or a revoked key has this id.
    pub fn add_old(&self, key: Key) -> Result<(), Error> {
        self.change(|keys| keys.add_old(&key))
    }

    /// Revokes a key: no token that it sealed opens from now on, and its id is never used again. In memory, as
    /// [`rotate`](Self::rotate).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for the active key: [`rotate`](Self::rotate) first.
    /// [`ErrorKind::InvalidInput`] for what is not a key id.
    pub fn revoke(&self, id: &str) -> Result<(), Error> {
        let id = KeyId::new(id)?;
        self.change(|keys| keys.revoke(id))
    }

    /// The id of the active key.
    #[must_use]
    pub fn active_id(&self) -> KeyId {
        self.0.keys.load().active.id
    }

    fn from_keys(keys: Keys, file: Option<PathBuf>) -> Self {
        Self(Arc::new(Shared { keys: ArcSwap::from_pointee(keys), file }))
    }

    /// Changes a copy and puts it in place, or starts over if somebody else was faster.
    fn change(&self, change: impl Fn(&mut Keys) -> Result<(), Error>) -> Result<(), Error> {
        loop {
            let before = self.0.keys.load_full();
            let mut after = Keys::clone(&before);
            change(&mut after)?;
            let found = self.0.keys.compare_and_swap(&before, Arc::new(after));
            if Arc::ptr_eq(&found, &before) {
                return Ok(());
            }
        }
    }

    pub(in crate::sealed) fn load(&self) -> Guard<Arc<Keys>> {
        self.0.keys.load()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.load();
        f.debug_struct("KeyRing")
            .field("active", &keys.active.id)
            .field("old", &keys.old_ids())
            .field("revoked", &keys.revoked_ids())
            .field("file", &self.0.file)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, byte: u8) -> Key {
        Key::from_bytes(id, &[byte; 32]).unwrap()
    }

    #[test]
    fn an_id_belongs_to_one_key_for_ever() {
        let ring = KeyRing::new(key("a", 1));
        assert!(ring.rotate(key("a", 2)).is_err());
        ring.rotate(key("b", 2)).unwrap();
        assert!(ring.add_old(key("a", 3)).is_err());
        ring.revoke("a").unwrap();
        assert!(ring.rotate(key("a", 1)).is_err(), "a revoked key came back");
        assert!(ring.revoke("b").is_err(), "nothing would seal");
        assert_eq!(ring.active_id().as_str(), "b");
    }

    #[test]
    fn an_old_key_can_be_made_active_again() {
        let ring = KeyRing::new(key("a", 1));
        ring.rotate(key("b", 2)).unwrap();
        assert!(ring.rotate(key("a", 9)).is_err(), "another secret under the same id");
        ring.rotate(key("a", 1)).unwrap();
        assert_eq!(ring.active_id().as_str(), "a");
        assert!(ring.load().find(b"b").is_some());
    }

    #[test]
    fn debug_shows_no_secret() {
        let ring = KeyRing::new(key("a", b'x'));
        assert_eq!(format!("{ring:?}"), "KeyRing { active: KeyId(a), old: [], revoked: [], file: None }");
    }
}
