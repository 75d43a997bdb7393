//! Tokens that Primordyx, a PHP framework, makes and opens.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, UtcOffset};
use zeroize::Zeroizing;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::sealed::aead::{Cipher, NONCE_BYTES};
use crate::sealed::opened::{UNWRITABLE, iso_8601};
use crate::sealed::sealer::parse;
use crate::sealed::text::SealedToken;
use crate::token::{Expiry, Lifetime};

/// The longest text of a Primordyx token that is made or opened, in bytes: two hexadecimal digits a byte. What is longer
/// is refused before it is decoded. Our choice.
pub const MAX_PRIMORDYX_TEXT_BYTES: usize = 131_072;

/// Makes and opens the shareable tokens of Primordyx's PHP class `Token`.
///
/// # Source
/// Primordyx `Token::makeShareableToken`: lower-case hexadecimal of nonce (12 bytes), ciphertext and tag (16 bytes),
/// AES-256-GCM without associated data; the key is the SHA-256 of the passphrase; the plain text is `{"k": "…"}` around the
/// JSON text `{"timestamp", "seconds_to_expire", "custom"}`. `seconds_to_expire` of 0 or less never expires.
///
/// # Security
/// For a site that moves away from PHP. Such a token has no purpose, no number and no key id, and its key is as good as the
/// passphrase. New tokens should come from a [`Sealer`](super::Sealer).
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
    /// For the tokens under this passphrase.
    #[must_use]
    pub fn new(passphrase: &str) -> Self {
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(Sha256::digest(passphrase.as_bytes()).into());
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
    /// As [`Sealer::seal`](super::Sealer::seal).
    pub fn seal<P>(&self, payload: &P, lifetime: impl Into<Lifetime>) -> Result<SealedToken, Error>
    where
        P: Serialize + ?Sized,
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
        let unwritable = |_| refused(UNWRITABLE);
        let mut custom = serde_json::value::to_raw_value(payload).map_err(unwritable)?;
        if custom.get() == "null" {
            custom = RawValue::from_string("[]".to_owned()).map_err(unwritable)?;
        }
        let timestamp = self.clock.now().unix_seconds();
        let inner =
            serde_json::to_string(&Inner { timestamp, seconds_to_expire, custom: &custom }).map_err(unwritable)?;
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
    /// As [`Sealer::open`](super::Sealer::open).
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
        let inner: Inner<'_> = parse(outer.k.as_bytes())?;
        let custom = inner.custom.get();
        let payload = parse(custom.as_bytes()).or_else(|error| {
            // PHP cannot tell an empty map from an empty list.
            if custom == "[]" { parse(b"{}") } else { Err(error) }
        })?;
        Ok(PrimordyxToken {
            payload,
            issued_at: Timestamp::from_unix_seconds(inner.timestamp),
            expires_at: expiry(inner.timestamp, inner.seconds_to_expire),
            checked_at: self.clock.now(),
        })
    }
}

impl fmt::Debug for Primordyx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Primordyx").finish_non_exhaustive()
    }
}

/// A Primordyx token's payload (its `custom` value) and its times.
#[derive(Debug, Clone)]
pub struct PrimordyxToken<P> {
    payload: P,
    issued_at: Timestamp,
    expires_at: Expiry,
    checked_at: Timestamp,
}

impl<P> PrimordyxToken<P> {
    /// The payload.
    #[must_use]
    pub const fn payload(&self) -> &P {
        &self.payload
    }

    /// The payload alone.
    #[must_use]
    pub fn into_payload(self) -> P {
        self.payload
    }

    /// When the token was made.
    #[must_use]
    pub fn issued_at(&self) -> OffsetDateTime {
        self.issued_at.into()
    }

    /// When the token expires.
    #[must_use]
    pub const fn expires_at(&self) -> Expiry {
        self.expires_at
    }

    /// When the token expires, as ISO 8601 text at this offset from UTC. `None` for never.
    #[must_use]
    pub fn expires_at_text(&self, offset: UtcOffset) -> Option<String> {
        iso_8601(self.expires_at, offset)
    }

    /// Whether the token had expired when it was opened.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expires_at.has_passed(self.checked_at)
    }

    /// Whether the token is expired at `now`: `now >= expires_at`.
    #[must_use]
    pub fn is_expired_at(&self, now: OffsetDateTime) -> bool {
        self.expires_at.has_passed(now.into())
    }
}

#[derive(Serialize, Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    k: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Inner<'a> {
    timestamp: i64,
    seconds_to_expire: i64,
    /// Not a `serde_json::Value`, which would turn integers beyond 64 bits into floating-point numbers.
    #[serde(borrow)]
    custom: &'a RawValue,
}

fn expiry(timestamp: i64, seconds_to_expire: i64) -> Expiry {
    match seconds_to_expire {
        ..=0 => Expiry::Never,
        seconds => Expiry::At(Timestamp::from_unix_seconds(timestamp.saturating_add(seconds))),
    }
}
