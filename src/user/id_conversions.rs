//! A `UserId` as the type that the application's own table uses.

use crate::error::{Error, ErrorKind};
use crate::user::UserId;

/// Gives the number of an id, or an error of the kind [`Configuration`](ErrorKind::Configuration) for a text and for a
/// number that the type cannot hold: then the ids of the store are not of the type that the application expects.
macro_rules! into_integer {
    ($($integer:ty),+) => {$(
        impl TryFrom<&UserId> for $integer {
            type Error = Error;

            fn try_from(id: &UserId) -> Result<Self, Error> {
                let number = id.as_integer().ok_or_else(|| mismatch("the user id is a text, not a number".into()))?;
                Self::try_from(number).map_err(|_| {
                    mismatch(format!("the user id {number} does not fit into {}", stringify!($integer)))
                })
            }
        }

        impl TryFrom<UserId> for $integer {
            type Error = Error;

            fn try_from(id: UserId) -> Result<Self, Error> {
                Self::try_from(&id)
            }
        }
    )+};
}

into_integer!(i32, u32, i64);

/// Gives the text of an id. A number is not converted to text, because `1` and `"1"` are two users: it is an error of the
/// kind [`Configuration`](ErrorKind::Configuration).
impl TryFrom<&UserId> for String {
    type Error = Error;

    fn try_from(id: &UserId) -> Result<Self, Error> {
        id.as_text().map(str::to_owned).ok_or_else(|| mismatch("the user id is a number, not a text".into()))
    }
}

/// As for `&UserId`.
impl TryFrom<UserId> for String {
    type Error = Error;

    fn try_from(id: UserId) -> Result<Self, Error> {
        Self::try_from(&id)
    }
}

/// The id with the UUID as text, hyphenated and in lower case. With the feature `uuid`.
#[cfg(feature = "uuid")]
impl From<uuid::Uuid> for UserId {
    fn from(id: uuid::Uuid) -> Self {
        Self::from(&*id.as_hyphenated().encode_lower(&mut [0; uuid::fmt::Hyphenated::LENGTH]))
    }
}

/// Gives the UUID of an id that was made of one. Any other id is an error of the kind
/// [`Configuration`](ErrorKind::Configuration), also the same UUID in upper case or in braces: as a text it is the id of
/// another user. With the feature `uuid`.
#[cfg(feature = "uuid")]
impl TryFrom<&UserId> for uuid::Uuid {
    type Error = Error;

    fn try_from(id: &UserId) -> Result<Self, Error> {
        let uuid = id.as_text().and_then(|text| Self::try_parse(text).ok());
        uuid.filter(|uuid| UserId::from(*uuid) == *id)
            .ok_or_else(|| mismatch("the user id is not a hyphenated UUID in lower case".into()))
    }
}

/// As for `&UserId`. With the feature `uuid`.
#[cfg(feature = "uuid")]
impl TryFrom<UserId> for uuid::Uuid {
    type Error = Error;

    fn try_from(id: UserId) -> Result<Self, Error> {
        Self::try_from(&id)
    }
}

/// No visitor can cause it: 500, not 400.
fn mismatch(why: String) -> Error {
    Error::with_source(ErrorKind::Configuration, why)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn why<T: std::fmt::Debug>(converted: Result<T, Error>) -> String {
        let error = converted.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        error.source().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn an_integer_comes_back_as_the_type_that_holds_it() {
        for number in [i32::MIN, -1, 0, i32::MAX] {
            assert_eq!(i32::try_from(UserId::from(number)).unwrap(), number);
        }
        for number in [0, u32::MAX] {
            assert_eq!(u32::try_from(UserId::from(number)).unwrap(), number);
        }
        for number in [i64::MIN, i64::MAX] {
            assert_eq!(i64::try_from(&UserId::from(number)).unwrap(), number);
        }
        assert_eq!(UserId::from(7_i32), UserId::from(7_u32));
        assert_eq!(UserId::from(7_i32), UserId::from(7_i64));
    }

    #[test]
    fn what_the_type_cannot_hold_is_an_error_that_says_why() {
        let (beyond, negative) = (UserId::from(5_000_000_000_i64), UserId::from(-1));
        assert_eq!(why(i32::try_from(&beyond)), "the user id 5000000000 does not fit into i32");
        assert_eq!(why(u32::try_from(beyond)), "the user id 5000000000 does not fit into u32");
        assert_eq!(why(u32::try_from(negative)), "the user id -1 does not fit into u32");
        assert_eq!(why(i64::try_from(UserId::from("1"))), "the user id is a text, not a number");
        assert_eq!(why(String::try_from(UserId::from(1))), "the user id is a number, not a text");
        let secret = why(i32::try_from(UserId::from("anna@example.org")));
        assert!(!secret.contains("anna"), "an error does not repeat a text, which may be an e-mail address");
    }

    #[test]
    fn a_text_comes_back_unchanged() {
        for text in ["", "1", "anna@example.org", "ünï"] {
            assert_eq!(String::try_from(UserId::from(text)).unwrap(), text);
        }
    }

    #[cfg(feature = "uuid")]
    #[test]
    fn a_uuid_is_a_text_in_lower_case_and_comes_back() {
        use uuid::Uuid;

        let text = "018f4e2a-7c1b-7d32-9a54-0123456789ab";
        let uuid = Uuid::try_parse(&text.to_uppercase()).unwrap();
        assert_eq!(UserId::from(uuid), UserId::from(text));
        assert_eq!(Uuid::try_from(&UserId::from(text)).unwrap(), uuid);
        assert_eq!(Uuid::try_from(UserId::from(Uuid::nil())).unwrap(), Uuid::nil());
        let simple = text.replace('-', "");
        for other in [&*text.to_uppercase(), &*simple, &*format!("{{{text}}}"), &*format!("urn:uuid:{text}"), "", "1"] {
            let expected = "the user id is not a hyphenated UUID in lower case";
            assert_eq!(why(Uuid::try_from(UserId::from(other))), expected, "{other}");
        }
        assert!(Uuid::try_from(UserId::from(1)).is_err());
    }
}
