//! Sealed tokens beside the least that could do the same: AES-256-GCM with a prepared key, the fastest decoder, and serde.

use std::hint::black_box;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64_simd::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::Duration;
use tower_tokens::sealed::{Key, KeyRing, Sealer};

use crate::measure::Table;

/// 256 bytes of JSON.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Payload {
    user_id: u64,
    action: String,
    security_code: String,
    scopes: Vec<String>,
    note: String,
}

impl Payload {
    pub(crate) fn of_256_bytes() -> Self {
        let mut payload = Self {
            user_id: 123,
            action: "password_reset".to_owned(),
            security_code: "abc123".to_owned(),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            note: String::new(),
        };
        let rest = 256 - serde_json::to_vec(&payload).unwrap().len();
        payload.note = "x".repeat(rest);
        payload
    }
}

pub(crate) fn sealer() -> Sealer {
    Sealer::new(KeyRing::new(Key::generate("2026-11").unwrap()), "password reset").unwrap()
}

/// Adds the least that opens a token, and the crate.
pub(crate) fn add_open(table: &mut Table) {
    let (cipher, nonce) = (raw_cipher(), [7; 12].into());
    let text = seal_raw(&cipher, &nonce, &Payload::of_256_bytes());
    table.add("raw AES-GCM + SIMD decode + typed parse", move || {
        let mut bytes = URL_SAFE_NO_PAD.decode_to_vec(black_box(&text)).unwrap();
        let (nonce, rest) = bytes.split_first_chunk_mut::<12>().unwrap();
        let (sealed, tag) = rest.split_last_chunk_mut::<16>().unwrap();
        cipher.decrypt_inout_detached((&*nonce).into(), b"", sealed.into(), (&*tag).into()).unwrap();
        black_box(serde_json::from_slice::<Payload>(sealed).unwrap());
    });
    let sealer = sealer();
    let token = sealer.seal(&Payload::of_256_bytes(), Duration::hours(1)).unwrap();
    table.add("tower-tokens, Sealer::open", move || {
        black_box(sealer.open::<Payload>(black_box(token.expose_secret())).unwrap());
    });
}

/// Adds the least that seals a token, and the crate.
pub(crate) fn add_seal(table: &mut Table) {
    let (cipher, payload) = (raw_cipher(), Payload::of_256_bytes());
    table.add("raw AES-GCM + random nonce + JSON + SIMD encode", move || {
        let mut nonce = [0; 12];
        getrandom::fill(&mut nonce).unwrap();
        black_box(seal_raw(&cipher, &nonce.into(), black_box(&payload)));
    });
    let (sealer, payload) = (sealer(), Payload::of_256_bytes());
    table.add("tower-tokens, Sealer::seal", move || {
        black_box(sealer.seal(black_box(&payload), Duration::hours(1)).unwrap());
    });
}

fn raw_cipher() -> Aes256Gcm {
    Aes256Gcm::new(&[7; 32].into())
}

fn seal_raw(cipher: &Aes256Gcm, nonce: &Nonce<aes_gcm::aead::consts::U12>, payload: &Payload) -> String {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend_from_slice(nonce);
    serde_json::to_writer(&mut bytes, payload).unwrap();
    let tag = cipher.encrypt_inout_detached(nonce, b"", (&mut bytes[12..]).into()).unwrap();
    bytes.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}
