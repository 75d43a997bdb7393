//! What must never open, and says why in one way only.

use std::error::Error as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::Duration;
use tower_tokens::clock::ManualClock;
use tower_tokens::error::ErrorKind;
use tower_tokens::sealed::{KeyRing, MAX_SEALED_TEXT_BYTES, Sealer};

use super::{clock, key, ring, sealer};

fn sealed() -> String {
    sealer("login").seal(&"payload", Duration::hours(1)).unwrap().expose_secret().to_owned()
}

/// Refused, with the one opaque error.
fn assert_opaque(sealer: &Sealer, text: &str, what: &str) {
    let error = sealer.open::<String>(text).map(|_| panic!("{what} opened")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidToken, "{what}");
    assert!(error.source().is_none(), "{what}: the error says more than it may");
}

#[test]
fn a_flipped_bit_anywhere_opens_nothing() {
    let (sealer, bytes) = (sealer("login"), URL_SAFE_NO_PAD.decode(sealed()).unwrap());
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_opaque(&sealer, &URL_SAFE_NO_PAD.encode(changed), &format!("bit {bit}"));
    }
}

#[test]
fn another_character_anywhere_opens_nothing() {
    let (sealer, text) = (sealer("login"), sealed());
    for position in 0..text.len() {
        for other in (0..=127_u8).map(char::from).filter(|other| !text[position..].starts_with(*other)) {
            let mut changed = text.clone();
            changed.replace_range(position..=position, other.encode_utf8(&mut [0; 4]));
            assert_opaque(&sealer, &changed, &format!("{other:?} at {position}"));
        }
    }
}

#[test]
fn a_text_of_any_other_length_opens_nothing() {
    let (sealer, text) = (sealer("login"), sealed());
    for length in 0..text.len() {
        assert_opaque(&sealer, &text[..length], &format!("{length} characters"));
        assert_opaque(&sealer, &text[text.len() - length..], &format!("the last {length} characters"));
    }
    let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    for length in 0..bytes.len() {
        assert_opaque(&sealer, &URL_SAFE_NO_PAD.encode(&bytes[..length]), &format!("{length} bytes"));
    }
    for surplus in ["A", "AA", "AAA", "AAAA", "=", "==", " ", "\n", "\0", "ü"] {
        assert_opaque(&sealer, &format!("{text}{surplus}"), surplus);
        assert_opaque(&sealer, &format!("{surplus}{text}"), surplus);
    }
}

#[test]
fn another_purpose_opens_nothing() {
    for purpose in ["Login", "login ", "logi", "loginn", "password reset"] {
        assert_opaque(&sealer(purpose), &sealed(), purpose);
    }
}

#[test]
fn another_key_under_the_same_id_opens_nothing() {
    let other = Sealer::new(KeyRing::new(key("k1", 2)), "login").unwrap().with_clock(clock());
    assert_opaque(&other, &sealed(), "another secret");
}

#[test]
fn an_unknown_key_id_opens_nothing() {
    let other = Sealer::new(KeyRing::new(key("k2", 1)), "login").unwrap().with_clock(clock());
    assert_opaque(&other, &sealed(), "the same secret under another id");
}

#[test]
fn a_revoked_key_opens_nothing() {
    let keys = ring();
    let sealer = Sealer::new(keys.clone(), "login").unwrap().with_clock(clock());
    let text = sealed();
    keys.rotate(key("k2", 2)).unwrap();
    assert_eq!(sealer.open::<String>(&text).unwrap().payload(), "payload", "an old key opens");
    keys.revoke("k1").unwrap();
    assert_opaque(&sealer, &text, "revoked");
}

#[test]
fn swapped_key_ids_open_nothing() {
    // The same secret under both ids, so that nothing but the associated data stands in the way.
    let keys = ring();
    keys.add_old(key("k2", 1)).unwrap();
    keys.add_old(key("k", 1)).unwrap();
    let sealer = Sealer::new(keys, "login").unwrap().with_clock(clock());
    let bytes = URL_SAFE_NO_PAD.decode(sealed()).unwrap();
    assert_eq!(&bytes[..4], b"\x01\x02k1");
    for id in [&b"\x02k2"[..], b"\x01k", b"\x00", b"\x03k1k", b"\xffk1"] {
        let swapped = [&bytes[..1], id, &bytes[4..]].concat();
        assert_opaque(&sealer, &URL_SAFE_NO_PAD.encode(swapped), &format!("{id:?}"));
    }
}

#[test]
fn another_version_byte_opens_nothing() {
    let (sealer, mut bytes) = (sealer("login"), URL_SAFE_NO_PAD.decode(sealed()).unwrap());
    for version in (0..=u8::MAX).filter(|version| *version != 1) {
        bytes[0] = version;
        assert_opaque(&sealer, &URL_SAFE_NO_PAD.encode(&bytes), &format!("version {version}"));
    }
}

#[test]
fn a_bound_token_opens_nothing_without_its_state() {
    let plain = sealer("login");
    let bound = plain.clone().bound_to_state();
    let token = bound.seal("payload", Duration::hours(1), "state").unwrap();
    assert_opaque(&plain, token.expose_secret(), "bound, opened plainly");
    assert_eq!(bound.open::<String>(&sealed()).unwrap_err().kind(), ErrorKind::InvalidToken, "plain, opened bound");
    for state in ["", "State", "state ", "stat"] {
        let claim = bound.open::<String>(token.expose_secret()).unwrap();
        let error = claim.confirm(state).unwrap_err();
        assert_eq!((error.kind(), error.source().is_none()), (ErrorKind::InvalidToken, true), "{state}");
    }
    assert_eq!(bound.open::<String>(token.expose_secret()).unwrap().confirm("state").unwrap().payload(), "payload");
}

#[test]
fn expiry_begins_with_its_second() {
    let clock: ManualClock = clock();
    let sealer = Sealer::new(ring(), "login").unwrap().with_clock(clock.clone());
    let token = sealer.seal("payload", Duration::seconds(10)).unwrap();
    clock.advance(Duration::seconds(9));
    assert!(sealer.open::<String>(token.expose_secret()).is_ok());
    clock.advance(Duration::seconds(1));
    let error = sealer.open::<String>(token.expose_secret()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    let opened = sealer.open_even_if_expired::<String>(token.expose_secret()).unwrap();
    assert!(opened.is_expired() && opened.payload() == "payload");
    assert!(!opened.is_expired_at(opened.checked_at() - Duration::seconds(1)));

    // Expired and tampered with: not a word about the expiry.
    let tampered = token.expose_secret().replacen(|_| true, "B", 1);
    assert_opaque(&sealer, &tampered, "expired and tampered with");
}

#[test]
fn a_text_beyond_the_limit_is_not_even_decoded() {
    let sealer = sealer("login");
    for length in [MAX_SEALED_TEXT_BYTES + 1, MAX_SEALED_TEXT_BYTES * 4] {
        assert_opaque(&sealer, &"A".repeat(length), "too long");
    }
    let longest = (MAX_SEALED_TEXT_BYTES - 1_000) / 4 * 3;
    let token = sealer.seal(&"x".repeat(longest), Duration::hours(1)).unwrap();
    assert!(token.expose_secret().len() <= MAX_SEALED_TEXT_BYTES);
    assert_eq!(sealer.open::<String>(token.expose_secret()).unwrap().payload().len(), longest);
    let error = sealer.seal(&"x".repeat(longest + 1_000), Duration::hours(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
