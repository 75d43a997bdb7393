//! Both serialize handlers: where the token is, and the content without it.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::source::php_session::scanner::{Scanner, Value};

/// The entries of one key in a session.
#[derive(Debug)]
pub(super) struct Content<'a> {
    bytes: &'a [u8],
    /// Every entry under the key. Of several, PHP takes the last.
    entries: Vec<Entry>,
    has_references: bool,
    /// With the handler `php_serialize`: where the number of entries stands, and the number.
    count: Option<(Range<usize>, usize)>,
}

#[derive(Debug)]
struct Entry {
    whole: Range<usize>,
    value: Range<usize>,
    read: Value,
}

impl<'a> Content<'a> {
    /// Reads a whole session: the array of the handler `php_serialize` if it begins like one, else the `key|value` runs
    /// of the handler `php`. `None`: it is neither, to the last byte. PHP throws such a session away.
    ///
    /// # Source
    /// PHP's `ext/session/session.c`.
    pub(super) fn parse(bytes: &'a [u8], key: &str) -> Option<Self> {
        let mut array = Scanner::new(bytes);
        match array.array_head() {
            Some(count) => Self::parse_array(bytes, key, array, count),
            None => Self::parse_runs(bytes, key),
        }
    }

    /// The text under the key. `Err`: what is there is no text.
    pub(super) fn text(&self) -> Result<Option<&'a [u8]>, ()> {
        match self.entries.last().map(|entry| &entry.read) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(range)) => Ok(Some(&self.bytes[range.clone()])),
            Some(Value::Other) => Err(()),
        }
    }

    /// The content without the key, every other byte as it was; `None` if the key is not there. Where values refer to
    /// each other by number, the entry stays and is null, which to PHP's `isset` is the same: taking it out would make
    /// the numbers wrong.
    pub(super) fn without_key(&self) -> Option<Zeroizing<Vec<u8>>> {
        let is_there = self.entries.iter().any(|entry| entry.read != Value::Null || !self.has_references);
        if !is_there {
            return None;
        }
        let mut rest = Zeroizing::new(Vec::with_capacity(self.bytes.len()));
        let mut at = 0;
        if let Some((range, count)) = self.count.as_ref().filter(|_| !self.has_references) {
            rest.extend_from_slice(&self.bytes[..range.start]);
            rest.extend_from_slice(count.saturating_sub(self.entries.len()).to_string().as_bytes());
            at = range.end;
        }
        for entry in &self.entries {
            let cut = if self.has_references { &entry.value } else { &entry.whole };
            rest.extend_from_slice(&self.bytes[at..cut.start]);
            if self.has_references {
                rest.extend_from_slice(b"N;");
            }
            at = cut.end;
        }
        rest.extend_from_slice(&self.bytes[at..]);
        Some(rest)
    }

    fn parse_runs(bytes: &'a [u8], key: &str) -> Option<Self> {
        let mut scanner = Scanner::new(bytes);
        let mut entries = Vec::new();
        while !scanner.is_at_end() {
            let start = scanner.at();
            let name = scanner.until(b'|')?;
            let value = scanner.at();
            let read = scanner.value()?;
            if name == key.as_bytes() {
                entries.push(Entry { whole: start..scanner.at(), value: value..scanner.at(), read });
            }
        }
        Some(Self { bytes, entries, has_references: scanner.has_references(), count: None })
    }

    fn parse_array(bytes: &'a [u8], key: &str, mut scanner: Scanner<'a>, count: usize) -> Option<Self> {
        let mut entries = Vec::new();
        let digits = b"a:".len()..scanner.at() - b":{".len();
        for _ in 0..count {
            let start = scanner.at();
            let name = scanner.key()?;
            let value = scanner.at();
            let read = scanner.value()?;
            if matches!(name, Value::Text(range) if &bytes[range.clone()] == key.as_bytes()) {
                entries.push(Entry { whole: start..scanner.at(), value: value..scanner.at(), read });
            }
        }
        scanner.array_end()?;
        let content = Self { bytes, entries, has_references: scanner.has_references(), count: Some((digits, count)) };
        scanner.is_at_end().then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "trongatetoken";

    fn token(bytes: &[u8]) -> Option<&[u8]> {
        Content::parse(bytes, KEY)?.text().ok()?
    }

    #[test]
    fn the_token_is_found_under_either_handler() {
        assert_eq!(token(b"trongatetoken|s:3:\"abc\";"), Some(&b"abc"[..]));
        assert_eq!(token(b"a|i:1;trongatetoken|s:3:\"abc\";b|N;"), Some(&b"abc"[..]));
        assert_eq!(token(b"a:2:{i:0;N;s:13:\"trongatetoken\";s:3:\"abc\";}"), Some(&b"abc"[..]));
    }

    #[test]
    fn what_only_looks_like_an_entry_is_none() {
        let decoys: [&[u8]; 9] = [
            b"note|s:25:\"trongatetoken|s:3:\"abc\";;\";",
            b"x|a:1:{s:13:\"trongatetoken\";s:3:\"abc\";}",
            b"a:1:{s:1:\"x\";a:1:{s:13:\"trongatetoken\";s:3:\"abc\";}}",
            b"a:1:{s:13:\"trongatetokem\";s:3:\"abc\";}",
            b"Trongatetoken|s:3:\"abc\";",
            b"trongatetoken2|s:3:\"abc\";",
            b"xtrongatetoken|s:3:\"abc\";",
            b"trongatetoken|N;",
            b"",
        ];
        for decoy in decoys {
            assert!(
                matches!(Content::parse(decoy, KEY).map(|content| content.text().ok()), Some(Some(None))),
                "{decoy:?}"
            );
        }
        for no_text in ["i:1;", "b:1;", "a:0:{}", "d:1.5;", "S:3:\"abc\";"] {
            let bytes = format!("trongatetoken|{no_text}");
            assert!(Content::parse(bytes.as_bytes(), KEY).unwrap().text().is_err(), "{no_text}");
        }
    }

    #[test]
    fn a_session_that_is_broken_anywhere_holds_nothing() {
        let broken: [&[u8]; 10] = [
            b"trongatetoken|s:3:\"abc\"",
            b"trongatetoken|s:3:\"abc\";x",
            b"trongatetoken|s:3:\"abc\";x|",
            b"trongatetoken|s:3:\"abc\";x|i:1",
            b"trongatetoken|s:2:\"abc\";",
            b"a:1:{s:13:\"trongatetoken\";s:3:\"abc\";",
            b"a:1:{s:13:\"trongatetoken\";s:3:\"abc\";}x",
            b"a:2:{s:13:\"trongatetoken\";s:3:\"abc\";}",
            b"a:0:{s:13:\"trongatetoken\";s:3:\"abc\";}",
            // Broken as an array, it is not looked at as runs: the text inside would become an entry.
            b"a:2:{s:1:\"n\";s:9:\"|N;trongatetoken|s:3:\"abc\";",
        ];
        for bytes in broken {
            assert!(Content::parse(bytes, KEY).is_none(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn of_two_entries_the_last_one_counts_as_in_php() {
        let twice = b"trongatetoken|s:3:\"abc\";trongatetoken|s:3:\"def\";";
        assert_eq!(token(twice), Some(&b"def"[..]));
        assert_eq!(Content::parse(twice, KEY).unwrap().without_key().unwrap().as_slice(), b"");
    }

    #[test]
    fn the_token_is_taken_out_and_every_other_byte_stays() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"a|i:1;trongatetoken|s:3:\"abc\";b|s:1:\"|\";", b"a|i:1;b|s:1:\"|\";"),
            (b"trongatetoken|s:3:\"abc\";", b""),
            (b"a:1:{s:13:\"trongatetoken\";s:3:\"abc\";}", b"a:0:{}"),
            (
                b"a:10:{i:0;N;i:1;N;i:2;N;i:3;N;i:4;N;s:13:\"trongatetoken\";i:9;i:6;N;i:7;N;i:8;N;i:9;N;}",
                b"a:9:{i:0;N;i:1;N;i:2;N;i:3;N;i:4;N;i:6;N;i:7;N;i:8;N;i:9;N;}",
            ),
            (b"trongatetoken|s:3:\"abc\";o|a:1:{i:0;R:2;}", b"trongatetoken|N;o|a:1:{i:0;R:2;}"),
            (b"a:2:{s:13:\"trongatetoken\";s:3:\"abc\";i:0;r:1;}", b"a:2:{s:13:\"trongatetoken\";N;i:0;r:1;}"),
        ];
        for (before, after) in cases {
            let content = Content::parse(before, KEY).unwrap();
            let rest = content.without_key().unwrap();
            assert_eq!(rest.as_slice(), after, "{}", before.escape_ascii());
            assert!(Content::parse(&rest, KEY).unwrap().text().unwrap().is_none());
        }
        for without in [&b"a|i:1;"[..], b"", b"a:0:{}", b"trongatetoken|N;a|R:1;"] {
            assert!(Content::parse(without, KEY).unwrap().without_key().is_none());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_trouble(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = token(&bytes);
        }

        #[test]
        fn no_bytes_that_look_like_the_format_are_trouble(text in "([absSdirRNOCE]:?[0-9]{0,3}[:;]?[\"{}|]?){0,40}") {
            if let Some(content) = Content::parse(text.as_bytes(), "a") {
                let _ = content.text();
                if let Some(rest) = content.without_key() {
                    let rest = Content::parse(&rest, "a").expect("it is still a session");
                    prop_assert!(rest.text().is_ok_and(|text| text.is_none()));
                }
            }
        }

        #[test]
        fn what_php_would_write_is_read_back(pairs in proptest::collection::vec(("[a-z]{1,8}", ".{0,20}"), 0..6), text in "[a-zA-Z0-9]{1,40}") {
            let entry = |key: &str, value: &str| format!("{key}|s:{}:\"{value}\";", value.len());
            let mut session: String = pairs.iter().map(|(key, value)| entry(key, value)).collect();
            session.push_str(&entry(KEY, &text));
            session.push_str(&entry("zz", "trongatetoken|s:1:\"x\";"));
            prop_assert_eq!(token(session.as_bytes()), Some(text.as_bytes()));
        }
    }
}
