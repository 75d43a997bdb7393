//! The number of a self-contained token.

use std::fmt;
use std::str::FromStr;

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
pub struct TokenUuid([u8; 16]);

impl TokenUuid {
    /// The UUID with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The UUID of version 4 from 16 random bytes.
    #[must_use]
    pub const fn from_random_bytes(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for TokenUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u128::from_be_bytes(self.0);
        let part = |shift: u32, bits: u32| (number >> shift) & ((1 << bits) - 1);
        let [a, b, c, d, e] = [part(96, 32), part(80, 16), part(64, 16), part(48, 16), part(0, 48)];
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

impl fmt::Debug for TokenUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenUuid({self})")
    }
}

impl FromStr for TokenUuid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::with_source(ErrorKind::InvalidInput, "a UUID is 8-4-4-4-12 hexadecimal digits");
        let dashes = [8, 13, 18, 23];
        if text.len() != 36 || dashes.iter().any(|position| text.as_bytes()[*position] != b'-') {
            return Err(refused());
        }
        let digits = text.bytes().filter(|byte| *byte != b'-');
        let mut number = 0_u128;
        let mut count = 0;
        for digit in digits {
            let digit = char::from(digit).to_digit(16).ok_or_else(refused)?;
            number = number << 4 | u128::from(digit);
            count += 1;
        }
        if count == 32 { Ok(Self(number.to_be_bytes())) } else { Err(refused()) }
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
        ] {
            assert!(wrong.parse::<TokenUuid>().is_err(), "{wrong}");
        }
    }
}
