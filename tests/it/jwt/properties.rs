//! Whatever a client sends: no panic, and nothing is valid but what was signed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;
use tower_tokens::jwt::{JwtClaims, JwtKey, JwtKeys};

use super::*;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec!["HS256", "none", "hs256", "at+jwt", ISSUER, AUDIENCE, "ann", ""]).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    vec((select(names), json()), 0..5)
        .prop_map(|entries| Value::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

const PARAMETERS: &[&str] = &["alg", "kid", "typ", "crit", "jwk", "jku", "x5c", "b64", "zip"];
const CLAIMS: &[&str] = &["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "auth_time", "scope", "scp"];

proptest! {
    #[test]
    fn any_text_is_answered(text in ".*", bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(user(&validator(), &text).is_none());
        let text = format!("{}.{}.{}", encode(&bytes), encode(&text), encode(&bytes));
        prop_assert!(user(&validator(), &text).is_none());
    }

    #[test]
    fn any_signed_header_and_claims_are_answered(parameters in object(PARAMETERS), changes in object(CLAIMS)) {
        let mut header = header("HS256");
        let mut claims = claims();
        for (target, source) in [(&mut header, &parameters), (&mut claims, &changes)] {
            for (name, value) in source.as_object().unwrap() {
                target[name.as_str()] = value.clone();
            }
        }
        if user(&validator(), &token("HS256", &header, &claims)).is_some() {
            prop_assert_eq!(&header["alg"], "HS256");
            prop_assert!(header.get("crit").is_none());
            prop_assert_eq!(&claims["iss"], ISSUER);
            prop_assert!(claims["exp"].as_f64().is_some_and(|exp| exp > NOW as f64));
        }
    }

    #[test]
    fn any_changed_byte_makes_a_token_invalid(algorithm in select(&ALGORITHMS[..]), at: Index, byte: u8) {
        let text = golden(algorithm);
        let mut changed = text.as_bytes().to_vec();
        let at = at.index(changed.len());
        changed[at] = byte;
        if let Ok(changed) = String::from_utf8(changed) {
            prop_assert_eq!(user(&validator(), &changed).is_some(), changed == text);
        }
    }

    #[test]
    fn any_document_and_any_pem_are_answered(text in ".*", key in json(), body in vec(any::<u8>(), 0..200), kind in select(&["PUBLIC KEY", "PRIVATE KEY", "RSA PUBLIC KEY", "RSA PRIVATE KEY"][..])) {
        let _ = JwtKeys::from_jwks(&text);
        let _ = JwtKeys::from_jwks(&serde_json::json!({"keys": [key.clone()]}).to_string());
        let mut changed: Value = serde_json::from_str(JWKS).unwrap();
        for (number, member) in ["n", "x", "y"].into_iter().enumerate() {
            changed["keys"][number][member] = key.clone();
            changed["keys"][number]["e"] = Value::from(encode(&body));
        }
        let _ = JwtKeys::from_jwks(&changed.to_string());
        let _ = text.parse::<JwtClaims>();
        let encoded = base64::engine::general_purpose::STANDARD.encode(&body);
        let pem = format!("-----BEGIN {kind}-----\n{encoded}\n-----END {kind}-----\n");
        for make in [JwtKey::rs256_public_pem, JwtKey::es256_public_pem, JwtKey::eddsa_public_pem, JwtKey::rs256_private_pem, JwtKey::es256_private_pem, JwtKey::eddsa_private_pem] {
            let _ = make(pem.as_bytes());
        }
    }

    #[test]
    fn a_changed_pem_is_no_key_or_another_key(at: Index, byte in select(&b"ABCDefgh0189+/=\n-"[..]), pem in select(&[RS256_PUBLIC, ES256_PUBLIC, EDDSA_PUBLIC, ES256_PRIVATE, EDDSA_PRIVATE][..])) {
        let mut changed = pem.to_vec();
        let at = at.index(changed.len());
        changed[at] = byte;
        for make in [JwtKey::rs256_public_pem, JwtKey::es256_public_pem, JwtKey::eddsa_public_pem, JwtKey::es256_private_pem, JwtKey::eddsa_private_pem] {
            if let Ok(key) = make(changed.as_slice()) {
                let keys = JwtKeys::new([key]).unwrap();
                let _ = keys.to_jwks();
            }
        }
    }
}
