//! The number of a self-contained token.

use std::fmt;
use std::str::FromStr;

use uuid::{Builder, Uuid};

use crate::error::{Error, ErrorKind};

/// The UUID of a self-contained token, which is in no store. The UUID of a sealed token is random, version 4; it is
/// drawn when the token is sealed and kept when it is resealed.
///
/// It identifies the token in a log or in a list of used or revoked tokens. It is not a secret, and cannot be used as a
/// token.
///
/// # Source
/// RFC 9562 §5.4.
///
/// # Example
/// ```
/// use tower_tokens::token::TokenUuid;
///
/// let uuid: TokenUuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479".parse()?;
/// assert_eq!(uuid.to_string(), "f47ac10b-58cc-4372-a567-0e02b2c3d479");
/// assert!("f47ac10b".parse::<TokenUuid>().is_err());
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenUuid(Uuid);

impl TokenUuid {
    /// The UUID with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The UUID of version 4 from 16 random bytes.
    #[must_use]
    pub const fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for TokenUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for TokenUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenUuid({self})")
    }
}

impl FromStr for TokenUuid {
    type Err = Error;

    /// Parses 8-4-4-4-12 hexadecimal digits, in either case.
    fn from_str(text: &str) -> Result<Self, Error> {
        // Of the forms that `try_parse` accepts, only this one has 36 bytes.
        let uuid = if text.len() == 36 { Uuid::try_parse(text).ok() } else { None };
        let why = "a UUID is 8-4-4-4-12 hexadecimal digits";
        uuid.map(Self).ok_or_else(|| Error::with_source(ErrorKind::InvalidInput, why))
    }
}

/// With the feature `uuid`.
#[cfg(feature = "uuid")]
impl From<TokenUuid> for Uuid {
    fn from(uuid: TokenUuid) -> Self {
        uuid.0
    }
}

/// With the feature `uuid`.
#[cfg(feature = "uuid")]
impl From<Uuid> for TokenUuid {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl serde::Serialize for TokenUuid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_a_uuid_is_refused() {
        let text = "00010203-0405-4607-8809-0a0b0c0d0e0f";
        assert_eq!(text.parse::<TokenUuid>().unwrap().as_bytes()[..4], [0, 1, 2, 3]);
        assert_eq!(text.to_uppercase().parse::<TokenUuid>().unwrap().to_string(), text);
        for wrong in [
            "",
            "00010203-0405-4607-8809-0a0b0c0d0e0",
            "00010203-0405-4607-8809-0a0b0c0d0e0f0",
            "00010203-0405-4607-8809-0a0b0c0d0e0g",
            "00010203_0405-4607-8809-0a0b0c0d0e0f",
            "00010203-0405-4607-8809--a0b0c0d0e0f",
            "+0010203-0405-4607-8809-0a0b0c0d0e0f",
            "00010203-0405-4607-8809-0a0b0c0d0eü",
            "00010203040546078809-0a0b-0c0d-0e0f-",
            "{00010203-0405-4607-8809-0a0b0c0d0e}",
            "urn:uuid:0001020304054607880a0b0c0d0",
            "00010203040546078809-0a0b0c0d0e0f010",
            "000102030405460788090a0b0c0d0e0f",
            "{00010203-0405-4607-8809-0a0b0c0d0e0f}",
            "urn:uuid:00010203-0405-4607-8809-0a0b0c0d0e0f",
        ] {
            assert!(wrong.parse::<TokenUuid>().is_err(), "{wrong}");
        }
    }
    #[test]
    fn random_bytes_become_version_4() {
        for bytes in [[0; 16], [0xff; 16]] {
            let text = TokenUuid::from_random_bytes(bytes).to_string();
            assert_eq!((&text[14..15], text[19..20].parse::<char>().is_ok_and(|c| "89ab".contains(c))), ("4", true));
        }
        assert_eq!(TokenUuid::from_random_bytes([0xff; 16]).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
