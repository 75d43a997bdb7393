//! A `UserId` in JSON and other formats: a number or a text.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::user::UserId;

/// An integer as a number, a text as a string.
///
/// JavaScript holds integers up to 2⁵³ exactly. Send larger ids as text of your own.
impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.as_integer(), self.as_text()) {
            (Some(id), _) => serializer.serialize_i64(id),
            (None, text) => serializer.serialize_str(text.unwrap_or_default()),
        }
    }
}

/// A number as an integer, a string as a text. Anything else is an error: a number with a fraction or an exponent
/// (`1.0`), and an integer beyond `i64`.
///
/// The format must say which of the two a value is, as JSON does. A path segment and a query string do not: there every
/// value is a text, and `1` would be another user than the integer 1. Deserialize the application's own type of ids from
/// them, and convert it with `UserId::from`.
impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UserIdVisitor)
    }
}

struct UserIdVisitor;

impl Visitor<'_> for UserIdVisitor {
    type Value = UserId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user id: an integer of 64 bits or a text")
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<UserId, E> {
        Ok(id.into())
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<UserId, E> {
        i64::try_from(id).map(UserId::from).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(id), &self))
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<UserId, E> {
        Ok(id.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(json: &str) -> String {
        serde_json::from_str::<UserId>(json).unwrap_err().to_string()
    }

    proptest! {
        #[test]
        fn an_id_survives_json(number in any::<i64>(), text in any::<String>()) {
            for id in [UserId::from(number), UserId::from(number.to_string()), UserId::from(text)] {
                let json = serde_json::to_string(&id).unwrap();
                prop_assert_eq!(serde_json::from_str::<UserId>(&json).unwrap(), id.clone());
                let value = serde_json::to_value(&id).unwrap();
                prop_assert_eq!(serde_json::from_value::<UserId>(value).unwrap(), id);
            }
        }
    }

    #[test]
    fn a_number_and_a_text_stay_different() {
        assert_eq!(serde_json::to_string(&UserId::from(1)).unwrap(), "1");
        assert_eq!(serde_json::to_string(&UserId::from("1")).unwrap(), r#""1""#);
        assert_eq!(serde_json::from_str::<UserId>(r#""1""#).unwrap(), UserId::from("1"));
        for edge in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(serde_json::from_str::<UserId>(&edge.to_string()).unwrap(), UserId::from(edge));
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused_with_what_was_expected() {
        let expected = "a user id: an integer of 64 bits or a text";
        for (json, found) in [
            ("1.0", "invalid type: floating point `1.0`"),
            ("1e3", "invalid type: floating point `1000.0`"),
            ("9223372036854775808", "invalid value: integer `9223372036854775808`"),
            ("18446744073709551615", "invalid value: integer `18446744073709551615`"),
            ("-9223372036854775809", "invalid type: floating point `-9.22"),
            ("true", "invalid type: boolean `true`"),
            ("null", "invalid type: null"),
            ("[1]", "invalid type: sequence"),
            (r#"{"id":1}"#, "invalid type: map"),
        ] {
            let error = refused(json);
            assert!(error.starts_with(found) && error.contains(expected), "{json}: {error}");
        }
    }
}
