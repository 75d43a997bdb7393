//! AES-256-GCM: the one place that calls the cipher.

use std::fmt;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};

use crate::error::{Error, ErrorKind};

/// Length of a key in bytes.
pub const KEY_BYTES: usize = 32;
/// Length of a nonce in bytes (SP 800-38D §8.2: 96 bits).
pub(super) const NONCE_BYTES: usize = 12;
/// Length of an authentication tag in bytes: never truncated.
pub(super) const TAG_BYTES: usize = 16;

/// AES-256-GCM with its key prepared: round keys and the GHASH table are computed once, not once a token.
#[derive(Clone)]
pub(super) struct Cipher(Aes256Gcm);

impl Cipher {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Encrypts `text` in place and gives the tag.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a text of 64 GiB or more.
    pub(super) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], Error> {
        let tag = self.0.encrypt_inout_detached(nonce.into(), associated, text.into());
        tag.map(Into::into).map_err(|_| Error::new(ErrorKind::InvalidInput))
    }

    /// Decrypts `text` in place if `tag` is right, and leaves it as it is if not.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`], whatever is wrong.
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), Error> {
        let opened = self.0.decrypt_inout_detached(nonce.into(), associated, text.into(), tag.into());
        opened.map_err(|_| Error::new(ErrorKind::InvalidToken))
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, nonce, associated data, text, sealed text, tag: SP 800-38D's GCM validation vectors ("The Galois/Counter Mode of
    /// Operation", test cases 13 to 16), and Wycheproof's `aes_gcm_test.json`, tcId 116, 117, 128 and 129.
    const VALID: &[[&str; 6]] = &[
        [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "000000000000000000000000",
            "",
            "",
            "",
            "530f8afbc74536b9a963b4f1c4cb738b",
        ],
        [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "000000000000000000000000",
            "",
            "00000000000000000000000000000000",
            "cea7403d4d606b6e074ec5d3baf39d18",
            "d0d1c8a799996bf0265b98b5d48ab919",
        ],
        [
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657\
             ba637b391aafd255",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a\
             bcc9f662898015ad",
            "b094dac5d93471bdec1a502270e3cc6c",
        ],
        [
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657\
             ba637b39",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a\
             bcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ],
        [
            "0f112e59cdccd851c3b8e76c9f05a3b7c2e4feca5846afeb351c1cbcace82f04",
            "7147973339d86789a2c9a958",
            "37128be45f0a7f329546e1492c3c9c2d2534d5b1f5147e49ab91221e7c3edea21bbe47bfe3619437ce3c61e6e946c504f348296918219e51\
             bf2c5598589cff",
            "102e5804dda1fb5d656077edb15cadb5d0bdee8c",
            "618ac626ae0e8d06c2fd2fb66be253dc26ed6e38",
            "d8d93ff975cb988f09174dcd439cb6a4",
        ],
        [
            "2ce6b4c15f85fb2da5cc6c269491eef281980309181249ebf2832bd6d0732d0b",
            "c064fae9173b173fd6f11f34",
            "498d3075b09fed998280583d61bb36b6ce41f130063b80824d1586e143d349b126b16aa10fe57343ed223d6364ee602257fe313a7fc9bf90\
             88f027795b8dc1d3",
            "f8a27a4baf00dc0555d222f2fa4fb42dc666ea3c",
            "aed58d8a252f740dba4bf6d36773bd5b41234bba",
            "01f93d7456aa184ebb49bea472b6d65d",
        ],
        [
            "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f",
            "000000000000000000000000",
            "",
            "561008fa07a68f5c61285cd013464eaf",
            "23293e9b07ca7d1b0cae7cc489a973b3",
            "ffffffffffffffffffffffffffffffff",
        ],
        [
            "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f",
            "ffffffffffffffffffffffff",
            "",
            "c6152244cea1978d3e0bc274cf8c0b3b",
            "7cb6fc7c6abc009efe9551a99f36a421",
            "00000000000000000000000000000000",
        ],
    ];

    /// Wycheproof's tcId 130 to 144: one sealed text under tags of which a bit is flipped.
    const FLIPPED_TAGS: [&str; 15] = [
        "9de8fef6d8ab1bf1bf887232eab590dd",
        "9ee8fef6d8ab1bf1bf887232eab590dd",
        "1ce8fef6d8ab1bf1bf887232eab590dd",
        "9ce9fef6d8ab1bf1bf887232eab590dd",
        "9ce8fe76d8ab1bf1bf887232eab590dd",
        "9ce8fef6d9ab1bf1bf887232eab590dd",
        "9ce8fef6daab1bf1bf887232eab590dd",
        "9ce8fef6d8ab1b71bf887232eab590dd",
        "9ce8fef6d8ab1bf1be887232eab590dd",
        "9ce8fef6d8ab1bf13f887232eab590dd",
        "9ce8fef6d8ab1bf1bfa87232eab590dd",
        "9ce8fef6d8ab1bf1bf887332eab590dd",
        "9ce8fef6d8ab1bf1bf887232ebb590dd",
        "9ce8fef6d8ab1bf1bf887232e8b590dd",
        "9ce8fef6d8ab1bf1bf8872326ab590dd",
    ];

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_published_vectors_seal_and_open() {
        for [key, nonce, associated, text, sealed, tag] in VALID {
            let cipher = Cipher::new(&bytes(key));
            let (nonce, associated) = (bytes(nonce), hex::decode(associated).unwrap());
            let mut buffer = hex::decode(text).unwrap();
            let found = cipher.seal(&nonce, &associated, &mut buffer).unwrap();
            assert_eq!((hex::encode(&buffer).as_str(), hex::encode(found).as_str()), (*sealed, *tag));
            cipher.open(&nonce, &associated, &mut buffer, &bytes(tag)).unwrap();
            assert_eq!(hex::encode(&buffer), *text);
        }
    }

    #[test]
    fn a_flipped_bit_in_the_tag_opens_nothing() {
        let cipher = Cipher::new(&bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
        let (nonce, sealed) = (bytes("505152535455565758595a5b"), bytes("b2061457c0759fc1749f174ee1ccadfa"));
        let open = |tag: &str| {
            let mut buffer: [u8; 16] = sealed;
            let opened = cipher.open(&nonce, &[], &mut buffer, &bytes(tag));
            (opened.map_err(|error| error.kind()), buffer)
        };
        for tag in FLIPPED_TAGS {
            assert_eq!(open(tag), (Err(ErrorKind::InvalidToken), sealed), "{tag}");
        }
        let right = "9ce8fef6d8ab1bf1bf887232eab590dd";
        assert_eq!(open(right), (Ok(()), bytes("202122232425262728292a2b2c2d2e2f")));
    }
}
