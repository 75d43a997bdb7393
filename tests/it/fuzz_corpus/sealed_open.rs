//! Opens any input in every way that a sealed token can be opened: nothing panics, and no forgery opens.

use std::collections::BTreeMap;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, aead::array::Array};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::value::RawValue;
use tower_tokens::sealed::{Key, KeyId, KeyRing, Primordyx, Sealer, TokenUuid};

const KEY: [u8; 32] = [7; 32];
const PURPOSE: &str = "fuzzing";

/// As text, as the bytes of a token, and as what is inside a genuine one.
pub(crate) fn open(data: &[u8]) {
    let keys = KeyRing::new(Key::from_bytes("k", &KEY).unwrap());
    let sealer = Sealer::new(keys, PURPOSE).unwrap();
    let bound = sealer.clone().bound_to_state();
    let php = Primordyx::new("passphrase");

    if let Ok(text) = std::str::from_utf8(data) {
        assert!(sealer.open::<Value>(text).is_err(), "a forgery opened");
        assert!(bound.open::<Value>(text).is_err() && php.open::<Value>(text).is_err(), "a forgery opened");
        let _ = (text.parse::<TokenUuid>(), KeyId::new(text), Key::from_base64("k", text));
    }
    assert!(sealer.open::<Value>(&URL_SAFE_NO_PAD.encode(data)).is_err(), "a forgery opened");
    assert!(php.open::<Value>(&hex::encode(data)).is_err(), "a forgery opened");

    for binding in [0, 1] {
        let text = seal(&KEY, b"\x01\x01k", &[b"\x01", &[binding][..], b"\x01k", PURPOSE.as_bytes()].concat(), data);
        let text = URL_SAFE_NO_PAD.encode(text);
        if let Ok(opened) = sealer.open_even_if_expired::<Value>(&text) {
            assert_eq!(binding, 0, "a bound token opened without its state");
            let _ = (opened.to_json_with_extras(opened.checked_at()), opened.expires_at_text(time::UtcOffset::UTC));
        }
        let _ = sealer.open_login(&text);
        if let Ok(claim) = bound.open::<Value>(&text) {
            assert!(claim.confirm("state").is_err(), "a forged fingerprint was confirmed");
        }
    }
    let key = sha2::Digest::finalize(sha2::Digest::chain_update(<sha2::Sha256 as sha2::Digest>::new(), "passphrase"));
    let key = key.into();
    let _ = php.open_even_if_expired::<Value>(&hex::encode(seal(&key, b"", b"", data)));
    // As the cargo of a genuine token.
    let Ok(cargo) = std::str::from_utf8(data) else { return };
    let Ok(opened) = php.open_even_if_expired::<Value>(&php_token(&key, cargo)) else { return };
    let everything = opened.to_json_pretty_with_extras(opened.issued_at(), time::UtcOffset::UTC).unwrap();
    // Not a `Value`, which cannot hold every number.
    let everything: BTreeMap<String, &RawValue> = serde_json::from_str(&everything).unwrap();
    assert!(opened.entry_names().all(|name| everything.contains_key(name)), "an entry is not shown");
    for name in opened.entry_names() {
        let _ = opened.entry::<BTreeMap<String, BTreeMap<String, Option<i64>>>>(name);
    }
    let _ = php.open_even_if_expired::<BTreeMap<String, BTreeMap<String, Vec<()>>>>(&php_token(&key, cargo));
}

/// A genuine token of the PHP class with this cargo.
fn php_token(key: &[u8; 32], cargo: &str) -> String {
    let text = serde_json::json!({ "k": cargo }).to_string();
    hex::encode(seal(key, b"", b"", text.as_bytes()))
}

/// `head`, a nonce of zeros, `text` encrypted, and the tag.
fn seal(key: &[u8; 32], head: &[u8], associated: &[u8], text: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new(key.into());
    let mut sealed = text.to_vec();
    let tag = cipher.encrypt_inout_detached(&Array::from([0; 12]), associated, sealed.as_mut_slice().into()).unwrap();
    [head, &[0; 12], &sealed, &tag].concat()
}
