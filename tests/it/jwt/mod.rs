mod checks;
mod claims;

mod issue;
mod keys;
mod must_fail;
mod over_http;
mod properties;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::error::Error;
use tower_tokens::jwt::{JwtKey, JwtKeys, JwtValidator, JwtValidatorBuilder};
use tower_tokens::token::TokenKey;
use tower_tokens::user::{CurrentUser, UserLevel};
use tower_tokens::validator::{TokenValidator, Validation};

pub(crate) const NOW: i64 = 1_795_287_701;
pub(crate) const ISSUER: &str = "https://partner.example";
pub(crate) const AUDIENCE: &str = "https://api.example";

/// The keys that OpenSSL generated. They protect nothing.
pub(crate) const RS256_PRIVATE: &[u8] = include_bytes!("../../fixtures/jwt/rs256_private.pem");
pub(crate) const RS256_PUBLIC: &[u8] = include_bytes!("../../fixtures/jwt/rs256_public.pem");
pub(crate) const ES256_PRIVATE: &[u8] = include_bytes!("../../fixtures/jwt/es256_private.pem");
pub(crate) const ES256_PUBLIC: &[u8] = include_bytes!("../../fixtures/jwt/es256_public.pem");
pub(crate) const EDDSA_PRIVATE: &[u8] = include_bytes!("../../fixtures/jwt/eddsa_private.pem");
pub(crate) const EDDSA_PUBLIC: &[u8] = include_bytes!("../../fixtures/jwt/eddsa_public.pem");
pub(crate) const JWKS: &str = include_str!("../../fixtures/jwt/jwks.json");

/// Tokens that another implementation signed, of each algorithm one.
pub(crate) static GOLDEN: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../fixtures/jwt/golden.json")).unwrap());

pub(crate) const ALGORITHMS: [&str; 4] = ["HS256", "RS256", "ES256", "EdDSA"];

pub(crate) fn golden(algorithm: &str) -> &'static str {
    GOLDEN["tokens"][algorithm].as_str().unwrap()
}

pub(crate) fn secret() -> &'static str {
    GOLDEN["secret"].as_str().unwrap()
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_unix_seconds(NOW))
}

pub(crate) fn member() -> UserLevel {
    UserLevel::new(2, "member")
}

/// The four keys, which only verify if they can.
pub(crate) fn keys() -> JwtKeys {
    JwtKeys::new([
        JwtKey::hs256(secret()).unwrap().with_id("hs256"),
        JwtKey::rs256_public_pem(RS256_PUBLIC).unwrap().with_id("rs256"),
        JwtKey::es256_public_pem(ES256_PUBLIC).unwrap().with_id("es256"),
        JwtKey::eddsa_public_pem(EDDSA_PUBLIC).unwrap().with_id("eddsa"),
    ])
    .unwrap()
}

pub(crate) fn settings(keys: JwtKeys) -> JwtValidatorBuilder {
    JwtValidator::builder(keys).issuer(ISSUER).audience(AUDIENCE).level(member()).clock(clock())
}

pub(crate) fn validator() -> JwtValidator {
    settings(keys()).build().unwrap()
}

/// Valid claims.
pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": NOW - 60, "exp": NOW + 300})
}

/// The valid claims with one changed, or removed if `value` is `None`.
pub(crate) fn with(claim: &str, value: impl Into<Option<Value>>) -> Value {
    let mut claims = claims();
    match value.into() {
        Some(value) => claims[claim] = value,
        None => drop(claims.as_object_mut().unwrap().remove(claim)),
    }
    claims
}

pub(crate) fn header(algorithm: &str) -> Value {
    json!({"alg": algorithm, "typ": "at+jwt", "kid": algorithm.to_lowercase()})
}

/// A token with any header and any claims, signed with the key of this algorithm.
pub(crate) fn token(algorithm: &str, header: &Value, claims: &Value) -> String {
    signed(algorithm, &header.to_string(), &claims.to_string())
}

pub(crate) fn signed(algorithm: &str, header: &str, claims: &str) -> String {
    let (algorithm, key) = match algorithm {
        "HS256" => (Algorithm::HS256, EncodingKey::from_secret(secret().as_bytes())),
        "RS256" => (Algorithm::RS256, EncodingKey::from_rsa_pem(RS256_PRIVATE).unwrap()),
        "ES256" => (Algorithm::ES256, EncodingKey::from_ec_pem(ES256_PRIVATE).unwrap()),
        _ => (Algorithm::EdDSA, EncodingKey::from_ed_pem(EDDSA_PRIVATE).unwrap()),
    };
    signed_with(algorithm, &key, header, claims)
}

pub(crate) fn signed_with(algorithm: Algorithm, key: &EncodingKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = (DEFAULT_PROVIDER.signer_factory)(&algorithm, key).unwrap().try_sign(message.as_bytes()).unwrap();
    format!("{message}.{}", encode(signature))
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The user, by the way of the layer; `validate_now` always answers.
pub(crate) fn user(validator: &JwtValidator, text: &str) -> Option<CurrentUser> {
    match validator.validate_now(TokenKey::new(text)) {
        Some(Validation::Valid(user)) => Some(user),
        Some(Validation::Invalid) => None,
        other => panic!("it is valid or not: {other:?}"),
    }
}

/// Why a token is not valid.
pub(crate) fn why(refused: Result<CurrentUser, Error>) -> String {
    let error = refused.unwrap_err();
    std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
}
