//! Seals payloads for one purpose, and reads and judges what was sealed for it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use zeroize::optimization_barrier;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::sealed::aead::NONCE_BYTES;
use crate::sealed::format::layout as format;
use crate::sealed::format::layout::{
    Binding, FINGERPRINT_BYTES, MAX_PURPOSE_BYTES, Metadata, Parts, associated_data, decode, encode, write_clear_part,
};
use crate::sealed::format::text::SealedToken;
use crate::sealed::keys::prepared::PreparedKey;
use crate::sealed::keys::ring::KeyRing;
use crate::sealed::once::revocation::RevocationList;
use crate::token::{Lifetime, TokenUuid};
use crate::user::Issuer;

/// Seals payloads for one purpose, and opens what was sealed for it.
///
/// Cheap to clone. The payload is any `serde` type and is kept as JSON; integers of 64 bits come back exactly.
///
/// # Security
/// A token sealed for one purpose never opens for another, though the key be the same. What cannot be opened gives one
/// and the same error, [`ErrorKind::InvalidToken`], whatever is wrong with it; [`ErrorKind::Expired`] is only said of a
/// token that is genuine.
///
/// # Example
/// See [the module](crate::sealed).
#[derive(Clone)]
pub struct Sealer(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    keys: KeyRing,
    purpose: Box<str>,
    clock: Arc<dyn Clock>,
    revoked: Option<RevocationList>,
    issuer: Issuer,
}

impl Sealer {
    /// The sealer for this purpose: 1 to 128 bytes of any text, such as `"password reset"`. It is not secret, it is no
    /// part of the token, and it has to be the same for as long as its tokens live.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for an empty or a longer purpose.
    pub fn new(keys: KeyRing, purpose: &str) -> Result<Self, Error> {
        if purpose.is_empty() || purpose.len() > MAX_PURPOSE_BYTES {
            return Err(Error::with_source(ErrorKind::Configuration, "a purpose is 1 to 128 bytes of text"));
        }
        let (clock, issuer) = (Arc::new(SystemClock), Issuer::new(purpose));
        Ok(Self(Arc::new(Settings { keys, purpose: purpose.into(), clock, revoked: None, issuer })))
    }

    /// Sets the clock. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        Arc::make_mut(&mut self.0).clock = Arc::new(clock);
        self
    }

    /// Sets the list of tokens that end before they expire. Default: none.
    #[must_use]
    pub fn with_revocation_list(mut self, list: RevocationList) -> Self {
        Arc::make_mut(&mut self.0).revoked = Some(list);
        self
    }

    /// Seals a payload for this long. [`Lifetime::never_expires`] has to be written out.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a lifetime of less than a second or with an idle limit (a sealed token does not know
    /// when it was last used), for a payload that cannot be written as JSON, and for one that makes a text longer than
    /// [`MAX_SEALED_TEXT_BYTES`](super::MAX_SEALED_TEXT_BYTES). [`ErrorKind::Unavailable`] when the operating system gives
    /// no random bytes.
    pub fn seal<P>(&self, payload: &P, lifetime: impl Into<Lifetime>) -> Result<SealedToken, Error>
    where
        P: Serialize + ?Sized,
    {
        self.write_new(payload, lifetime.into(), None)
    }

    /// What it seals for.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.0.purpose
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    /// The list of tokens that end before they expire.
    #[must_use]
    pub fn revocation_list(&self) -> Option<&RevocationList> {
        self.0.revoked.as_ref()
    }

    /// Whether `text` begins as every sealed token does. Costs nothing: for a validator that stands before another.
    pub(crate) fn could_have_sealed(text: &str) -> bool {
        format::begins_like_a_token(text)
    }

    pub(super) fn write_new<P>(
        &self,
        payload: &P,
        lifetime: Lifetime,
        state: Option<&[u8]>,
    ) -> Result<SealedToken, Error>
    where
        P: Serialize + ?Sized,
    {
        let refused = |why: &'static str| Err(Error::with_source(ErrorKind::InvalidInput, why));
        if lifetime.idle_limit().is_some() {
            return refused("a sealed token cannot have an idle limit");
        }
        if lifetime.absolute_limit().is_some_and(|limit| limit.whole_seconds() < 1) {
            return refused("a sealed token lives for a second at least, and never ends if that is written out");
        }
        // UUID and nonce in one call of the operating system, which costs more than all else.
        let mut random = [[0; 16]; 2];
        random::fill(random.as_flattened_mut())?;
        let [uuid, [nonce @ .., _, _, _, _]] = random;
        let issued_at = self.now();
        let expires_at = lifetime.ends_at(issued_at);
        let metadata = Metadata { uuid: TokenUuid::from_random_bytes(uuid), issued_at, expires_at };
        let keys = self.0.keys.load();
        self.write_with_nonce(&keys.active, payload, &metadata, state, nonce)
    }

    pub(super) fn write_with_nonce<P>(
        &self,
        key: &PreparedKey,
        payload: &P,
        metadata: &Metadata,
        state: Option<&[u8]>,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<SealedToken, Error>
    where
        P: Serialize + ?Sized,
    {
        let mut buffer = Zeroizing(Vec::with_capacity(INITIAL_BYTES));
        let clear = write_clear_part(&mut buffer.0, key, &nonce);
        metadata.write(&mut buffer.0);
        if let Some(state) = state {
            buffer.0.extend_from_slice(&state_fingerprint(key, metadata.uuid, state));
        }
        let written = serde_json::to_writer(&mut buffer.0, payload);
        written.map_err(|_| Error::with_source(ErrorKind::InvalidInput, UNWRITABLE))?;
        let binding = if state.is_some() { Binding::State } else { Binding::Plain };
        let associated = associated_data(key.id.as_str().as_bytes(), binding, &self.0.purpose)?;
        let tag = key.cipher.seal(&nonce, &associated, &mut buffer.0[clear..])?;
        buffer.0.extend_from_slice(&tag);
        encode(&buffer.0).map(SealedToken::new)
    }

    pub(super) fn issuer(&self) -> Issuer {
        self.0.issuer
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Judges a token that was opened before as it stands now: its key may have been revoked meanwhile, or the token
    /// itself, or it may have expired. Gives the time of the judgement.
    pub(super) fn judge(
        &self,
        metadata: &Metadata,
        key: &PreparedKey,
        if_expired: IfExpired,
    ) -> Result<Timestamp, Error> {
        let keys = self.0.keys.load();
        if keys.find(key.id.as_str().as_bytes()).is_none_or(|found| **found != *key) {
            return Err(ErrorKind::InvalidToken.into());
        }
        self.judge_metadata(metadata, if_expired)
    }

    fn judge_metadata(&self, metadata: &Metadata, if_expired: IfExpired) -> Result<Timestamp, Error> {
        if self.0.revoked.as_ref().is_some_and(|list| list.contains(metadata.uuid)) {
            return Err(ErrorKind::InvalidToken.into());
        }
        let now = self.now();
        if if_expired == IfExpired::Refuse && metadata.expires_at.has_passed(now) {
            return Err(ErrorKind::Expired.into());
        }
        Ok(now)
    }

    /// Decodes, authenticates and judges `text`, and gives what is in it to `then`.
    pub(super) fn read<T>(
        &self,
        text: &str,
        binding: Binding,
        if_expired: IfExpired,
        then: impl FnOnce(Opening<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let invalid = || Error::new(ErrorKind::InvalidToken);
        let mut bytes = Zeroizing(decode(text)?);
        let parts = Parts::split(&mut bytes.0).ok_or_else(invalid)?;
        let keys = self.0.keys.load();
        let key = keys.find(parts.key_id).ok_or_else(invalid)?;
        let associated = associated_data(parts.key_id, binding, &self.0.purpose)?;
        key.cipher.open(parts.nonce, &associated, parts.sealed, parts.tag)?;
        let (metadata, rest) = Metadata::read(parts.sealed).ok_or_else(invalid)?;
        let now = self.judge_metadata(&metadata, if_expired)?;
        then(Opening { key, metadata, rest, now })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("purpose", &self.purpose()).field("keys", self.keys()).finish_non_exhaustive()
    }
}

/// What is wrong with a payload; serde's own error could repeat a part of it.
pub(super) const UNWRITABLE: &str = "the payload cannot be written as JSON";

/// Room for most tokens, so that growing leaves no copy of the plain text behind.
const INITIAL_BYTES: usize = 1_024;

/// What to do with a token that is genuine and expired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IfExpired {
    Refuse,
    Open,
}

/// An authentic token.
pub(super) struct Opening<'a> {
    pub(super) key: &'a Arc<PreparedKey>,
    pub(super) metadata: Metadata,
    /// The fingerprint, if the binding asks for one, and the payload.
    pub(super) rest: &'a [u8],
    pub(super) now: Timestamp,
}

/// The payload, out of JSON.
pub(super) fn parse<'de, P: serde::Deserialize<'de>>(json: &'de [u8]) -> Result<P, Error> {
    let why = "the token is genuine, and its payload is not of the expected type";
    // One look at all the text is cheaper than one at each string in it.
    let parsed = std::str::from_utf8(json).ok().and_then(|json| serde_json::from_str(json).ok());
    parsed.ok_or_else(|| Error::with_source(ErrorKind::InvalidToken, why))
}

/// The keyed digest of a state, cut to 128 bits. The UUID is in it so that equal states do not show in two tokens.
pub(super) fn state_fingerprint(key: &PreparedKey, uuid: TokenUuid, state: &[u8]) -> [u8; FINGERPRINT_BYTES] {
    let digest = key.fingerprint(&[uuid.as_bytes(), state]);
    let mut fingerprint = [0; FINGERPRINT_BYTES];
    fingerprint.copy_from_slice(&digest[..FINGERPRINT_BYTES]);
    fingerprint
}

/// Bytes that are wiped on drop. Filling and a barrier, for wiping byte by byte would cost a tenth of opening a token.
struct Zeroizing(Vec<u8>);

impl Drop for Zeroizing {
    fn drop(&mut self) {
        self.0.fill(0);
        optimization_barrier(self.0.as_slice());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::keys::key::Key;

    /// Computed by another implementation too (Node.js, `createCipheriv("aes-256-gcm")`), from the documentation alone.
    const PLAIN: &str =
        "AQJrMaChoqOkpaanqKmqq-YZfi5BzkS46myN2At3ztFwrFkQ-bao-ZwOJoYUqo2kqVQyjMpQcQdrrnmOPNIGG8IUMOORo7srwv7x";
    const BOUND: &str = "AQJrMaChoqOkpaanqKmqq-YZfi5BzkS46myN2At3ztFwrFkQ-bao-ZwOJoYUqo2ktxltthSHLK_6D2YEadDy0zw5MzsHojhEdWx2Whv2Srybc58spEfVK97FOQ";

    fn golden_metadata() -> Metadata {
        let uuid = "00010203-0405-4607-8809-0a0b0c0d0e0f".parse().unwrap();
        let issued_at = Timestamp::from_unix_seconds(1_795_287_701);
        Metadata { uuid, issued_at, expires_at: crate::token::Expiry::At(issued_at + time::Duration::hours(1)) }
    }

    #[test]
    fn the_vectors_of_version_1_are_written_as_documented() {
        let key: Vec<u8> = (0..32).collect();
        let sealer = Sealer::new(KeyRing::new(Key::from_bytes("k1", &key).unwrap()), "test vector").unwrap();
        let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|index| 0xa0 + index as u8);
        let payload = serde_json::json!({"user": 42});
        let keys = sealer.keys().load();
        let plain = sealer.write_with_nonce(&keys.active, &payload, &golden_metadata(), None, nonce).unwrap();
        let bound = sealer.write_with_nonce(&keys.active, &payload, &golden_metadata(), Some(b"state"), nonce).unwrap();
        assert_eq!(plain.expose_secret(), PLAIN);
        assert_eq!(bound.expose_secret(), BOUND);
        assert!(include_str!("mod.rs").contains(PLAIN), "the documented vector is another");
    }
}
