//! PHP's `serialize` format, one value after the other.

use std::ops::Range;

use memchr::memchr;

/// The deepest nesting that is read. Source: PHP's default `unserialize_max_depth`; PHP itself gives up beyond.
const MAX_DEPTH: usize = 4_096;

/// Reads serialized values without building them: no recursion, and memory only for the open arrays. Each method returns
/// `None` if the bytes are not in the format.
///
/// # Source
/// PHP's `ext/standard/var_unserializer.re`.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    has_references: bool,
}

/// A value: null, text, or another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    /// Plain text, in this range.
    Text(Range<usize>),
    Other,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, has_references: false }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Whether a value so far refers to another one by its number, so that no value may be taken out.
    pub(super) const fn has_references(&self) -> bool {
        self.has_references
    }

    /// The bytes before the next `byte`, which is skipped.
    pub(super) fn until(&mut self, byte: u8) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let length = memchr(byte, rest)?;
        self.at += length + 1;
        Some(&rest[..length])
    }

    /// The head of an array, `a:N:{`, and its N.
    pub(super) fn array_head(&mut self) -> Option<usize> {
        self.expect(b"a:")?;
        let count = self.number(b':')?;
        self.expect(b"{")?;
        Some(count)
    }

    /// The end of an array.
    pub(super) fn array_end(&mut self) -> Option<()> {
        self.expect(b"}")
    }

    /// One key of an array.
    pub(super) fn key(&mut self) -> Option<Value> {
        match self.peek()? {
            b'i' | b's' | b'S' => match self.open()? {
                Opened::Whole(value) => Some(value),
                Opened::Array(_) => None,
            },
            _ => None,
        }
    }

    /// One value, with all that is in it.
    pub(super) fn value(&mut self) -> Option<Value> {
        let mut left = match self.open()? {
            Opened::Whole(value) => return Some(value),
            Opened::Array(pairs) => vec![pairs],
        };
        while let Some(pairs) = left.last_mut() {
            if *pairs == 0 {
                self.array_end()?;
                left.pop();
                continue;
            }
            *pairs -= 1;
            self.key()?;
            if let Opened::Array(pairs) = self.open()? {
                if left.len() == MAX_DEPTH {
                    return None;
                }
                left.push(pairs);
            }
        }
        Some(Value::Other)
    }

    /// One value, or the head of one that holds others.
    fn open(&mut self) -> Option<Opened> {
        let kind = self.peek()?;
        if kind == b'a' {
            return self.array_head().map(Opened::Array);
        }
        self.at += 1;
        if kind == b'N' {
            self.expect(b";")?;
            return Some(Opened::Whole(Value::Null));
        }
        self.expect(b":")?;
        match kind {
            b's' => {
                let text = self.quoted()?;
                self.expect(b";")?;
                return Some(Opened::Whole(Value::Text(text)));
            }
            b'S' => self.escaped()?,
            b'i' => is_integer(self.until(b';')?).then_some(())?,
            b'b' => matches!(self.until(b';')?, b"0" | b"1").then_some(())?,
            b'd' => is_float(self.until(b';')?).then_some(())?,
            b'r' | b'R' => {
                self.number(b';')?;
                self.has_references = true;
            }
            b'O' => {
                self.quoted()?;
                self.expect(b":")?;
                let properties = self.number(b':')?;
                self.expect(b"{")?;
                return Some(Opened::Array(properties));
            }
            b'C' => {
                self.quoted()?;
                self.expect(b":")?;
                let length = self.number(b':')?;
                self.expect(b"{")?;
                self.take(length)?;
                self.expect(b"}")?;
            }
            b'E' => {
                self.quoted()?;
                self.expect(b";")?;
            }
            _ => return None,
        }
        Some(Opened::Whole(Value::Other))
    }

    /// `N:"…"` with N bytes between the quotes, whatever they are.
    fn quoted(&mut self) -> Option<Range<usize>> {
        let length = self.number(b':')?;
        self.expect(b"\"")?;
        let text = self.take(length)?;
        self.expect(b"\"")?;
        Some(text)
    }

    /// `N:"…";` with N bytes between the quotes, of which some are written as a backslash and two hexadecimal digits.
    fn escaped(&mut self) -> Option<()> {
        let length = self.number(b':')?;
        self.expect(b"\"")?;
        for _ in 0..length {
            if self.peek()? == b'\\' {
                let digits = self.bytes.get(self.at + 1..self.at + 3)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                self.at += 3;
            } else {
                self.at += 1;
            }
        }
        self.expect(b"\";")
    }

    /// An unsigned number that `end` ends.
    fn number(&mut self, end: u8) -> Option<usize> {
        let digits = self.until(end)?;
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        let start = std::mem::replace(&mut self.at, end);
        Some(start..end)
    }

    fn expect(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(bytes).then_some(())?;
        self.at += bytes.len();
        Some(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

enum Opened {
    Whole(Value),
    /// So many pairs of key and value follow.
    Array(usize),
}

fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn is_float(text: &[u8]) -> bool {
    matches!(text, b"NAN" | b"INF" | b"-INF")
        || (text.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
            && std::str::from_utf8(text).is_ok_and(|text| text.parse::<f64>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_whole(text: &[u8]) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.value().is_some() && scanner.is_at_end()
    }

    #[test]
    fn every_type_of_the_format_is_passed_over() {
        let values: [&[u8]; 22] = [
            b"N;",
            b"b:0;",
            b"b:1;",
            b"i:-9223372036854775808;",
            b"d:0.1;",
            b"d:-1.0E+25;",
            b"d:INF;",
            b"d:-INF;",
            b"d:NAN;",
            b"s:0:\"\";",
            b"s:5:\"a\";\"}\";",
            b"s:2:\"\xc3\xa9\";",
            b"S:3:\"a\\00b\";",
            b"a:0:{}",
            b"a:2:{i:0;s:1:\"x\";s:1:\"k\";a:1:{i:-1;N;}}",
            b"O:8:\"stdClass\":1:{s:1:\"a\";i:1;}",
            b"O:1:\"P\":1:{s:4:\"\0P\0x\";b:1;}",
            b"C:11:\"ArrayObject\":5:{x:i:0}",
            b"E:11:\"Suit:Hearts\";",
            b"a:2:{i:0;i:7;i:1;R:2;}",
            b"a:1:{i:0;r:1;}",
            b"a:1:{S:1:\"\\61\";i:1;}",
        ];
        for value in values {
            assert!(is_whole(value), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn nothing_else_is() {
        let values: [&[u8]; 30] = [
            b"",
            b";",
            b"N",
            b"x:1;",
            b"b:2;",
            b"b:;",
            b"i:;",
            b"i:1",
            b"i:0x1;",
            b"d:;",
            b"d:inf;",
            b"d:1_0;",
            b"s:3:\"ab\";",
            b"s:1:\"ab\";",
            b"s:-1:\"\";",
            b"s:+1:\"a\";",
            b"s:99999999999999999999999999:\"a\";",
            b"s:18446744073709551615:\"a\";",
            b"s:1:'a';",
            b"S:1:\"\\0\";",
            b"a:1:{}",
            b"a:0:{i:0;N;}",
            b"a:1:{i:0;}",
            b"a:1:{b:1;N;}",
            b"a:1:{a:0:{}N;}",
            b"a:4000000000:{",
            b"O:1:\"P\":1:{}",
            b"C:1:\"P\":9:{}",
            b"r:;",
            b"o:1:\"a\";",
        ];
        for value in values {
            assert!(!is_whole(value), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn nesting_ends_where_phps_does() {
        let nested = |depth: usize| {
            let mut text = b"a:1:{i:0;".repeat(depth);
            text.extend_from_slice(b"N;");
            text.extend_from_slice(&b"}".repeat(depth));
            text
        };
        assert!(is_whole(&nested(MAX_DEPTH)));
        assert!(!is_whole(&nested(MAX_DEPTH + 1)));
        assert!(!is_whole(&nested(10_000)));
        assert!(!is_whole(&b"a:1:{i:0;".repeat(1_000_000)));
    }

    #[test]
    fn references_are_noticed() {
        for (text, refers) in [(&b"a:1:{i:0;i:1;}"[..], false), (b"a:1:{i:0;R:1;}", true), (b"s:4:\"R:1;\";", false)] {
            let mut scanner = Scanner::new(text);
            scanner.value().unwrap();
            assert_eq!(scanner.has_references(), refers, "{}", text.escape_ascii());
        }
    }
}
