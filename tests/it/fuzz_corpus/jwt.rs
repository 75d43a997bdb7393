//! Reads any input in every way that a JSON Web Token and its keys are read: nothing panics, and no forgery is valid.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower_tokens::clock::{Clock, Timestamp};
use tower_tokens::jwt::{JwtClaims, JwtIssuer, JwtKey, JwtKeys, JwtValidator};
use tower_tokens::user::UserLevel;

const KEY: [u8; 32] = [7; 32];
const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt","kid":"k"}"#;

/// The clock of the seeds.
#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_795_287_701)
    }
}

/// As a token, as each part of a genuine one, and as keys.
pub(crate) fn read(data: &[u8]) {
    let keys = JwtKeys::new([JwtKey::hs256(KEY).unwrap().with_id("k")]).unwrap();
    let level = UserLevel::new(2, "member");
    let (issuer, audience) = ("https://partner.example", "https://api.example");
    let validator = JwtValidator::builder(keys.clone()).issuer(issuer).audience(audience).level(level.clone());
    let validator = validator.clock(Fixed).build().unwrap();
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(validator.open(text).is_err(), "a forgery is valid");
        let _ = text.parse::<JwtClaims>();
        let _ = JwtKeys::from_jwks(text).map(|keys| JwtKeys::from_jwks(&keys.to_jwks()).unwrap());
    }
    let encoded = URL_SAFE_NO_PAD.encode(data);
    assert!(validator.open(&format!("{}.{encoded}.{encoded}", URL_SAFE_NO_PAD.encode(HEADER))).is_err());

    for (header, claims) in [(data, data), (HEADER.as_bytes(), data), (data, br#"{"sub":"a"}"#)] {
        let Ok(user) = validator.open(&signed(header, claims)) else { continue };
        let claims: Value = serde_json::from_slice(claims).unwrap();
        assert!(claims["iss"] == issuer && claims["sub"] == user.id().to_string());
        assert!(claims["exp"].as_f64().unwrap() > 1_795_287_701.0);
    }
    for make in [JwtKey::rs256_public_pem, JwtKey::es256_public_pem, JwtKey::eddsa_public_pem] {
        let _ = make(data).map(|key| JwtKeys::new([key]).unwrap().to_jwks());
    }
    for make in [JwtKey::rs256_private_pem, JwtKey::es256_private_pem, JwtKey::eddsa_private_pem] {
        let Ok(key) = make(data) else { continue };
        let issuer =
            JwtIssuer::builder(JwtKeys::new([key]).unwrap()).issuer(issuer).audience(audience).build().unwrap();
        let issued = issuer.issue("ann", &level).sign().unwrap();
        assert!(issuer.validator().build().unwrap().open(issued.token().expose_secret()).is_ok());
    }
}

/// A genuine token with any header and claims.
fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac(message.as_bytes())))
}

/// HMAC-SHA-256 under `KEY` (RFC 2104).
fn hmac(message: &[u8]) -> [u8; 32] {
    let pad = |byte: u8| -> Vec<u8> {
        let mut pad = vec![byte; 64];
        pad.iter_mut().zip(KEY).for_each(|(pad, key)| *pad ^= key);
        pad
    };
    let inner = Sha256::digest([&pad(0x36), message].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).into()
}
