//! The layout of a sealed token, version 1.

use arrayvec::ArrayVec;
use base64_simd::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::sealed::aead::{NONCE_BYTES, TAG_BYTES};
use crate::sealed::keys::key::MAX_KEY_ID_BYTES;
use crate::sealed::keys::prepared::PreparedKey;
use crate::token::{Expiry, TokenUuid};

/// The longest text of a sealed token that is sealed or opened, in bytes. What is longer is refused before anything is
/// decoded. Our choice: far more than a URL, a header or a cookie holds, and quick to refuse.
pub const MAX_SEALED_TEXT_BYTES: usize = 65_536;

/// The longest purpose in bytes. Our choice: it is copied for every token.
pub const MAX_PURPOSE_BYTES: usize = 128;

const VERSION: u8 = 1;
const UUID_BYTES: usize = 16;
pub(in crate::sealed) const FINGERPRINT_BYTES: usize = 16;
/// UUID, issued at, expires at.
const METADATA_BYTES: usize = UUID_BYTES + 8 + 8;
/// Stands for "never": no [`Timestamp`] is as late.
const NEVER: i64 = i64::MAX;

/// Whether a token is bound to a state. It is associated data and not part of the token, so that a bound token never opens
/// where the state would not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sealed) enum Binding {
    Plain = 0,
    State = 1,
}

/// What every sealed token says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sealed) struct Metadata {
    pub(in crate::sealed) uuid: TokenUuid,
    pub(in crate::sealed) issued_at: Timestamp,
    pub(in crate::sealed) expires_at: Expiry,
}

/// The parts of a token whose tag has not been checked.
pub(in crate::sealed) struct Parts<'a> {
    pub(in crate::sealed) key_id: &'a [u8],
    pub(in crate::sealed) nonce: &'a [u8; NONCE_BYTES],
    pub(in crate::sealed) sealed: &'a mut [u8],
    pub(in crate::sealed) tag: &'a [u8; TAG_BYTES],
}

type AssociatedData = ArrayVec<u8, { 3 + MAX_KEY_ID_BYTES + MAX_PURPOSE_BYTES }>;

/// Version, binding, length of the key id, key id, purpose: no two different lists give the same bytes.
pub(in crate::sealed) fn associated_data(
    key_id: &[u8],
    binding: Binding,
    purpose: &str,
) -> Result<AssociatedData, Error> {
    let mut data = AssociatedData::new();
    data.extend([VERSION, binding as u8, key_id.len() as u8]);
    let fits = data.try_extend_from_slice(key_id).and_then(|()| data.try_extend_from_slice(purpose.as_bytes()));
    fits.map_err(|_| ErrorKind::InvalidInput)?;
    Ok(data)
}

/// Version, key id, nonce: what stands in clear before the sealed part. Gives the length of it.
pub(in crate::sealed) fn write_clear_part(buffer: &mut Vec<u8>, key: &PreparedKey, nonce: &[u8; NONCE_BYTES]) -> usize {
    let id = key.id.as_str().as_bytes();
    buffer.extend_from_slice(&[VERSION, id.len() as u8]);
    buffer.extend_from_slice(id);
    buffer.extend_from_slice(nonce);
    buffer.len()
}

/// Whether `text` begins with the version and the length of a key id.
///
/// The first base64 digit holds the upper six bits of the version, the second its lower two and the upper four of the
/// length, which is 32 at most.
pub(in crate::sealed) const fn begins_like_a_token(text: &str) -> bool {
    matches!(text.as_bytes(), [b'A', b'Q'..=b'S', ..])
}

/// The decoded bytes of `text`.
pub(in crate::sealed) fn decode(text: &str) -> Result<Vec<u8>, Error> {
    if text.len() > MAX_SEALED_TEXT_BYTES {
        return Err(ErrorKind::InvalidToken.into());
    }
    // Strict: no padding, no other alphabet, no bits to spare, so that a token has one text.
    URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| ErrorKind::InvalidToken.into())
}

/// The text of `bytes`.
pub(in crate::sealed) fn encode(bytes: &[u8]) -> Result<String, Error> {
    if URL_SAFE_NO_PAD.encoded_length(bytes.len()) > MAX_SEALED_TEXT_BYTES {
        return Err(Error::with_source(ErrorKind::InvalidInput, "a sealed token is at most 65536 bytes of text long"));
    }
    Ok(URL_SAFE_NO_PAD.encode_to_string(bytes))
}

impl<'a> Parts<'a> {
    pub(in crate::sealed) fn split(bytes: &'a mut [u8]) -> Option<Self> {
        let [VERSION, id_length, rest @ ..] = bytes else { return None };
        let id_length = usize::from(*id_length);
        let (key_id, rest) = rest.split_at_mut_checked(id_length)?;
        let (nonce, rest) = rest.split_first_chunk_mut()?;
        let (sealed, tag) = rest.split_last_chunk_mut()?;
        Some(Self { key_id, nonce, sealed, tag })
    }
}

impl Metadata {
    pub(in crate::sealed) fn write(&self, buffer: &mut Vec<u8>) {
        let expires_at = self.expires_at.at().map_or(NEVER, Timestamp::unix_seconds);
        buffer.extend_from_slice(self.uuid.as_bytes());
        buffer.extend_from_slice(&self.issued_at.unix_seconds().to_be_bytes());
        buffer.extend_from_slice(&expires_at.to_be_bytes());
    }

    /// The metadata and what stands after them.
    pub(in crate::sealed) fn read(opened: &[u8]) -> Option<(Self, &[u8])> {
        let (metadata, rest) = opened.split_first_chunk::<METADATA_BYTES>()?;
        let (uuid, times) = metadata.split_first_chunk()?;
        let (issued_at, expires_at) = times.split_first_chunk()?;
        let expires_at = match i64::from_be_bytes(expires_at.try_into().ok()?) {
            NEVER => Expiry::Never,
            seconds => Expiry::At(Timestamp::from_unix_seconds(seconds)),
        };
        let issued_at = Timestamp::from_unix_seconds(i64::from_be_bytes(*issued_at));
        Some((Self { uuid: TokenUuid::from_bytes(*uuid), issued_at, expires_at }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_a_key_id_begins_like_a_token() {
        for length in 0..=u8::MAX {
            let text = encode(&[VERSION, length, 0xff]).unwrap();
            assert_eq!(begins_like_a_token(&text), usize::from(length) <= MAX_KEY_ID_BYTES + 15, "{length}");
        }
        assert!(!begins_like_a_token("") && !begins_like_a_token("A"));
        assert!(!begins_like_a_token(&encode(&[VERSION + 1, 2, 0]).unwrap()));
    }

    #[test]
    fn the_longest_associated_data_fits() {
        let data = associated_data(&[b'k'; MAX_KEY_ID_BYTES], Binding::State, &"p".repeat(MAX_PURPOSE_BYTES)).unwrap();
        assert!(data.is_full());
    }
}
