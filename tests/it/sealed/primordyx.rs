use std::collections::BTreeMap;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::array::Array;
use aes_gcm::aead::{AeadInOut, KeyInit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use time::Duration;
use time::macros::offset;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::error::ErrorKind;
use tower_tokens::sealed::{Key, MAX_PRIMORDYX_TEXT_BYTES, Primordyx};
use tower_tokens::token::{Expiry, Lifetime};

use super::{NOW, clock};

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
        assert_eq!(opened.issued_at().unix_seconds(), case.timestamp);
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

#[test]
fn a_payload_without_content_reopens_as_what_it_was() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Unit;
    let php = Primordyx::new("passphrase").with_clock(clock());
    let never = Lifetime::never_expires;
    let unit = php.seal(&(), never()).unwrap();
    php.open::<()>(unit.expose_secret()).unwrap();
    let unit = php.seal(&Unit, never()).unwrap();
    assert_eq!(php.open::<Unit>(unit.expose_secret()).unwrap().payload(), &Unit);
    let none = php.seal(&None::<i32>, never()).unwrap();
    assert_eq!(php.open::<Option<i32>>(none.expose_secret()).unwrap().payload(), &None);
    assert_eq!(php.open::<Option<String>>(none.expose_secret()).unwrap().payload(), &None);
    assert!(php.open::<String>(none.expose_secret()).is_err());
    let some = php.seal(&Some(7), never()).unwrap();
    assert_eq!(php.open::<Option<i32>>(some.expose_secret()).unwrap().payload(), &Some(7));
}

#[test]
fn an_empty_php_array_is_a_map_at_any_depth() {
    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Settings {
        theme: Option<String>,
        flags: BTreeMap<String, bool>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Newtype(BTreeMap<String, i32>);
    #[derive(Debug, PartialEq, Deserialize)]
    enum Kind {
        Named { settings: Settings },
        Wrapped(BTreeMap<String, i32>),
        Pair(i32, BTreeMap<String, i32>),
    }
    #[derive(Deserialize)]
    struct Payload {
        map: BTreeMap<String, i32>,
        list: Vec<i32>,
        settings: Settings,
        optional: Option<BTreeMap<String, i32>>,
        absent: Option<BTreeMap<String, i32>>,
        newtype: Newtype,
        lists: Vec<BTreeMap<String, i32>>,
        maps: BTreeMap<String, BTreeMap<String, Settings>>,
        pair: (i32, BTreeMap<String, i32>),
        kinds: Vec<Kind>,
        value: Value,
        raw: Box<RawValue>,
    }
    let text = r#"{"map":[],"list":[],"settings":[],"optional":[],"absent":null,"newtype":[],"lists":[[],{"a":1},[]],
        "maps":{"a":[],"b":{"c":[],"d":{"theme":"dark","flags":[]}}},"pair":[1,[]],
        "kinds":[{"Named":{"settings":[]}},{"Wrapped":[]},{"Pair":[1,[]]}],"value":{"deep":[[]]},"raw":{"a": []}}"#;
    let php = Primordyx::new("passphrase").with_clock(clock());
    let token = php.seal(&RawValue::from_string(text.to_owned()).unwrap(), Duration::hours(1)).unwrap();
    fn empty<V>() -> BTreeMap<String, V> {
        BTreeMap::new()
    }
    let opened = php.open::<Payload>(token.expose_secret()).unwrap().into_payload();
    let dark = Settings { theme: Some("dark".to_owned()), flags: empty() };
    assert_eq!((opened.map, opened.list, opened.settings), (empty(), vec![], Settings::default()));
    assert_eq!((opened.optional, opened.absent, opened.newtype), (Some(empty()), None, Newtype(empty())));
    assert_eq!(opened.lists, [empty(), [("a".to_owned(), 1)].into(), empty()]);
    let inner = [("c".to_owned(), Settings::default()), ("d".to_owned(), dark)].into();
    assert_eq!(opened.maps, [("a".to_owned(), BTreeMap::new()), ("b".to_owned(), inner)].into());
    assert_eq!(opened.pair, (1, empty()));
    let named = Kind::Named { settings: Settings::default() };
    assert_eq!(opened.kinds, [named, Kind::Wrapped(empty()), Kind::Pair(1, empty())]);
    assert_eq!((opened.value, opened.raw.get()), (serde_json::json!({"deep": [[]]}), r#"{"a": []}"#));

    for wrong in ["[1]", "[[]]", "[null]"] {
        let token = php.seal(&RawValue::from_string(wrong.to_owned()).unwrap(), Duration::hours(1)).unwrap();
        assert!(php.open::<BTreeMap<String, i32>>(token.expose_secret()).is_err(), "{wrong} is no map");
    }
}

/// A token around this JSON text, as PHP's `Crypto::encrypt` makes it.
fn php_token(passphrase: &[u8], cargo: &str) -> String {
    let key: [u8; 32] = Sha256::digest(passphrase).into();
    let mut text = serde_json::to_vec(&serde_json::json!({"k": cargo})).unwrap();
    let cipher = Aes256Gcm::new(&key.into());
    let tag = cipher.encrypt_inout_detached(&Array::from([7; 12]), &[], text.as_mut_slice().into()).unwrap();
    hex::encode([&[7; 12], &text[..], &tag].concat())
}

#[test]
fn a_passphrase_may_be_any_bytes() {
    let bytes = [0xff, 0xfe, 0, b'x'];
    let php = Primordyx::new(bytes).with_clock(clock());
    let token = php.seal(&7, Duration::hours(1)).unwrap();
    assert_eq!(
        Primordyx::new(&bytes[..]).with_clock(clock()).open::<i32>(token.expose_secret()).unwrap().payload(),
        &7
    );
    assert!(Primordyx::new(String::from_utf8_lossy(&bytes).into_owned()).open::<i32>(token.expose_secret()).is_err());
    let token = php_token(&bytes, &format!(r#"{{"timestamp":{NOW},"seconds_to_expire":60,"custom":[1]}}"#));
    assert_eq!(php.open::<Vec<i32>>(&token).unwrap().payload(), &[1]);
    let token = Primordyx::new("text").seal(&7, Lifetime::never_expires()).unwrap();
    assert!(Primordyx::new(b"text").open::<i32>(token.expose_secret()).is_ok());
    let same = Key::from_passphrase("k", "text").unwrap().expose_secret_base64();
    assert_eq!(Key::from_passphrase("k", b"text").unwrap().expose_secret_base64(), same);
}

#[test]
fn other_entries_stand_beside_the_payload() {
    let php = Primordyx::new("passphrase").with_clock(clock());
    let custom = r#"{"timestamp":1,"seconds_to_expire":2,"custom":{},"a\u0000":[{"b":[]}]}"#;
    let cargo = format!(
        r#"{{"campaign":"spr\u00edng","timestamp":{NOW},"seconds_to_expire":60,"custom":{custom},"big":{},"empty":[],
            "nothing":null,"campaign":"summer","kept":{{"__cargo_value":{{"a":[]}},"__cargo_expires":{NOW}}},
            "gone":{{"__cargo_value":1,"__cargo_expires":{}}},"for ever":{{"__cargo_value":1,"__cargo_expires":null}},
            "no expiry":{{"__cargo_value":1}},"list":[1,2]}}"#,
        i128::MAX,
        NOW - 1,
    );
    let opened = php.open::<Box<RawValue>>(&php_token(b"passphrase", &cargo)).unwrap();
    assert_eq!(opened.payload().get(), custom, "the entries inside of the payload are its own");
    assert_eq!((opened.seconds_to_expire(), opened.issued_at().unix_seconds()), (60, NOW));
    assert_eq!(opened.entry::<String>("campaign").unwrap().unwrap(), "summer", "the last counts, as in PHP");
    assert_eq!(opened.entry::<i128>("big").unwrap(), Some(i128::MAX));
    assert_eq!(opened.entry::<BTreeMap<String, i32>>("empty").unwrap(), Some(BTreeMap::new()));
    assert_eq!(opened.entry::<Vec<i32>>("empty").unwrap(), Some(vec![]));
    assert_eq!((opened.entry::<i32>("nothing").unwrap(), opened.entry::<i32>("absent").unwrap()), (None, None));
    assert!(opened.entry::<BTreeMap<String, BTreeMap<String, i32>>>("kept").unwrap().unwrap()["a"].is_empty());
    assert_eq!((opened.entry::<i32>("gone").unwrap(), opened.entry::<i32>("for ever").unwrap()), (None, Some(1)));
    assert_eq!(opened.entry::<Value>("no expiry").unwrap(), Some(serde_json::json!({"__cargo_value": 1})));
    assert_eq!(opened.entry::<Vec<i32>>("list").unwrap(), Some(vec![1, 2]));
    assert_eq!(opened.entry::<i32>("campaign").unwrap_err().kind(), ErrorKind::InvalidToken);
    let names: Vec<_> = opened.entry_names().collect();
    assert_eq!(names[..4], ["campaign", "timestamp", "seconds_to_expire", "custom"]);
    assert!(format!("{opened:?}").contains("campaign") && !format!("{opened:?}").contains("summer"));
}

#[test]
fn what_is_missing_is_what_the_php_class_takes_it_for() {
    let php = Primordyx::new("passphrase").with_clock(clock());
    let open = |cargo: &str| php.open_even_if_expired::<Vec<i32>>(&php_token(b"passphrase", cargo));
    let opened = open(&format!(r#"{{"timestamp":{NOW}}}"#)).unwrap();
    assert_eq!((opened.seconds_to_expire(), opened.is_expired(), opened.payload().len()), (60, false, 0));
    let opened = open(r#"{"seconds_to_expire":60,"custom":[1]}"#).unwrap();
    assert!(opened.is_expired() && opened.issued_at().unix_seconds() == 0);
    assert!(!open(r#"{"seconds_to_expire":null,"timestamp":99999999999}"#).unwrap().is_expired());
    for wrong in ["", "[]", "7", "null", "{", r#"{"timestamp":"1"}"#, r#"{"seconds_to_expire":1.5}"#, r#"{"custom":7}"#]
    {
        assert_eq!(open(wrong).unwrap_err().kind(), ErrorKind::InvalidToken, "{wrong}");
    }
}

#[test]
fn entries_are_sealed_beside_the_payload() {
    let php = Primordyx::new("passphrase").with_clock(clock());
    let entries = serde_json::json!({"campaign": "spring", "nested": {"a": [1]}});
    let token = php.seal_with_entries(&[1], Duration::hours(1), &entries).unwrap();
    let opened = php.open::<Vec<i32>>(token.expose_secret()).unwrap();
    assert_eq!(opened.payload(), &[1]);
    assert_eq!(opened.entry::<Value>("nested").unwrap(), Some(serde_json::json!({"a": [1]})));
    for wrong in [
        serde_json::json!({"custom": 1}),
        serde_json::json!({"timestamp": 1}),
        serde_json::json!({"seconds_to_expire": 0}),
        serde_json::json!([1]),
        serde_json::json!("text"),
    ] {
        let refused = php.seal_with_entries(&[1], Duration::hours(1), &wrong).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{wrong}");
    }
}

#[test]
fn a_token_is_written_as_json_as_the_php_class_does() {
    let php = Primordyx::new("passphrase").with_clock(clock());
    let cargo = format!(
        r#"{{"x":1,"timestamp":{NOW},"seconds_to_expire":3600,"custom":{{"a":"\u00e9\/","b":[],"c":1.50}},"is_expired":7}}"#
    );
    let token = php_token(b"passphrase", &cargo);
    let opened = php.open::<Value>(&token).unwrap();
    assert_eq!(opened.to_json().unwrap(), cargo, "digit by digit, escape by escape");
    let pretty = opened.to_json_pretty().unwrap();
    assert!(pretty.starts_with("{\n    \"x\": 1,\n    \"timestamp\": "), "{pretty}");
    assert!(pretty.contains("    \"custom\": {\n        \"a\": \"\\u00e9\\/\",\n        \"b\": [],\n"), "{pretty}");

    let end = opened.expires_at().at().unwrap();
    let extras = opened.to_json_with_extras(end, offset!(+1)).unwrap();
    assert!(extras.starts_with(&cargo.replace(r#","is_expired":7}"#, "")), "{extras}");
    let tail = r#","current_time":"2026-11-21T21:01:41.000+01:00","expires_at":"2026-11-21T21:01:41.000+01:00","is_expired":true,"encryption_is_valid":true}"#;
    assert!(extras.ends_with(tail), "{extras}");
    assert!(!extras.contains(&token));
    let before = opened.to_json_pretty_with_extras(end - Duration::seconds(1), offset!(UTC)).unwrap();
    assert!(before.contains("\n    \"current_time\": \"2026-11-21T20:01:40.000Z\",\n"), "{before}");
    assert!(before.contains("\n    \"is_expired\": false,\n"), "{before}");
}

#[test]
fn times_are_written_with_milliseconds() {
    let php = Primordyx::new("passphrase").with_clock(clock());
    let token = php.seal(&7, Duration::hours(1)).unwrap();
    let opened = php.open::<i32>(token.expose_secret()).unwrap();
    assert_eq!(opened.expires_at_text(offset!(UTC)).unwrap(), "2026-11-21T20:01:41.000Z");
    assert_eq!(opened.expires_at_text(offset!(-5)).unwrap(), "2026-11-21T15:01:41.000-05:00");
    let token = php.seal(&7, Lifetime::never_expires()).unwrap();
    let opened = php.open::<i32>(token.expose_secret()).unwrap();
    assert_eq!(opened.expires_at_text(offset!(UTC)), None);
    let json = opened.to_json_with_extras(opened.issued_at(), offset!(UTC)).unwrap();
    assert!(json.contains(r#""expires_at":null"#));
}

#[test]
fn real_tokens_of_the_php_class_show_everything() {
    let fixtures = fixtures();
    for case in fixtures.cases.iter().filter(|case| case.opens) {
        let php = Primordyx::new(&fixtures.passphrase);
        let opened = php.open_even_if_expired::<Value>(&case.token).unwrap();
        assert_eq!(opened.seconds_to_expire(), case.seconds_to_expire, "{}", case.name);
        assert_eq!(opened.entry_names().collect::<Vec<_>>(), ["timestamp", "seconds_to_expire", "custom"]);
        let json: Value = serde_json::from_str(&opened.to_json().unwrap()).unwrap();
        let pretty: Value = serde_json::from_str(&opened.to_json_pretty().unwrap()).unwrap();
        assert_eq!((&json["custom"], &json), (opened.payload(), &pretty), "{}", case.name);
    }
}
