use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use time::Duration;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::error::ErrorKind;
use tower_tokens::sealed::{MAX_PRIMORDYX_TEXT_BYTES, Primordyx};
use tower_tokens::token::{Expiry, Lifetime};

use super::clock;

#[derive(Deserialize)]
struct Fixtures {
    passphrase: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    token: String,
    opens: bool,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    seconds_to_expire: i64,
    #[serde(default)]
    custom: Option<Box<RawValue>>,
    #[serde(default)]
    never_expires: bool,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../../fixtures/primordyx.json")).unwrap()
}

fn value(json: &RawValue) -> Value {
    serde_json::from_str(json.get()).unwrap()
}

#[test]
fn every_token_of_the_php_class_is_judged_as_the_php_class_does() {
    let fixtures = fixtures();
    assert!(fixtures.cases.len() >= 19, "the fixtures are gone");
    for case in &fixtures.cases {
        let clock = ManualClock::at(Timestamp::from_unix_seconds(case.timestamp));
        let php = Primordyx::new(&fixtures.passphrase).with_clock(clock.clone());
        let opened = php.open::<Box<RawValue>>(&case.token);
        if !case.opens {
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::InvalidToken, "{}", case.name);
            continue;
        }
        let opened = opened.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(value(opened.payload()), value(case.custom.as_ref().unwrap()), "{}", case.name);
        assert_eq!(opened.issued_at().unix_timestamp(), case.timestamp);
        if case.never_expires {
            clock.set(Timestamp::from_unix_seconds(i64::MAX));
            assert_eq!(opened.expires_at(), Expiry::Never, "{}", case.name);
            assert!(php.open::<Value>(&case.token).is_ok(), "{}", case.name);
            continue;
        }
        clock.advance(Duration::seconds(case.seconds_to_expire - 1));
        assert!(php.open::<Value>(&case.token).is_ok(), "{}: a second before its end", case.name);
        clock.advance(Duration::seconds(1));
        assert_eq!(php.open::<Value>(&case.token).unwrap_err().kind(), ErrorKind::Expired, "{}", case.name);
        assert!(php.open_even_if_expired::<Value>(&case.token).unwrap().is_expired());
    }
}

#[test]
fn digits_of_integers_are_kept_however_many() {
    let php = Primordyx::new("passphrase").with_clock(clock());
    let text = r#"{"big":9007199254740993,"bigger":18446744073709551615,"biggest":-123456789012345678901234567890}"#;
    let payload = RawValue::from_string(text.to_owned()).unwrap();
    let token = php.seal(&payload, Duration::hours(1)).unwrap();
    assert_eq!(php.open::<Box<RawValue>>(token.expose_secret()).unwrap().payload().get(), text);
}

#[test]
fn an_empty_payload_is_an_empty_php_array() {
    let php = Primordyx::new("passphrase").with_clock(clock());
    let token = php.seal(&(), Lifetime::never_expires()).unwrap();
    assert_eq!(php.open::<Box<RawValue>>(token.expose_secret()).unwrap().payload().get(), "[]");
    assert!(php.open::<Vec<Value>>(token.expose_secret()).unwrap().payload().is_empty());
    assert!(php.open::<BTreeMap<String, Value>>(token.expose_secret()).unwrap().payload().is_empty());
    assert_eq!(php.open::<i32>(token.expose_secret()).unwrap_err().kind(), ErrorKind::InvalidToken);
}

#[test]
fn what_is_made_is_lower_case_hexadecimal_and_a_flipped_bit_opens_nothing() {
    let php = Primordyx::new("passphrase").with_clock(clock());
    let token = php.seal("payload", Duration::hours(1)).unwrap();
    let text = token.expose_secret();
    assert!(text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
    let bytes = hex::decode(text).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = php.open::<String>(&hex::encode(changed)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidToken, "bit {bit}");
    }
    for length in 0..text.len() {
        assert!(php.open::<String>(&text[..length]).is_err(), "{length} characters");
    }
    assert!(php.open::<String>(&"0".repeat(MAX_PRIMORDYX_TEXT_BYTES + 2)).is_err());
    assert!(php.seal(&"x".repeat(MAX_PRIMORDYX_TEXT_BYTES / 2), Duration::hours(1)).is_err());
    assert!(php.seal("", Duration::ZERO).is_err(), "never has to be written out");
    assert_eq!(format!("{php:?}"), "Primordyx { .. }");
}
