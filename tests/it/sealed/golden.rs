//! Tokens that must open for ever. Add a list for every new format version, and never change one.

use serde_json::{Value, json};
use time::Duration;
use tower_tokens::sealed::{Key, KeyRing, Sealer};

use super::clock;

const VERSION_1_PLAIN: &str =
    "AQJrMaChoqOkpaanqKmqq-YZfi5BzkS46myN2At3ztFwrFkQ-bao-ZwOJoYUqo2kqVQyjMpQcQdrrnmOPNIGG8IUMOORo7srwv7x";
const VERSION_1_BOUND: &str = "AQJrMaChoqOkpaanqKmqq-YZfi5BzkS46myN2At3ztFwrFkQ-bao-ZwOJoYUqo2ktxltthSHLK_6D2YEadDy0zw5MzsHoj\
                               hEdWx2Whv2Srybc58spEfVK97FOQ";

fn sealer() -> Sealer {
    let secret: Vec<u8> = (0..32).collect();
    let keys = KeyRing::new(Key::from_bytes("k1", &secret).unwrap());
    Sealer::new(keys, "test vector").unwrap().with_clock(clock())
}

#[test]
fn a_plain_token_of_version_1_opens() {
    let opened = sealer().open::<Value>(VERSION_1_PLAIN).unwrap();
    assert_eq!(opened.payload(), &json!({"user": 42}));
    assert_eq!(opened.uuid().to_string(), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    assert_eq!(opened.issued_at().unix_seconds(), 1_795_287_701);
    assert_eq!(opened.expires_at().at(), Some(opened.issued_at() + Duration::hours(1)));
}

#[test]
fn a_bound_token_of_version_1_opens() {
    let claim = sealer().bound_to_state().open::<Value>(VERSION_1_BOUND).unwrap();
    assert_eq!(claim.confirm("state").unwrap().payload(), &json!({"user": 42}));
}
