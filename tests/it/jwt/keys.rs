//! Keys, sets of keys and JWK sets.

use serde_json::{Value, json};
use tower_tokens::error::ErrorKind;
use tower_tokens::jwt::{JwtAlgorithm, JwtKey, JwtKeys};

use super::*;

const P384_PUBLIC: &[u8] = include_bytes!("../../fixtures/jwt/p384_public.pem");
const P384_PRIVATE: &[u8] = include_bytes!("../../fixtures/jwt/p384_private.pem");
const SHORT_RSA: &[u8] = include_bytes!("../../fixtures/jwt/rs256_1024_bits_public.pem");
const PKCS1: &[u8] = include_bytes!("../../fixtures/jwt/rs256_pkcs1_private.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../fixtures/jwt/rs256_certificate.pem");
const OF_NO_USE: &str = include_str!("../../fixtures/jwt/jwks_with_keys_of_no_use.json");

type FromPem = fn(&[u8]) -> Result<JwtKey, Error>;

#[test]
fn the_tokens_of_another_implementation_are_valid() {
    for algorithm in ALGORITHMS {
        let user = user(&validator(), golden(algorithm)).unwrap();
        assert_eq!(user.id().as_text(), Some("ann"), "{algorithm}");
    }
    let from_jwks = settings(JwtKeys::from_jwks(JWKS).unwrap()).build().unwrap();
    for algorithm in &ALGORITHMS[1..] {
        assert!(user(&from_jwks, golden(algorithm)).is_some(), "{algorithm}");
    }
    assert!(user(&from_jwks, golden("HS256")).is_none(), "the set has no secret");
}

#[test]
fn a_pem_is_a_key_of_its_own_kind_alone() {
    let makers: [(&str, FromPem, &[&[u8]]); 6] = [
        ("rs256 public", |pem| JwtKey::rs256_public_pem(pem), &[RS256_PUBLIC]),
        ("rs256 private", |pem| JwtKey::rs256_private_pem(pem), &[RS256_PRIVATE, PKCS1]),
        ("es256 public", |pem| JwtKey::es256_public_pem(pem), &[ES256_PUBLIC]),
        ("es256 private", |pem| JwtKey::es256_private_pem(pem), &[ES256_PRIVATE]),
        ("eddsa public", |pem| JwtKey::eddsa_public_pem(pem), &[EDDSA_PUBLIC]),
        ("eddsa private", |pem| JwtKey::eddsa_private_pem(pem), &[EDDSA_PRIVATE]),
    ];
    let cut = &EDDSA_PUBLIC[..EDDSA_PUBLIC.len() / 2];
    let short = b"-----BEGIN PUBLIC KEY-----\nMAsGAytlcAMEAAAAAA==\n-----END PUBLIC KEY-----\n";
    let all = [
        RS256_PUBLIC,
        RS256_PRIVATE,
        PKCS1,
        ES256_PUBLIC,
        ES256_PRIVATE,
        EDDSA_PUBLIC,
        EDDSA_PRIVATE,
        P384_PUBLIC,
        P384_PRIVATE,
        SHORT_RSA,
        cut,
        short,
        b"",
        b"secret",
        b"-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----\n",
    ];
    for (name, make, good) in makers {
        for pem in all {
            let made = make(pem);
            assert_eq!(made.is_ok(), good.contains(&pem), "{name}: {}", String::from_utf8_lossy(pem));
            if let Err(error) = made {
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                let shown = format!("{error:?}");
                assert!(shown.len() < 150 && !shown.contains("BEGIN"), "{shown}");
            }
        }
    }
    assert_eq!(JwtKey::rs256_public_pem(RS256_PUBLIC).unwrap().algorithm(), JwtAlgorithm::Rs256);
    let jwks = |key| JwtKeys::new([key]).unwrap().to_jwks();
    let of_certificate = JwtKey::rs256_public_pem(CERTIFICATE).unwrap();
    assert_eq!(jwks(of_certificate), jwks(JwtKey::rs256_public_pem(RS256_PUBLIC).unwrap()));
    assert!(JwtKey::es256_public_pem(CERTIFICATE).is_err() && JwtKey::rs256_private_pem(CERTIFICATE).is_err());
}

#[test]
fn a_secret_is_at_least_32_bytes_long() {
    assert!(JwtKey::hs256([7; 31]).is_err());
    assert!(JwtKey::hs256([7; 32]).is_ok());
}

#[test]
fn a_set_has_keys_that_a_token_can_tell_apart() {
    let secret = |byte: u8| JwtKey::hs256([byte; 32]).unwrap();
    let es256 = || JwtKey::es256_public_pem(ES256_PUBLIC).unwrap();
    let many = |count: u16| JwtKeys::new((0..count).map(|number| secret(1).with_id(number.to_string())));
    assert!(JwtKeys::new([secret(1), secret(2).with_id("2"), es256()]).is_ok());
    assert!(JwtKeys::new([secret(1).with_id("1"), es256().with_id("1")]).is_ok(), "of two algorithms");
    assert!(many(256).is_ok());
    assert!(many(257).is_err());
    for wrong in [
        vec![],
        vec![secret(1), secret(2)],
        vec![secret(1).with_id("1"), secret(2).with_id("1")],
        vec![secret(1).with_id("")],
        vec![secret(1).with_id("k".repeat(257))],
    ] {
        assert_eq!(JwtKeys::new(wrong).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn without_a_kid_the_only_key_of_the_algorithm_verifies() {
    let header = json!({"alg": "HS256", "typ": "at+jwt"});
    let text = token("HS256", &header, &claims());
    let other = || JwtKey::hs256([7; 32]).unwrap().with_id("other");
    let with = |keys: Vec<JwtKey>| settings(JwtKeys::new(keys).unwrap()).build().unwrap();
    let own = || JwtKey::hs256(secret()).unwrap();
    assert!(user(&with(vec![own()]), &text).is_some());
    assert!(user(&with(vec![own().with_id("hs256")]), &text).is_some());
    assert!(user(&with(vec![own(), JwtKey::es256_public_pem(ES256_PUBLIC).unwrap()]), &text).is_some());
    assert!(user(&with(vec![own().with_id("hs256"), other()]), &text).is_none(), "which of them?");
    let named = token("HS256", &super::header("HS256"), &claims());
    assert!(user(&with(vec![own()]), &named).is_none(), "a key without an id is not the one that is named");
}

#[test]
fn keys_of_no_use_are_left_out_of_a_jwk_set() {
    let keys = JwtKeys::from_jwks(OF_NO_USE).unwrap();
    assert_eq!(keys.ids(), ["without alg"]);
    let shown = format!("{keys:?}");
    assert_eq!(shown, r#"JwtKeys([JwtKey { id: Some("without alg"), algorithm: EdDsa, signs: false }])"#);
    for wrong in ["", "{}", "[]", r#"{"keys": {}}"#, r#"{"keys": []}"#, r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#] {
        let error = JwtKeys::from_jwks(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong}");
    }
}

#[test]
fn a_reload_reaches_every_clone_and_a_bad_document_changes_nothing() {
    let keys = JwtKeys::new([JwtKey::hs256([7; 32]).unwrap().with_id("old")]).unwrap();
    let validator = settings(keys.clone()).build().unwrap();
    let text = token("ES256", &header("ES256"), &claims());
    assert!(user(&validator, &text).is_none());
    assert!(keys.reload_jwks("not json").is_err());
    assert_eq!(keys.ids(), ["old"]);
    keys.reload_jwks(JWKS).unwrap();
    assert!(user(&validator, &text).is_some());
    let without: Value = serde_json::from_str(JWKS).unwrap();
    let rest: Vec<_> = without["keys"].as_array().unwrap().iter().filter(|key| key["kid"] != "es256").collect();
    keys.reload_jwks(&json!({"keys": rest}).to_string()).unwrap();
    assert!(user(&validator, &text).is_none(), "a key that is gone verifies nothing");
}

#[test]
fn the_public_document_has_no_secret_and_is_read_back() {
    let keys = JwtKeys::new([
        JwtKey::hs256(secret()).unwrap().with_id("hs256"),
        JwtKey::rs256_private_pem(RS256_PRIVATE).unwrap().with_id("rs256"),
        JwtKey::es256_private_pem(ES256_PRIVATE).unwrap().with_id("es256"),
        JwtKey::eddsa_private_pem(EDDSA_PRIVATE).unwrap().with_id("eddsa"),
    ])
    .unwrap();
    let mut written: Value = serde_json::from_str(&keys.to_jwks()).unwrap();
    let mut expected: Value = serde_json::from_str(JWKS).unwrap();
    for keys in [&mut written, &mut expected] {
        keys["keys"].as_array_mut().unwrap().sort_by_key(|key| key["kid"].as_str().unwrap().to_owned());
    }
    assert_eq!(written, expected, "as the other implementation writes it");
    let from_public = JwtKeys::from_jwks(JWKS).unwrap().to_jwks();
    assert_eq!(serde_json::from_str::<Value>(&from_public).unwrap()["keys"].as_array().unwrap().len(), 3);
    let from_pem = super::keys().to_jwks();
    assert_eq!(
        serde_json::from_str::<Value>(&from_pem).unwrap(),
        serde_json::from_str::<Value>(&keys.to_jwks()).unwrap()
    );
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?} {:?}", keys(), validator());
    assert!(!shown.contains(secret()) && shown.contains("hs256"), "{shown}");
}
