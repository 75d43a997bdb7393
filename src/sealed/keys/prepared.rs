//! The keys of a ring at one moment, prepared for use.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, ErrorKind};
use crate::sealed::aead::{Cipher, KEY_BYTES};
use crate::sealed::keys::key::{Key, KeyId};

/// Separates the key of state fingerprints from the key that it is derived from.
const FINGERPRINT_LABEL: &[u8] = b"tower-tokens/sealed/v1/state fingerprint";

/// A snapshot of a ring.
#[derive(Clone)]
pub(in crate::sealed) struct Keys {
    pub(in crate::sealed) active: Arc<PreparedKey>,
    others: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    id: KeyId,
    /// `None`: revoked. The id stays, so that it is not given to another key.
    prepared: Option<Arc<PreparedKey>>,
}

/// A key with all that is computed from it once.
pub(in crate::sealed) struct PreparedKey {
    pub(in crate::sealed) id: KeyId,
    pub(in crate::sealed) cipher: Cipher,
    fingerprint_key: Zeroizing<[u8; KEY_BYTES]>,
}

impl Keys {
    pub(in crate::sealed) fn new(active: &Key) -> Self {
        Self { active: Arc::new(PreparedKey::new(active)), others: Vec::new() }
    }

    /// The key with this id, if it may open.
    pub(in crate::sealed) fn find(&self, id: &[u8]) -> Option<&Arc<PreparedKey>> {
        let keys = std::iter::once(&self.active).chain(self.others.iter().filter_map(|entry| entry.prepared.as_ref()));
        keys.into_iter().find(|key| key.id.as_str().as_bytes() == id)
    }

    /// The keys that only open.
    pub(in crate::sealed) fn old_ids(&self) -> Vec<KeyId> {
        self.others.iter().filter(|entry| entry.prepared.is_some()).map(|entry| entry.id).collect()
    }

    pub(in crate::sealed) fn revoked_ids(&self) -> Vec<KeyId> {
        self.others.iter().filter(|entry| entry.prepared.is_none()).map(|entry| entry.id).collect()
    }

    pub(in crate::sealed) fn add_old(&mut self, key: &Key) -> Result<(), Error> {
        self.check_id_is_free(key.id())?;
        self.others.push(Entry { id: *key.id(), prepared: Some(Arc::new(PreparedKey::new(key))) });
        Ok(())
    }

    pub(in crate::sealed) fn revoke(&mut self, id: KeyId) -> Result<(), Error> {
        if self.active.id == id {
            return Err(refused("the active key cannot be revoked: rotate first"));
        }
        self.others.retain(|entry| entry.id != id);
        self.others.push(Entry { id, prepared: None });
        Ok(())
    }

    pub(in crate::sealed) fn activate(&mut self, key: &Key) -> Result<(), Error> {
        let prepared = PreparedKey::new(key);
        let same = self.others.iter().position(|entry| entry.prepared.as_ref().is_some_and(|old| **old == prepared));
        match same {
            Some(position) => drop(self.others.remove(position)),
            None => self.check_id_is_free(key.id())?,
        }
        let before = std::mem::replace(&mut self.active, Arc::new(prepared));
        self.others.insert(0, Entry { id: before.id, prepared: Some(before) });
        Ok(())
    }

    fn check_id_is_free(&self, id: &KeyId) -> Result<(), Error> {
        if self.active.id == *id || self.others.iter().any(|entry| entry.id == *id) {
            return Err(refused("two keys of a ring have the same id"));
        }
        Ok(())
    }
}

impl PreparedKey {
    fn new(key: &Key) -> Self {
        let fingerprint_key = Zeroizing::new(hmac_sha256(key.secret(), &[FINGERPRINT_LABEL]));
        Self { id: *key.id(), cipher: Cipher::new(key.secret()), fingerprint_key }
    }

    /// The keyed digest of `parts`, for state fingerprints.
    pub(in crate::sealed) fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac_sha256(&self.fingerprint_key, parts)
    }
}

/// The same id and the same secret, seen through what is derived from it.
impl PartialEq for PreparedKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && bool::from(self.fingerprint_key.ct_eq(&*other.fingerprint_key))
    }
}

fn hmac_sha256(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; 32] {
    // A key of half a block is its own block, padded with zeros, so that there is no length to be refused.
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..KEY_BYTES].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block);
    block.as_mut_slice().zeroize();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn refused(why: &'static str) -> Error {
    Error::with_source(ErrorKind::Configuration, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_matches_rfc_4231() {
        // Test case 2 has the key "Jefe", which a block pads with zeros as well.
        let mut jefe = [0; KEY_BYTES];
        jefe[..4].copy_from_slice(b"Jefe");
        let digest = hmac_sha256(&jefe, &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(digest), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
