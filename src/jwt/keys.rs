//! The keys of an issuer, which can be replaced while tokens are validated.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::error::{Error, ErrorKind};
use crate::jwt::{JwtAlgorithm, JwtKey, jwks};

/// The most keys of one set. Our choice: more than an issuer that rotates its keys every day has in use.
const MAX_KEYS: usize = 256;

/// The longest id of a key, in bytes. Our choice: four times a SHA-256 in hexadecimal.
const MAX_KEY_ID_BYTES: usize = 256;

/// The keys of one issuer: the first that has a private part signs, all of them verify.
///
/// Cheap to clone; clones share the keys, so that a [`reload_jwks`](Self::reload_jwks) or a [`replace`](Self::replace)
/// reaches every validator and issuer that was made with one. Reading takes no lock.
///
/// A token that names a key (`kid`) is verified with this key alone, and is not valid if there is none. A token that names
/// no key is verified if one key alone has its algorithm.
///
/// To rotate your own keys, [`replace`](Self::replace) them with a set that has the new one in front, and leave the old
/// one out when its last token has expired.
///
/// # Security
/// Keep the keys of two issuers in two sets with two validators: each of them can sign whatever the other signs. No key
/// is ever fetched, and none is taken from a token (`jwk`, `jku`, `x5u`, `x5c` are ignored).
///
/// # Example
/// ```
/// use tower_tokens::jwt::JwtKeys;
///
/// // The application has fetched this from the partner's `jwks_uri`, and does so again every few hours.
/// let document = r#"{"keys": [{
///     "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "2026-11",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
/// }]}"#;
/// let keys = JwtKeys::from_jwks(document)?;
/// assert_eq!(keys.ids(), ["2026-11"]);
///
/// assert!(keys.reload_jwks("<html>502 Bad Gateway</html>").is_err());
/// assert_eq!(keys.ids(), ["2026-11"], "the keys before it stay");
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone)]
pub struct JwtKeys(Arc<ArcSwap<Vec<JwtKey>>>);

impl JwtKeys {
    /// The set of these keys, 1 to 256.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for no key or more than 256, for an id that is empty or longer than 256 bytes, and for
    /// two keys of one algorithm that have the same id or have none.
    pub fn new(keys: impl IntoIterator<Item = JwtKey>) -> Result<Self, Error> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(checked(keys)?))))
    }

    /// The public keys of a JWK set, a JSON text (RFC 7517 §5).
    ///
    /// Keys for encryption, of an algorithm that is not supported, and keys that cannot be read are left out, as RFC 7517
    /// §5 says. So are secrets (`oct`), because a document that others can read must not have one. A key without `alg`
    /// verifies RS256, ES256 or EdDSA, by its type.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a text that is not a JWK set or has no key that can be used, and as
    /// [`new`](Self::new).
    pub fn from_jwks(document: &str) -> Result<Self, Error> {
        Self::new(jwks::parse(document)?)
    }

    /// Puts these keys in place of the present ones, for every clone at once.
    ///
    /// # Errors
    /// As [`new`](Self::new). The present keys stay.
    pub fn replace(&self, keys: impl IntoIterator<Item = JwtKey>) -> Result<(), Error> {
        self.0.store(Arc::new(checked(keys)?));
        Ok(())
    }

    /// Puts the keys of a JWK set in place of the present ones, for every clone at once.
    ///
    /// # Errors
    /// As [`from_jwks`](Self::from_jwks). The present keys stay.
    pub fn reload_jwks(&self, document: &str) -> Result<(), Error> {
        self.replace(jwks::parse(document)?)
    }

    /// The public keys as a JWK set, a JSON text, for those who verify your tokens. Secrets of HS256 are left out.
    #[must_use]
    pub fn to_jwks(&self) -> String {
        jwks::write(&self.0.load())
    }

    /// The ids of the keys, in their order. A key without an id is left out.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.0.load().iter().filter_map(JwtKey::id).map(str::to_owned).collect()
    }

    pub(super) fn load(&self) -> Guard<Arc<Vec<JwtKey>>> {
        self.0.load()
    }
}

/// The key that verifies a token with this `kid` and `alg`, or why there is none.
pub(super) fn find<'k>(keys: &'k [JwtKey], id: Option<&str>, algorithm: &str) -> Result<&'k JwtKey, &'static str> {
    let has_algorithm = |key: &&JwtKey| key.algorithm().as_str() == algorithm;
    if let Some(id) = id {
        let mut of_id = keys.iter().filter(|key| key.id() == Some(id)).peekable();
        of_id.peek().ok_or("no key has this kid")?;
        return of_id.find(has_algorithm).ok_or("alg is not the algorithm of the key");
    }
    let mut of_algorithm = keys.iter().filter(has_algorithm);
    let first = of_algorithm.next().ok_or("no key has this alg")?;
    if of_algorithm.next().is_some() {
        return Err("there is no kid, and several keys have this alg");
    }
    Ok(first)
}

fn checked(keys: impl IntoIterator<Item = JwtKey>) -> Result<Vec<JwtKey>, Error> {
    let keys: Vec<_> = keys.into_iter().take(MAX_KEYS + 1).collect();
    let refused = |why: &'static str| Err(Error::with_source(ErrorKind::InvalidInput, why));
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return refused("a set has 1 to 256 keys");
    }
    if keys.iter().filter_map(JwtKey::id).any(|id| id.is_empty() || id.len() > MAX_KEY_ID_BYTES) {
        return refused("the id of a key is 1 to 256 bytes long");
    }
    let mut names: Vec<(Option<&str>, &'static str)> =
        keys.iter().map(|key| (key.id(), JwtAlgorithm::as_str(key.algorithm()))).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return refused("two keys of one algorithm have the same id, or none");
    }
    Ok(keys)
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JwtKeys").field(&**self.load()).finish()
    }
}
