//! A user id as bytes that sort as ids do: integers by number, then texts byte for byte.
//!
//! ```text
//! integer n   01 ‖ (n + 2^63), 8 bytes, big-endian
//! text        02 ‖ UTF-8
//! ```
//!
//! So `1` and `"1"` stay two users, and Redis lists them in the order of their ids.

use crate::error::{Error, ErrorKind};
use crate::user::UserId;

/// The longest text that is kept as an id, in bytes. Our choice: twice the longest e-mail address (RFC 5321 §4.5.3.1),
/// as in the SQL databases.
const MAX_TEXT_BYTES: usize = 512;

const INTEGER: u8 = 1;
const TEXT: u8 = 2;
const SIGN: u64 = 1 << 63;

/// The key of this user.
pub(super) fn of(id: &UserId) -> Vec<u8> {
    match (id.as_integer(), id.as_text()) {
        (Some(number), _) => {
            let mut key = vec![INTEGER];
            key.extend((number.cast_unsigned() ^ SIGN).to_be_bytes());
            key
        }
        (None, text) => {
            let text = text.unwrap_or_default();
            let mut key = Vec::with_capacity(text.len() + 1);
            key.push(TEXT);
            key.extend(text.as_bytes());
            key
        }
    }
}

/// The key of a user who is to be created.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a text of more than [`MAX_TEXT_BYTES`].
pub(super) fn of_new(id: &UserId) -> Result<Vec<u8>, Error> {
    if id.as_text().is_some_and(|text| text.len() > MAX_TEXT_BYTES) {
        let source = format!("a user id holds at most {MAX_TEXT_BYTES} bytes");
        return Err(Error::with_source(ErrorKind::InvalidInput, source));
    }
    Ok(of(id))
}

/// The user whose key this is.
pub(super) fn parse(key: &[u8]) -> Option<UserId> {
    match key.split_first()? {
        (&INTEGER, number) => {
            let number = u64::from_be_bytes(number.try_into().ok()?);
            Some(UserId::from((number ^ SIGN).cast_signed()))
        }
        (&TEXT, text) => std::str::from_utf8(text).ok().map(UserId::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_ids_do_and_lead_back_to_them() {
        let numbers = [i64::MIN, -1, 0, 1, 2, 10, i64::MAX].map(UserId::from);
        let texts = ["", "\0", "1", "10", "2", "B", "a", "é"].map(UserId::from);
        let ids: Vec<_> = numbers.into_iter().chain(texts).collect();
        assert!(ids.is_sorted());
        let keys: Vec<_> = ids.iter().map(of).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
        let back: Vec<_> = keys.iter().map(|key| parse(key).unwrap()).collect();
        assert_eq!(back, ids);
    }

    #[test]
    fn what_is_no_key_is_none() {
        for bytes in [&b""[..], b"\0", b"\x01", b"\x01\0\0\0\0\0\0\0", b"\x01\0\0\0\0\0\0\0\0\0", b"\x02\xff", b"\x03a"]
        {
            assert_eq!(parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_by_creation_alone() {
        let longest = UserId::from("x".repeat(MAX_TEXT_BYTES));
        let longer = UserId::from("x".repeat(MAX_TEXT_BYTES + 1));
        assert!(of_new(&longest).is_ok());
        assert_eq!(of_new(&longer).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(parse(&of(&longer)), Some(longer));
    }
}
