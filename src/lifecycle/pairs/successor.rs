//! The successor of a refresh token, encrypted so that only its predecessor opens it.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::random;
use crate::token::Token;

/// What the key is derived for, so that it is not the digest that stores keep.
const KEY_PURPOSE: &[u8] = b"tower-tokens: the successor of a refresh token\0";

/// Length of a nonce in bytes (SP 800-38D §8.2: 96 bits).
const NONCE_BYTES: usize = 12;

/// Length of an authentication tag in bytes.
const TAG_BYTES: usize = 16;

/// Encrypts the pair that follows `predecessor`: `nonce ‖ ciphertext ‖ tag`.
///
/// The key is the SHA-256 of a purpose and the predecessor's text, which has 370 random bits: no slow derivation is needed.
///
/// # Errors
/// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the operating system gives no random bytes.
pub(super) fn seal(predecessor: &Token, refresh: &Token, access: &Token) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_BYTES];
    random::fill(&mut nonce)?;
    let mut text = Zeroizing::new([refresh.expose_secret(), " ", access.expose_secret()].concat().into_bytes());
    let tag = cipher(predecessor).encrypt_inout_detached((&nonce).into(), &[], text.as_mut_slice().into());
    let tag: [u8; TAG_BYTES] = tag.map_err(|_| Error::from(ErrorKind::InvalidInput))?.into();
    Ok([&nonce[..], &text, &tag].concat())
}

/// The refresh and the access token that follow `predecessor`. `None`: this is not its successor.
pub(super) fn open(predecessor: &Token, sealed: &[u8]) -> Option<(Token, Token)> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_BYTES)?;
    let (text, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_BYTES)?)?;
    let (nonce, tag): ([u8; NONCE_BYTES], [u8; TAG_BYTES]) = (nonce.try_into().ok()?, tag.try_into().ok()?);
    let mut text = Zeroizing::new(text.to_vec());
    cipher(predecessor).decrypt_inout_detached((&nonce).into(), &[], text.as_mut_slice().into(), (&tag).into()).ok()?;
    let (refresh, access) = std::str::from_utf8(&text).ok()?.split_once(' ')?;
    Some((Token::parse(refresh).ok()?, Token::parse(access).ok()?))
}

fn cipher(predecessor: &Token) -> Aes256Gcm {
    let mut digest = Sha256::new();
    digest.update(KEY_PURPOSE);
    digest.update(predecessor.expose_secret());
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(digest.finalize().into());
    Aes256Gcm::new((&*key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::parse(text).unwrap()
    }

    #[test]
    fn only_the_predecessor_opens_its_successor() {
        let sealed = seal(&token("one"), &token("two"), &token("access")).unwrap();
        assert_eq!(open(&token("one"), &sealed), Some((token("two"), token("access"))));
        assert_eq!(open(&token("two"), &sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(open(&token("one"), &changed), None, "{place}");
            assert_eq!(open(&token("one"), &sealed[..place]), None, "{place}");
        }
        assert_ne!(seal(&token("one"), &token("two"), &token("access")).unwrap(), sealed, "a nonce is used once");
    }
}
