//! One key and its id.

use std::fmt;

use arrayvec::ArrayString;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::random;
use crate::sealed::aead::KEY_BYTES;

/// The longest key id in bytes.
pub(in crate::sealed) const MAX_KEY_ID_BYTES: usize = 32;

/// The name of a key, which stands in clear in every token that the key seals: 1 to 32 characters of `[A-Za-z0-9._-]`.
///
/// A date makes a good one: `2026-11`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(ArrayString<MAX_KEY_ID_BYTES>);

impl KeyId {
    /// Takes text that is a key id.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for any other text.
    pub fn new(text: &str) -> Result<Self, Error> {
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let id = ArrayString::from(text).ok().filter(|id| is_word && !id.is_empty());
        let why = "a key id is 1 to 32 characters of [A-Za-z0-9._-]";
        id.map(Self).ok_or_else(|| Error::with_source(ErrorKind::InvalidInput, why))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.0)
    }
}

/// A 256-bit key and its id.
///
/// # Security
/// `Debug` shows the id alone; the memory is wiped on drop. Two keys must never share an id, and a key must not be used
/// for anything else.
///
/// # Example
/// ```
/// use tower_tokens::sealed::Key;
///
/// let key = Key::generate("2026-11")?;
/// let same = Key::from_base64("2026-11", &key.expose_secret_base64())?;
/// assert_eq!(format!("{same:?}"), r#"Key { id: KeyId(2026-11), secret: [redacted] }"#);
/// assert!(Key::from_base64("short", "c2hvcnQ").is_err());
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    secret: Zeroizing<[u8; KEY_BYTES]>,
}

impl Key {
    /// Generates a key from the operating system's generator.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for what is not a key id, [`ErrorKind::Unavailable`] when the operating system gives no
    /// random bytes.
    pub fn generate(id: &str) -> Result<Self, Error> {
        let mut key = Self { id: KeyId::new(id)?, secret: Zeroizing::new([0; KEY_BYTES]) };
        random::fill(&mut *key.secret)?;
        Ok(key)
    }

    /// Takes 32 bytes, which must come from a random generator.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for what is not a key id, or for any other number of bytes.
    pub fn from_bytes(id: &str, secret: &[u8]) -> Result<Self, Error> {
        let id = KeyId::new(id)?;
        let why = "a key is 32 bytes long";
        let secret = secret.try_into().map_err(|_| Error::with_source(ErrorKind::InvalidInput, why))?;
        Ok(Self { id, secret: Zeroizing::new(secret) })
    }

    /// Takes the base64 of 32 bytes, in the standard or the URL-safe alphabet, padded or not.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for what is not a key id, or not that. The error does not repeat the text.
    pub fn from_base64(id: &str, text: &str) -> Result<Self, Error> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if text.contains(['+', '/']) { &alphabet::STANDARD } else { &alphabet::URL_SAFE };
        let secret = GeneralPurpose::new(alphabet, config).decode(text).map(Zeroizing::new);
        let why = "a key is the base64 of 32 bytes";
        let secret = secret.map_err(|_| Error::with_source(ErrorKind::InvalidInput, why))?;
        Self::from_bytes(id, &secret)
    }

    /// The SHA-256 of a passphrase, text or any bytes, as the key, for tokens that other programs make in this way.
    ///
    /// # Security
    /// For compatibility alone. A passphrase that a person can remember can be guessed, and one SHA-256 does not slow
    /// the guessing down. [`generate`](Self::generate) a key wherever you can choose.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for what is not a key id.
    pub fn from_passphrase(id: &str, passphrase: impl AsRef<[u8]>) -> Result<Self, Error> {
        let digest: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(Sha256::digest(passphrase).into());
        Self::from_bytes(id, &*digest)
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The secret as URL-safe base64 without padding, only for a key file or a secret store.
    #[must_use]
    pub fn expose_secret_base64(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.secret.as_slice())
    }

    pub(in crate::sealed) fn secret(&self) -> &[u8; KEY_BYTES] {
        &self.secret
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("secret", &format_args!("[redacted]")).finish()
    }
}
