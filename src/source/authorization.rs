//! The `Authorization` header: the schemes `Bearer` and `Basic`, and a token without a scheme.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::token::{MAX_TOKEN_BYTES, Token, is_token_text};

/// The longest user name beside a token in Basic credentials, in bytes. Our choice.
const MAX_BASIC_USER_BYTES: usize = 256;

/// Bytes of the longest Basic credentials before encoding.
const MAX_BASIC_BYTES: usize = MAX_BASIC_USER_BYTES + 1 + MAX_TOKEN_BYTES;

/// The value of the `Authorization` header for one scheme.
#[derive(Debug)]
pub(crate) enum Authorization<'r> {
    /// There is no such header, or it has another scheme.
    Absent,
    /// There are two headers: a server cannot know which one a proxy in front of it has checked.
    Ambiguous,
    /// The text after the scheme.
    Credentials(&'r [u8]),
}

/// Reads the header for one scheme, whose name is compared without regard to case (RFC 9110 §11.1).
pub(crate) fn authorization<'r>(headers: &'r HeaderMap, scheme: &str) -> Authorization<'r> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Authorization::Absent };
    if values.next().is_some() {
        return Authorization::Ambiguous;
    }
    let value = value.as_bytes();
    match value.split_at_checked(scheme.len()) {
        Some((name, [])) if name.eq_ignore_ascii_case(scheme.as_bytes()) => Authorization::Credentials(b""),
        Some((name, rest @ [b' ', ..])) if name.eq_ignore_ascii_case(scheme.as_bytes()) => {
            Authorization::Credentials(rest.trim_ascii())
        }
        _ => Authorization::Absent,
    }
}

/// Reads the header as a token without a scheme. A value of two words has a scheme, and so has the name of a scheme that
/// other sources read.
pub(crate) fn bare_authorization(headers: &HeaderMap) -> Authorization<'_> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Authorization::Absent };
    if values.next().is_some() {
        return Authorization::Ambiguous;
    }
    let value = value.as_bytes().trim_ascii();
    let has_scheme = value.is_empty()
        || value.iter().any(u8::is_ascii_whitespace)
        || ["Bearer", "Basic"].iter().any(|scheme| value.eq_ignore_ascii_case(scheme.as_bytes()));
    if has_scheme { Authorization::Absent } else { Authorization::Credentials(value) }
}

/// The token that is the password of Basic credentials, or `None` if they contain no token.
///
/// # Source
/// RFC 7617 §2: the base64 of `user-id:password`; the first colon ends the user id.
pub(crate) fn basic_password(credentials: &[u8]) -> Option<Token> {
    let mut buffer = Zeroizing::new([0_u8; MAX_BASIC_BYTES.next_multiple_of(3)]);
    let length = STANDARD.decode_slice(credentials, &mut *buffer).ok()?;
    let decoded = buffer.get(..length)?;
    let colon = memchr::memchr(b':', decoded)?;
    let password = &decoded[colon + 1..];
    let text = std::str::from_utf8(password).ok().filter(|text| is_token_text(text.as_bytes()))?;
    Some(Token::from_checked(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(values: &[&str], scheme: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        match authorization(&headers, scheme) {
            Authorization::Absent => None,
            Authorization::Ambiguous => Some("ambiguous".to_owned()),
            Authorization::Credentials(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    #[test]
    fn the_scheme_matches_in_any_case_and_only_as_a_whole() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc"] {
            assert_eq!(credentials(&[value], "Bearer").as_deref(), Some("abc"), "{value}");
        }
        for value in ["Bearerabc", "Basic abc", "Bear", ""] {
            assert_eq!(credentials(&[value], "Bearer"), None, "{value}");
        }
        assert_eq!(credentials(&["Bearer"], "Bearer").as_deref(), Some(""));
    }

    #[test]
    fn two_headers_are_ambiguous_even_if_they_agree() {
        assert_eq!(credentials(&["Bearer a", "Bearer a"], "Bearer").as_deref(), Some("ambiguous"));
    }

    #[test]
    fn one_word_that_is_no_scheme_is_a_bare_token() {
        let bare = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            match bare_authorization(&headers) {
                Authorization::Absent => None,
                Authorization::Ambiguous => Some("ambiguous".to_owned()),
                Authorization::Credentials(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            }
        };
        for (value, token) in [("abc", "abc"), ("a.b.c", "a.b.c"), ("bearer-abc", "bearer-abc"), ("a,b", "a,b")] {
            assert_eq!(bare(&[value]).as_deref(), Some(token));
        }
        for value in ["Bearer abc", "Basic abc", "Token abc", "Bearer", "basic", "Bearer  ", "", "a b", "a\tb"] {
            assert_eq!(bare(&[value]), None, "{value}");
        }
        assert_eq!(bare(&[]), None);
        assert_eq!(bare(&["abc", "abc"]).as_deref(), Some("ambiguous"));
    }

    #[test]
    fn the_password_follows_the_first_colon() {
        let read = |text: &[u8]| basic_password(STANDARD.encode(text).as_bytes());
        assert_eq!(read(b"me:abc").unwrap().expose_secret(), "abc");
        assert_eq!(read(b":abc").unwrap().expose_secret(), "abc");
        for bad in [&b"abc"[..], b"me:", b"me:a:b", b"me:\xff", b""] {
            assert!(read(bad).is_none(), "{bad:?}");
        }
        assert!(basic_password(b"not base64!").is_none());
        assert!(basic_password(&[b'A'; 100_000]).is_none());
    }
}
