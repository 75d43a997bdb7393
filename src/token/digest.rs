//! What a store keeps and looks up instead of the token's text.

use std::fmt;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// The SHA-256 of a token's whole text.
///
/// A stolen database of digests opens nothing. No salt and no slow hash are needed, because a token is not a password:
/// nobody guesses 178 bits.
///
/// # Source
/// FIPS 180-4.
///
/// # Example
/// ```
/// use tower_tokens::token::TokenDigest;
///
/// let digest = TokenDigest::of("abc");
/// assert_eq!(digest.as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
/// assert_eq!(format!("{digest:?}"), "TokenDigest([redacted])");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(one_block(text.as_bytes()).map_or_else(|| Sha256::digest(text).into(), hash_block))
    }

    /// The 32 bytes that a store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest that a store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest([redacted])")
    }
}

/// What a store finds a token by: its text and its digest, computed once. A store keeps one of the two; ours keep the
/// digest, and only somebody else's table that holds tokens in clear needs the text.
#[derive(Clone, Copy)]
pub struct TokenKey<'a> {
    text: &'a str,
    digest: TokenDigest,
}

impl<'a> TokenKey<'a> {
    /// The key of the token with this text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, digest: TokenDigest::of(text) }
    }

    /// The digest, which is what a store should keep.
    #[must_use]
    pub const fn digest(&self) -> &TokenDigest {
        &self.digest
    }

    /// The secret text, for a store that has to keep it in clear.
    #[must_use]
    pub const fn expose_secret(&self) -> &'a str {
        self.text
    }
}

impl fmt::Debug for TokenKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey([redacted])")
    }
}

/// Bytes of a block, and of the length that ends the last one (FIPS 180-4 §5.1.1).
const BLOCK_BYTES: usize = 64;
const LENGTH_BYTES: usize = 8;

/// The initial hash value of SHA-256 (FIPS 180-4 §5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The text padded to its only block, or `None` if it needs more than one. Most tokens need one, and padding them here
/// saves a third of the time that the buffered hash takes.
///
/// # Source
/// FIPS 180-4 §5.1.1.
fn one_block(text: &[u8]) -> Option<[u8; BLOCK_BYTES]> {
    let mut block = [0; BLOCK_BYTES];
    let (content, length) = block.split_at_mut(BLOCK_BYTES - LENGTH_BYTES);
    let (end, _) = content.get_mut(text.len()..)?.split_first_mut()?;
    *end = 0x80;
    content[..text.len()].copy_from_slice(text);
    length.copy_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    Some(block)
}

fn hash_block(block: [u8; BLOCK_BYTES]) -> [u8; 32] {
    let mut state = INITIAL;
    compress256(&mut state, &[block]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_block_and_of_more_have_their_sha_256() {
        for length in 0..200 {
            let text = "aB3_".repeat(50)[..length].to_owned();
            assert_eq!(TokenDigest::of(&text).as_bytes(), &<[u8; 32]>::from(Sha256::digest(&text)), "{length} bytes");
            assert_eq!(one_block(text.as_bytes()).is_some(), length <= 55, "{length} bytes");
        }
    }
}
