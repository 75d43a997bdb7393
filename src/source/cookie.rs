//! Reads the `Cookie` header, without a jar and without copies.

use http::header::{COOKIE, GetAll, ValueIter};
use http::{HeaderMap, HeaderValue};
use memchr::memchr;

/// The values of every cookie of one name, in the request's order, in all `Cookie` headers.
///
/// # Source
/// RFC 6265 §4.2.1 and §5.4, read leniently: pairs are separated by `;` with or without a space, one pair of double
/// quotes around a value is removed, and a pair without `=` is skipped. Names are compared byte for byte.
#[derive(Debug)]
pub(crate) struct CookieValues<'r, 'n> {
    headers: ValueIter<'r, HeaderValue>,
    rest: &'r [u8],
    name: &'n [u8],
}

impl<'r, 'n> CookieValues<'r, 'n> {
    pub(crate) fn new(headers: &'r HeaderMap, name: &'n str) -> Self {
        let all: GetAll<'r, HeaderValue> = headers.get_all(COOKIE);
        Self { headers: all.iter(), rest: b"", name: name.as_bytes() }
    }
}

impl<'r> Iterator for CookieValues<'r, '_> {
    type Item = &'r [u8];

    #[inline(always)]
    fn next(&mut self) -> Option<&'r [u8]> {
        loop {
            while self.rest.is_empty() {
                self.rest = self.headers.next()?.as_bytes();
            }
            let (pair, rest) = match memchr(b';', self.rest) {
                Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
                None => (self.rest, &b""[..]),
            };
            self.rest = rest;
            let pair = pair.trim_ascii_start();
            if let Some(value) = pair.strip_prefix(self.name).and_then(|rest| rest.strip_prefix(b"=")) {
                return Some(unquoted(value.trim_ascii()));
            }
        }
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(headers: &[&[u8]]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(COOKIE, HeaderValue::from_bytes(value).unwrap());
        }
        CookieValues::new(&map, "t").map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    #[test]
    fn every_value_of_the_name_is_found_in_order() {
        assert_eq!(values(&[b"a=1; t=x; b=2;t=y", b"t=z"]), ["x", "y", "z"]);
        assert_eq!(values(&[]), [""; 0]);
    }

    #[test]
    fn a_name_is_matched_whole_and_byte_for_byte() {
        assert_eq!(values(&[b"tt=1; T=2; xt=3; t; =t; t2=t=4"]), [""; 0]);
    }

    #[test]
    fn a_pair_of_quotes_is_removed_and_a_single_quote_stays() {
        assert_eq!(values(&[br#"t="x"; t="x; t=x"; t="""#]), ["x", "\"x", "x\"", ""]);
    }

    #[test]
    fn odd_bytes_and_empty_pairs_are_skipped() {
        assert_eq!(values(&[b";;; ;t=;\tt=\xff\xfe ; t=a=b"]), ["", "\u{fffd}\u{fffd}", "a=b"]);
    }
}
