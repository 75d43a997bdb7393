//! The hash that the store in memory, and a cache, keep in place of a token's text.

use std::fmt;
use std::hash::{Hash, Hasher};

use siphasher::sip128::SipHasher13;

use crate::error::Error;
use crate::random;
use crate::token::TokenKey;

/// A keyed 128-bit hash of a token's whole text, in a third of the time that a digest takes. Whoever does not know the
/// key, which never leaves this process, can only guess: another text has the hash of a given token once in 2^128.
///
/// # Source
/// SipHash (Aumasson and Bernstein, 2012) with 128 bits of output. One and three rounds, as in Rust's own hash maps, are
/// enough where an attacker sees no output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LookupHash {
    // Two numbers, because one of 128 bits is aligned to 16 bytes, which takes place in each entry of a map.
    lower: u64,
    upper: u64,
}

impl LookupHash {
    /// The half by which an index finds the entry of a map.
    pub(crate) const fn short(self) -> ShortHash {
        ShortHash(self.lower)
    }
}

impl Hash for LookupHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.short().hash(state);
    }
}

/// Half of a [`LookupHash`], by which an index finds an entry that is there. The token of a request is looked up by the whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShortHash(u64);

impl papaya::Equivalent<LookupHash> for ShortHash {
    fn equivalent(&self, hash: &LookupHash) -> bool {
        *self == hash.short()
    }
}

impl fmt::Debug for ShortHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShortHash([redacted])")
    }
}

impl fmt::Debug for LookupHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookupHash([redacted])")
    }
}

/// The key of one map of hashes.
#[derive(Clone)]
pub(crate) struct HashKey(SipHasher13);

impl HashKey {
    /// A random key.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut key = [0; 16];
        random::fill(&mut key)?;
        Ok(Self(SipHasher13::new_with_key(&key)))
    }

    #[inline]
    pub(crate) fn hash(&self, token: TokenKey<'_>) -> LookupHash {
        let hash = self.0.hash(token.as_bytes());
        LookupHash { lower: hash.h1, upper: hash.h2 }
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey([redacted])")
    }
}

/// A hash is as good as random already: half of it is its hash.
#[derive(Debug, Default)]
pub(crate) struct PassThroughHasher(u64);

impl Hasher for PassThroughHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    #[inline]
    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
