//! JWK sets: public keys as a JSON document.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::jwt::JwtAlgorithm;
use crate::jwt::key::{JwtKey, PublicParameters, refused};

/// A key that cannot be read must not make the others unusable, so each is parsed by itself.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// The keys of a JWK set that can verify tokens.
pub(super) fn parse(document: &str) -> Result<Vec<JwtKey>, Error> {
    let document: Document = serde_json::from_str(document).map_err(|_| refused("not a JWK set"))?;
    let keys: Vec<_> = document.keys.into_iter().filter_map(key).collect();
    if keys.is_empty() {
        return Err(refused("the JWK set has no key that can verify a token"));
    }
    Ok(keys)
}

/// The public keys as a JWK set.
pub(super) fn write(keys: &[JwtKey]) -> String {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let public = keys.iter().filter_map(|key| {
        let mut jwk = match key.public_parameters()? {
            PublicParameters::Rsa { n, e } => json!({"kty": "RSA", "n": text(&n), "e": text(&e)}),
            PublicParameters::P256 { x, y } => json!({"kty": "EC", "crv": "P-256", "x": text(&x), "y": text(&y)}),
            PublicParameters::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": text(&x)}),
        };
        jwk["use"] = "sig".into();
        jwk["alg"] = key.algorithm().as_str().into();
        if let Some(id) = key.id() {
            jwk["kid"] = id.into();
        }
        Some(jwk)
    });
    json!({"keys": public.collect::<Vec<_>>()}).to_string()
}

/// The key, or `None` if it is of no use here.
fn key(value: Value) -> Option<JwtKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let is_for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
    let verifies = jwk.common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    if !is_for_signatures || !verifies {
        return None;
    }
    let algorithm = match (&jwk.algorithm, jwk.common.key_algorithm) {
        (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => JwtAlgorithm::Rs256,
        (AlgorithmParameters::EllipticCurve(key), None | Some(KeyAlgorithm::ES256))
            if key.curve == EllipticCurve::P256 =>
        {
            JwtAlgorithm::Es256
        }
        (AlgorithmParameters::OctetKeyPair(key), None | Some(KeyAlgorithm::EdDSA))
            if key.curve == EllipticCurve::Ed25519 =>
        {
            JwtAlgorithm::EdDsa
        }
        _ => return None,
    };
    let key = JwtKey::checked(algorithm, DecodingKey::from_jwk(&jwk).ok()?, None).ok()?;
    Some(match jwk.common.key_id {
        Some(id) => key.with_id(id),
        None => key,
    })
}
