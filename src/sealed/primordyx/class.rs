//! Makes and opens the tokens of the PHP class.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::sealed::aead::{Cipher, NONCE_BYTES};
use crate::sealed::format::text::SealedToken;
use crate::sealed::primordyx::cargo::{CUSTOM, Cargo, SECONDS_TO_EXPIRE, TIMESTAMP};
use crate::sealed::primordyx::token::PrimordyxToken;
use crate::sealed::sealer::UNWRITABLE;
use crate::sealed::sealer::parse;
use crate::token::Lifetime;

/// The longest text of a Primordyx token that is made or opened, in bytes: two hexadecimal digits a byte. What is longer
/// is refused before it is decoded. Our choice.
pub const MAX_PRIMORDYX_TEXT_BYTES: usize = 131_072;

/// Makes and opens the shareable tokens of Primordyx's PHP class `Token`.
///
/// # Source
/// Primordyx `Token::makeShareableToken`: lower-case hexadecimal of nonce (12 bytes), ciphertext and tag (16 bytes),
/// AES-256-GCM without associated data; the key is the SHA-256 of the passphrase; the plain text is `{"k": "…"}` around the
/// JSON text `{"timestamp", "seconds_to_expire", "custom"}`, which may have other entries. `seconds_to_expire` of 0 or less
/// never expires. The chapter [coming from Primordyx](crate::guide::coming_from_primordyx) goes through the class method by
/// method.
///
/// # Security
/// For a site that moves away from PHP. Such a token has no purpose, no number and no key id, and its key is as good as the
/// passphrase. New tokens should come from a [`Sealer`](crate::sealed::Sealer).
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::sealed::Primordyx;
///
/// let php = Primordyx::new("correct horse battery staple");
/// let token = php.seal(&("user", 7), Duration::hours(1))?;
/// assert_eq!(php.open::<(String, i64)>(token.expose_secret())?.payload(), &("user".to_owned(), 7));
/// assert!(Primordyx::new("another passphrase").open::<(String, i64)>(token.expose_secret()).is_err());
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone)]
pub struct Primordyx {
    cipher: Cipher,
    clock: Arc<dyn Clock>,
}

impl Primordyx {
    /// For the tokens under this passphrase: text, or any bytes, as a PHP string is.
    #[must_use]
    pub fn new(passphrase: impl AsRef<[u8]>) -> Self {
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(Sha256::digest(passphrase).into());
        Self { cipher: Cipher::new(&key), clock: Arc::new(SystemClock) }
    }

    /// Sets the clock. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes a token that the PHP class opens. A payload that is JSON `null` is written as `[]`, PHP's empty array.
    ///
    /// # Errors
    /// As [`Sealer::seal`](crate::sealed::Sealer::seal).
    pub fn seal<P>(&self, payload: &P, lifetime: impl Into<Lifetime>) -> Result<SealedToken, Error>
    where
        P: Serialize + ?Sized,
    {
        self.seal_with_entries(payload, lifetime, &())
    }

    /// Makes a token with other cargo entries beside the payload, which the PHP class reads with `getCargo()->get(…)`.
    /// `entries` is a map, or a struct.
    ///
    /// # Errors
    /// As [`seal`](Self::seal), and [`ErrorKind::InvalidInput`] for entries that are no map, or that are named `timestamp`,
    /// `seconds_to_expire` or `custom`.
    pub fn seal_with_entries<P, E>(
        &self,
        payload: &P,
        lifetime: impl Into<Lifetime>,
        entries: &E,
    ) -> Result<SealedToken, Error>
    where
        P: Serialize + ?Sized,
        E: Serialize + ?Sized,
    {
        let refused = |why: &'static str| Error::with_source(ErrorKind::InvalidInput, why);
        let lifetime = lifetime.into();
        if lifetime.idle_limit().is_some() {
            return Err(refused("a sealed token cannot have an idle limit"));
        }
        let seconds_to_expire = lifetime.absolute_limit().map_or(0, |limit| limit.whole_seconds());
        if lifetime.absolute_limit().is_some() && seconds_to_expire < 1 {
            return Err(refused("a sealed token lives for a second at least, and never ends if that is written out"));
        }
        let entries = Cargo::of(entries)?;
        if entries.names().any(|name| [TIMESTAMP, SECONDS_TO_EXPIRE, CUSTOM].contains(&name)) {
            return Err(refused("timestamp, seconds_to_expire and custom are the token's own entries"));
        }
        let unwritable = |_| refused(UNWRITABLE);
        let mut custom = to_raw_value(payload).map_err(unwritable)?;
        if custom.get() == "null" {
            custom = RawValue::from_string("[]".to_owned()).map_err(unwritable)?;
        }
        let mut cargo = Cargo::default();
        cargo.push(TIMESTAMP, to_raw_value(&self.clock.now().unix_seconds()).map_err(unwritable)?);
        cargo.push(SECONDS_TO_EXPIRE, to_raw_value(&seconds_to_expire).map_err(unwritable)?);
        cargo.push(CUSTOM, custom);
        cargo.extend(entries);
        let inner = serde_json::to_string(&cargo).map_err(unwritable)?;
        let mut bytes = vec![0; NONCE_BYTES];
        serde_json::to_writer(&mut bytes, &Outer { k: inner.into() }).map_err(unwritable)?;
        let (nonce, text) = bytes.split_first_chunk_mut().ok_or(ErrorKind::InvalidInput)?;
        random::fill(nonce)?;
        let tag = self.cipher.seal(nonce, &[], text)?;
        bytes.extend_from_slice(&tag);
        if bytes.len() * 2 > MAX_PRIMORDYX_TEXT_BYTES {
            return Err(refused("a Primordyx token is at most 131072 bytes of text long"));
        }
        Ok(SealedToken::new(hex::encode(bytes)))
    }

    /// Opens a token, in upper-case hexadecimal too.
    ///
    /// # Errors
    /// As [`Sealer::open`](crate::sealed::Sealer::open).
    pub fn open<P: DeserializeOwned>(&self, text: &str) -> Result<PrimordyxToken<P>, Error> {
        let opened = self.open_even_if_expired(text)?;
        if opened.is_expired() { Err(ErrorKind::Expired.into()) } else { Ok(opened) }
    }

    /// Opens a token whether it is expired or not, to look into it.
    ///
    /// # Security
    /// Ask [`is_expired`](PrimordyxToken::is_expired) before you act on it.
    ///
    /// # Errors
    /// As [`open`](Self::open), without [`ErrorKind::Expired`].
    pub fn open_even_if_expired<P: DeserializeOwned>(&self, text: &str) -> Result<PrimordyxToken<P>, Error> {
        let invalid = || Error::new(ErrorKind::InvalidToken);
        if text.len() > MAX_PRIMORDYX_TEXT_BYTES {
            return Err(invalid());
        }
        let mut bytes = Zeroizing::new(hex::decode(text).map_err(|_| invalid())?);
        let (nonce, rest) = bytes.split_first_chunk_mut().ok_or_else(invalid)?;
        let (sealed, tag) = rest.split_last_chunk_mut().ok_or_else(invalid)?;
        self.cipher.open(nonce, &[], sealed, tag)?;
        let outer: Outer<'_> = parse(sealed)?;
        PrimordyxToken::read(parse(outer.k.as_bytes())?, self.clock.now())
    }
}

impl fmt::Debug for Primordyx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Primordyx").finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    k: Cow<'a, str>,
}
