use proptest::prelude::*;
use serde_json::Value;
use time::Duration;
use tower_tokens::sealed::Primordyx;
use tower_tokens::token::is_token_text;

use super::{clock, sealer};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 16.0)),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..8).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn sealing_and_opening_is_identity(payload in json(), purpose in ".{1,32}", state: Vec<u8>) {
        let sealer = sealer(&purpose);
        let token = sealer.seal(&payload, Duration::hours(1)).unwrap();
        prop_assert!(is_token_text(token.expose_secret().as_bytes()) || token.expose_secret().len() > 4_096);
        let opened = sealer.open::<Value>(token.expose_secret()).unwrap();
        prop_assert_eq!(opened.payload(), &payload);

        let bound = sealer.bound_to_state();
        let token = bound.seal(&payload, Duration::hours(1), &state).unwrap();
        let opened = bound.open::<Value>(token.expose_secret()).unwrap().confirm(&state).unwrap();
        prop_assert_eq!(opened.payload(), &payload);

        if payload != Value::Null {
            let php = Primordyx::new(&purpose).with_clock(clock());
            let token = php.seal(&payload, Duration::hours(1)).unwrap();
            let opened = php.open::<Value>(token.expose_secret()).unwrap();
            prop_assert_eq!(opened.payload(), &payload);
        }
    }

    #[test]
    fn a_change_of_any_byte_opens_nothing(payload in ".{0,64}", position: prop::sample::Index, byte in 0..=127_u8) {
        let sealer = sealer("change");
        let token = sealer.seal(&payload, Duration::hours(1)).unwrap();
        let mut text = token.expose_secret().as_bytes().to_vec();
        let position = position.index(text.len());
        prop_assume!(text[position] != byte);
        text[position] = byte;
        prop_assert!(sealer.open::<String>(std::str::from_utf8(&text).unwrap()).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*", base64 in "[A-Za-z0-9_-]{0,400}", hexadecimal in "([0-9a-f]{2}){0,200}") {
        let sealer = sealer("noise");
        let bound = sealer.clone().bound_to_state();
        let php = Primordyx::new("noise");
        for text in [text, format!("AQJrMQ{base64}"), base64, hexadecimal] {
            prop_assert!(sealer.open::<Value>(&text).is_err());
            prop_assert!(bound.open::<Value>(&text).is_err());
            prop_assert!(php.open::<Value>(&text).is_err());
        }
    }
}
