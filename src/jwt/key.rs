//! One key, its algorithm and its id.

use std::fmt;

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{DecodingKey, DecodingKeyKind, EncodingKey};

use crate::error::{Error, ErrorKind};
use crate::jwt::JwtAlgorithm;

/// The shortest secret of HS256 in bytes (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;

/// The sizes of an RSA key in bits: at least 2,048 (RFC 7518 §3.3), and at most what the library verifies.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// A key that verifies tokens and, if it has a secret or private part, signs them.
///
/// Its algorithm is fixed when it is made. A token whose header names another algorithm is not valid, so that an RSA key
/// can never be used as the secret of HS256.
///
/// # Security
/// `Debug` shows the id and the algorithm alone. The memory of the key is wiped on drop.
///
/// # Example
/// ```
/// use tower_tokens::jwt::JwtKey;
///
/// let key = JwtKey::hs256(b"a secret of at least 32 random bytes")?.with_id("2026-11");
/// assert_eq!(format!("{key:?}"), r#"JwtKey { id: Some("2026-11"), algorithm: Hs256, signs: true }"#);
/// assert!(JwtKey::hs256(b"secret").is_err(), "too short");
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone)]
pub struct JwtKey {
    id: Option<Box<str>>,
    algorithm: JwtAlgorithm,
    verifying: DecodingKey,
    signing: Option<EncodingKey>,
}

impl JwtKey {
    /// The secret of HS256, which both sides have: at least 32 random bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a shorter one.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        let secret = secret.as_ref();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(refused("the secret of HS256 is at least 32 random bytes long"));
        }
        let signing = EncodingKey::from_secret(secret);
        Self::checked(JwtAlgorithm::Hs256, DecodingKey::from_secret(secret), Some(signing))
    }

    /// An RSA public key of 2,048 to 4,096 bits in PEM (`BEGIN PUBLIC KEY`, `BEGIN RSA PUBLIC KEY`), which verifies RS256.
    /// In a certificate too (`BEGIN CERTIFICATE`), of which nothing but the key is read: neither its issuer nor its end.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for any other text. The error does not repeat it.
    pub fn rs256_public_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let key = DecodingKey::from_rsa_pem(pem.as_ref()).map_err(|_| refused("not the PEM of an RSA public key"))?;
        Self::checked(JwtAlgorithm::Rs256, key, None)
    }

    /// An RSA private key of 2,048 to 4,096 bits in PEM (`BEGIN PRIVATE KEY`, `BEGIN RSA PRIVATE KEY`), which signs and
    /// verifies RS256.
    ///
    /// # Security
    /// The time that the `rsa` crate takes to sign depends on the key (RUSTSEC-2023-0071). Each signature is blinded, which
    /// makes the time hard to use. Prefer [`eddsa_private_pem`](Self::eddsa_private_pem) or
    /// [`es256_private_pem`](Self::es256_private_pem) wherever you can choose. Verifying is not concerned.
    ///
    /// # Errors
    /// As [`rs256_public_pem`](Self::rs256_public_pem).
    pub fn rs256_private_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let not_a_key = |_| refused("not the PEM of an RSA private key");
        let signing = EncodingKey::from_rsa_pem(pem.as_ref()).map_err(not_a_key)?;
        let public = DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_private_key;
        let (n, e) = public(signing.as_bytes()).map_err(not_a_key)?;
        Self::checked(JwtAlgorithm::Rs256, DecodingKey::from_rsa_raw_components(&n, &e), Some(signing))
    }

    /// A public key on P-256 in PEM (`BEGIN PUBLIC KEY`), which verifies ES256.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for any other text, such as a key on another curve. The error does not repeat it.
    pub fn es256_public_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let key = DecodingKey::from_ec_pem(pem.as_ref()).map_err(|_| refused(NOT_P256))?;
        Self::checked(JwtAlgorithm::Es256, key, None)
    }

    /// A private key on P-256 in PEM and PKCS #8 (`BEGIN PRIVATE KEY`), which signs and verifies ES256.
    ///
    /// # Errors
    /// As [`es256_public_pem`](Self::es256_public_pem).
    pub fn es256_private_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let not_a_key = |_| refused("not the PEM of a private key on P-256 in PKCS #8");
        let signing = EncodingKey::from_ec_pem(pem.as_ref()).map_err(not_a_key)?;
        let public = DEFAULT_PROVIDER.key_utils.ec_pub_components_from_private_key;
        let (_, x, y) = public(signing.as_bytes(), JwtAlgorithm::Es256.of_crate()).map_err(not_a_key)?;
        // SEC 1 §2.3.3: an uncompressed point. The library takes it under the name of DER.
        let verifying = DecodingKey::from_ec_der(&[&[4], x.as_slice(), &y].concat());
        Self::checked(JwtAlgorithm::Es256, verifying, Some(signing))
    }

    /// An Ed25519 public key in PEM (`BEGIN PUBLIC KEY`), which verifies EdDSA.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for any other text. The error does not repeat it.
    pub fn eddsa_public_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let key = DecodingKey::from_ed_pem(pem.as_ref()).map_err(|_| refused(NOT_ED25519))?;
        Self::checked(JwtAlgorithm::EdDsa, key, None)
    }

    /// An Ed25519 private key in PEM and PKCS #8 (`BEGIN PRIVATE KEY`), which signs and verifies EdDSA.
    ///
    /// # Errors
    /// As [`eddsa_public_pem`](Self::eddsa_public_pem).
    pub fn eddsa_private_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let not_a_key = |_| refused("not the PEM of an Ed25519 private key in PKCS #8");
        let signing = EncodingKey::from_ed_pem(pem.as_ref()).map_err(not_a_key)?;
        let public = DEFAULT_PROVIDER.key_utils.ed_pub_components_from_private_key;
        let public = public(signing.as_bytes(), &EllipticCurve::Ed25519).map_err(not_a_key)?;
        Self::checked(JwtAlgorithm::EdDsa, DecodingKey::from_ed_der(&public), Some(signing))
    }

    /// Sets the id that tokens name as `kid`: 1 to 256 bytes. Default: none, for tokens without a `kid`.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into().into());
        self
    }

    /// The id that tokens name as `kid`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> JwtAlgorithm {
        self.algorithm
    }

    /// Whether it has the secret or private part that signing needs.
    #[must_use]
    pub const fn signs(&self) -> bool {
        self.signing.is_some()
    }

    /// A key that this library can use, or an error that says why it cannot.
    pub(super) fn checked(
        algorithm: JwtAlgorithm,
        verifying: DecodingKey,
        signing: Option<EncodingKey>,
    ) -> Result<Self, Error> {
        match algorithm {
            JwtAlgorithm::Hs256 => {}
            JwtAlgorithm::Rs256 => {
                let (n, e) = rsa_components(&verifying).ok_or_else(|| refused("not an RSA public key"))?;
                if !RSA_BITS.contains(&bits(&n)) || !is_odd(&n) {
                    return Err(refused("the RSA key of RS256 has 2048 to 4096 bits"));
                }
                if !(2..=33).contains(&bits(&e)) || !is_odd(&e) {
                    return Err(refused("the exponent of the RSA key is an odd number from 3 to 2^33"));
                }
            }
            JwtAlgorithm::Es256 => {
                let is_key = (DEFAULT_PROVIDER.verifier_factory)(&algorithm.of_crate(), &verifying).is_ok();
                is_key.then_some(()).ok_or_else(|| refused(NOT_P256))?;
            }
            JwtAlgorithm::EdDsa => {
                // The library slices the bytes, and panics if they are fewer.
                let is_key = verifying.try_get_as_bytes().is_ok_and(|bytes| bytes.len() == 32)
                    && (DEFAULT_PROVIDER.verifier_factory)(&algorithm.of_crate(), &verifying).is_ok();
                is_key.then_some(()).ok_or_else(|| refused(NOT_ED25519))?;
            }
        }
        Ok(Self { id: None, algorithm, verifying, signing })
    }

    /// Whether `signature` is this key's signature of `message`.
    ///
    /// Asks the library's provider itself: the provider of the process, which `jsonwebtoken::decode` asks, panics if two
    /// crates of one program turned on two of them.
    pub(super) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm.of_crate(), &self.verifying);
        verifier.is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }

    /// The signature of `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signer = self
            .signing
            .as_ref()
            .and_then(|key| (DEFAULT_PROVIDER.signer_factory)(&self.algorithm.of_crate(), key).ok());
        let signature = signer.and_then(|signer| signer.try_sign(message).ok());
        signature.ok_or_else(|| Error::with_source(ErrorKind::Configuration, "the key does not sign"))
    }

    /// The parameters of the public key in a JWK. `None` for a secret.
    pub(super) fn public_parameters(&self) -> Option<PublicParameters> {
        let bytes = || self.verifying.try_get_as_bytes().ok();
        match self.algorithm {
            JwtAlgorithm::Hs256 => None,
            JwtAlgorithm::Rs256 => rsa_components(&self.verifying).map(|(n, e)| PublicParameters::Rsa { n, e }),
            JwtAlgorithm::Es256 => match bytes()? {
                [4, point @ ..] if point.len() == 64 => {
                    let (x, y) = point.split_at(32);
                    Some(PublicParameters::P256 { x: x.to_vec(), y: y.to_vec() })
                }
                _ => None,
            },
            JwtAlgorithm::EdDsa => Some(PublicParameters::Ed25519 { x: bytes()?.to_vec() }),
        }
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("id", &self.id())
            .field("algorithm", &self.algorithm)
            .field("signs", &self.signs())
            .finish()
    }
}

/// The parameters of a public key in a JWK, decoded.
pub(super) enum PublicParameters {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256 { x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

const NOT_P256: &str = "not the PEM of a public key on P-256";
const NOT_ED25519: &str = "not the PEM of an Ed25519 public key";

pub(super) fn refused(why: &'static str) -> Error {
    Error::with_source(ErrorKind::InvalidInput, why)
}

/// Modulus and exponent, big endian.
fn rsa_components(key: &DecodingKey) -> Option<(Vec<u8>, Vec<u8>)> {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => Some((n.clone(), e.clone())),
        DecodingKeyKind::SecretOrDer(der) => (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(der).ok(),
    }
}

/// The length of a big-endian number in bits.
fn bits(number: &[u8]) -> usize {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let significant = &number[first..];
    significant.first().map_or(0, |byte| significant.len() * 8 - byte.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte % 2 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_not_counted() {
        for (number, expected) in
            [(&[][..], 0), (&[0, 0], 0), (&[1], 1), (&[0, 0x80], 8), (&[1, 0, 1], 17), (&[0xff; 256], 2_048)]
        {
            assert_eq!(bits(number), expected, "{number:?}");
        }
    }
}
