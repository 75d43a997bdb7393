//! The text of a file: JSON, as the Ergani SDK writes it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::client::StoredTokens;
use crate::client::file::expiry::End;
use crate::client::php_json::append_string;
use crate::clock::Timestamp;

/// What a file holds: the tokens, and what others wrote beside them, which every save keeps.
///
/// ```json
/// {"token":{"accessToken":"…","accessTokenExpiresAt":1795630985,"refreshToken":"…","refreshTokenExpiresAt":1797857068}}
/// ```
/// Times are seconds since 1970. Read are also [the other forms](End) of a time, and the fields `accessTokenExpired` and
/// `refreshTokenExpired`, which the Ergani API has in their place.
#[derive(Default)]
pub(super) struct Document {
    pub(super) tokens: Option<StoredTokens>,
    inside: Others,
    outside: Others,
}

/// Keys that this crate does not know, and their values as they were written.
type Others = Vec<(String, Box<RawValue>)>;

/// The beginning of every file that this crate writes.
pub(super) const BEGINNING: &str = r#"{"token":{"accessToken":""#;

impl Document {
    /// Reads a file that was written at `written_at`. Nothing at all, `null` and an object without tokens are readable.
    /// `None` for everything else.
    pub(super) fn read(text: &[u8], written_at: Option<Timestamp>) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim_ascii();
        if text.is_empty() || text == "null" {
            return Some(Self::default());
        }
        let Outer { token, others } = serde_json::from_str(text).ok()?;
        let Some(token) = token else { return Some(Self { outside: others, ..Self::default() }) };
        Some(Self { tokens: token.tokens(written_at), inside: token.others, outside: others })
    }

    /// Whether there is nothing in it.
    #[cfg(feature = "sealed")]
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_none() && self.inside.is_empty() && self.outside.is_empty()
    }

    /// The text of a file with these tokens, and with what others wrote.
    pub(super) fn write(&self, tokens: &StoredTokens) -> Zeroizing<String> {
        let mut json = Zeroizing::new(String::with_capacity(INITIAL_BYTES));
        json.push_str(r#"{"token":{"accessToken":"#);
        append_string(&mut json, tokens.access_token().expose_secret());
        append_time(&mut json, "accessTokenExpiresAt", tokens.access_expires_at());
        if let Some(refresh_token) = tokens.refresh_token() {
            json.push_str(r#","refreshToken":"#);
            append_string(&mut json, refresh_token.expose_secret());
        }
        append_time(&mut json, "refreshTokenExpiresAt", tokens.refresh_expires_at());
        append_others(&mut json, &self.inside);
        json.push('}');
        append_others(&mut json, &self.outside);
        json.push('}');
        json
    }
}

/// Room for most files, so that growing leaves no copy of a token behind.
const INITIAL_BYTES: usize = 8_192;

fn append_time(json: &mut Zeroizing<String>, key: &str, time: Option<Timestamp>) {
    if let Some(time) = time {
        json.push_str(&format!(",\"{key}\":{}", time.unix_seconds()));
    }
}

fn append_others(json: &mut Zeroizing<String>, others: &Others) {
    for (key, value) in others {
        json.push(',');
        append_string(json, key);
        json.push(':');
        json.push_str(value.get());
    }
}

/// The whole object.
#[derive(Default)]
struct Outer {
    token: Option<Inner>,
    others: Others,
}

/// The object `token`.
struct Inner {
    access_token: Option<Zeroizing<String>>,
    access_ends: [End; 2],
    refresh_token: Option<Zeroizing<String>>,
    refresh_ends: [End; 2],
    others: Others,
}

impl Inner {
    const EMPTY: Self = Self {
        access_token: None,
        access_ends: [End::Unknown; 2],
        refresh_token: None,
        refresh_ends: [End::Unknown; 2],
        others: Vec::new(),
    };

    /// The tokens. An end of the access token that cannot be read has passed: it is refreshed. One of the refresh token is
    /// not known: it is tried.
    fn tokens(&self, written_at: Option<Timestamp>) -> Option<StoredTokens> {
        let some = |text: &Option<Zeroizing<String>>| text.as_ref().filter(|text| !text.is_empty()).cloned();
        // The first that says something.
        let end = |ends: [End; 2]| ends.into_iter().find(|end| *end != End::Unknown).unwrap_or(End::Unknown);
        let long_ago = Timestamp::from_unix_seconds(0);
        let mut access_token = some(&self.access_token)?;
        let tokens = StoredTokens::new(std::mem::take(&mut *access_token))
            .with_access_expiry(end(self.access_ends).resolve(written_at, Some(long_ago)))
            .with_refresh_expiry(end(self.refresh_ends).resolve(written_at, None));
        Some(match some(&self.refresh_token) {
            Some(mut refresh_token) => tokens.with_refresh_token(std::mem::take(&mut *refresh_token)),
            None => tokens,
        })
    }
}

impl<'de> Deserialize<'de> for Outer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OuterVisitor;

        impl<'de> Visitor<'de> for OuterVisitor {
            type Value = Outer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outer, A::Error> {
                let mut outer = Outer::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "token" => outer.token = map.next_value()?,
                        _ => keep(&mut outer.others, key, map.next_value()?),
                    }
                }
                Ok(outer)
            }
        }

        deserializer.deserialize_map(OuterVisitor)
    }
}

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InnerVisitor;

        impl<'de> Visitor<'de> for InnerVisitor {
            type Value = Inner;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tokens")
            }

            /// PHP writes an empty array for an object without keys.
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Inner, A::Error> {
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(Inner::EMPTY),
                    Some(_) => Err(serde::de::Error::custom("a list")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inner, A::Error> {
                let mut inner = Inner::EMPTY;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "accessToken" => inner.access_token = map.next_value::<Option<String>>()?.map(Zeroizing::new),
                        "refreshToken" => inner.refresh_token = map.next_value::<Option<String>>()?.map(Zeroizing::new),
                        "accessTokenExpiresAt" => inner.access_ends[0] = End::read(map.next_value()?, false),
                        "accessTokenExpired" => inner.access_ends[1] = End::read(map.next_value()?, true),
                        "refreshTokenExpiresAt" => inner.refresh_ends[0] = End::read(map.next_value()?, false),
                        "refreshTokenExpired" => inner.refresh_ends[1] = End::read(map.next_value()?, true),
                        _ => keep(&mut inner.others, key, map.next_value()?),
                    }
                }
                Ok(inner)
            }
        }

        deserializer.deserialize_any(InnerVisitor)
    }
}

/// Of a key that is there twice the last value counts, as in PHP.
fn keep(others: &mut Others, key: String, value: Box<RawValue>) {
    others.retain(|(other, _)| *other != key);
    others.push((key, value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::SecretText;

    const LOGIN: &str = include_str!(
        "../../../tests/fixtures/ergani/login/ee9b850f068b25607926ded16fd614825768061b958563514e32c5971d9dbc5f.json"
    );
    const REFRESH: &str = include_str!(
        "../../../tests/fixtures/ergani/refresh/ee9b850f068b25607926ded16fd614825768061b958563514e32c5971d9dbc5f.json"
    );

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn read(text: &str) -> Document {
        Document::read(text.as_bytes(), Some(at(1_000))).unwrap()
    }

    fn tokens(text: &str) -> Option<StoredTokens> {
        read(text).tokens
    }

    #[test]
    fn the_sdks_files_are_read_and_written_byte_for_byte() {
        for (file, refresh_token) in [(LOGIN, "cmVmcmVzaC0x/+=="), (REFRESH, "cmVmcmVzaC0y")] {
            let document = read(file);
            let tokens = document.tokens.clone().unwrap();
            assert_eq!(tokens.refresh_token(), Some(&SecretText::new(refresh_token)));
            assert_eq!(tokens.refresh_expires_at(), Some(at(1_797_857_068)));
            assert_eq!(*document.write(&tokens), file);
            assert!(file.starts_with(BEGINNING));
        }
    }

    #[test]
    fn a_file_without_tokens_is_readable() {
        for text in [
            "",
            " \n",
            "null",
            "{}",
            r#"{"token":null}"#,
            r#"{"token":{}}"#,
            r#"{"token":[]}"#,
            r#"{"token":{"accessToken":""}}"#,
            r#"{"token":{"accessToken":null,"refreshToken":"r"}}"#,
            r#"{"other":1}"#,
        ] {
            assert_eq!(tokens(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_broken_is_not_readable() {
        for text in [
            "{",
            "[]",
            "5",
            "\"text\"",
            "<?php",
            r#"{"token":"a"}"#,
            r#"{"token":["a"]}"#,
            r#"{"token":{"accessToken":5}}"#,
            r#"{"token":{"accessToken":"a"}"#,
            r#"{"token":{"accessToken":"a"}}}"#,
            r#"{"token":{"accessToken":"a","refreshToken":{}}}"#,
            "{\"token\":{\"accessToken\":\"a\nb\"}}",
        ] {
            assert!(Document::read(text.as_bytes(), None).is_none(), "{text}");
        }
        assert!(Document::read(b"{\"token\":{\"accessToken\":\"\xff\"}}", None).is_none());
        for length in 1..LOGIN.len() {
            assert!(Document::read(&LOGIN.as_bytes()[..length], None).is_none(), "the first {length} bytes");
        }
    }

    #[test]
    fn what_others_wrote_is_kept_as_it_is() {
        let text = r#"{"before": 1.50, "token": {"x": [1, 2], "accessToken": "a", "scope": "a b", "accessTokenExpired": "60"}, "é/": {"n": 123456789012345678901234567890}}"#;
        let document = read(text);
        let saved = document.write(&StoredTokens::new("b"));
        let wanted = r#"{"token":{"accessToken":"b","x":[1, 2],"scope":"a b"},"before":1.50,"\u00e9\/":{"n": 123456789012345678901234567890}}"#;
        assert_eq!(*saved, wanted);
        assert_eq!(*read(&saved).write(&StoredTokens::new("b")), wanted);
    }

    #[test]
    fn the_fields_of_the_api_are_read_too() {
        let text = r#"{"token":{"accessToken":"a","accessTokenExpired":"10800","refreshToken":"r","refreshTokenExpired":"2026-12-21T14:44:28.2731304+02:00"}}"#;
        let found = tokens(text).unwrap();
        assert_eq!(found.access_expires_at(), Some(at(11_800)), "counted from when the file was written");
        assert_eq!(found.refresh_expires_at(), Some(at(1_797_857_068)));
        let both = r#"{"token":{"accessToken":"a","accessTokenExpired":5,"accessTokenExpiresAt":"1795630985"}}"#;
        assert_eq!(tokens(both).unwrap().access_expires_at(), Some(at(1_795_630_985)));
    }

    #[test]
    fn an_end_that_cannot_be_read_causes_a_refresh() {
        let text = r#"{"token":{"accessToken":"a","accessTokenExpiresAt":"soon","refreshToken":"r","refreshTokenExpiresAt":true}}"#;
        let found = tokens(text).unwrap();
        assert_eq!((found.access_expires_at(), found.refresh_expires_at()), (Some(at(0)), None));
    }

    proptest::proptest! {
        #[test]
        fn every_value_comes_back(
            access: String, refresh: Option<String>, ends: (Option<i64>, Option<i64>), junk in "[a-z\u{e9}/\"\\\\]{0,4}",
        ) {
            let end = |seconds: Option<i64>| seconds.map(at);
            let mut tokens = StoredTokens::new(format!("t{access}"))
                .with_access_expiry(end(ends.0)).with_refresh_expiry(end(ends.1));
            if let Some(refresh) = refresh {
                tokens = tokens.with_refresh_token(format!("r{refresh}"));
            }
            let before = format!("{{{}:[{{}}]}}", serde_json::to_string(&format!("other{junk}")).unwrap());
            let saved = read(&before).write(&tokens);
            proptest::prop_assert_eq!(read(&saved).tokens, Some(tokens));
            proptest::prop_assert!(saved.contains("[{}]"), "the other key is gone");
        }

        #[test]
        fn no_text_makes_it_panic(bytes: Vec<u8>, text in r#"[{}\[\],:"a-z0-9 ]{0,40}"#) {
            let _ = (Document::read(&bytes, None).is_some(), Document::read(text.as_bytes(), None).is_some());
        }
    }
}
