//! The compact form of a token: header, claims and signature with dots between.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// A token cut at its dots. Nothing is verified.
pub(super) struct Compact<'t> {
    header: &'t [u8],
    claims: &'t [u8],
    signature: &'t [u8],
    /// What is signed: header, dot, claims.
    pub(super) signed: &'t [u8],
}

impl<'t> Compact<'t> {
    /// `None` for a text that does not have exactly two dots. Other tokens are refused here, so this must stay cheap.
    #[inline]
    pub(super) fn split(text: &'t [u8]) -> Option<Self> {
        let mut dots = memchr::memchr_iter(b'.', text);
        let (first, second) = (dots.next()?, dots.next()?);
        if dots.next().is_some() {
            return None;
        }
        Some(Self {
            header: &text[..first],
            claims: &text[first + 1..second],
            signature: &text[second + 1..],
            signed: &text[..second],
        })
    }

    /// Of the whole token, in bytes.
    pub(super) const fn length(&self) -> usize {
        self.signed.len() + 1 + self.signature.len()
    }

    pub(super) fn header(&self) -> Result<Header, &'static str> {
        let json = decode(self.header).ok_or("the header is not base64url")?;
        let read: ReadHeader<'_> = serde_json::from_slice(&json).map_err(|_| "the header is not one of a JWT")?;
        let owned = |text: Option<Text<'_>>| text.map(|Text(text)| text.into_owned());
        // RFC 7515 §4.1.11: whoever does not understand an extension that it names must refuse the token.
        if read.crit.is_some() {
            return Err("the header has critical extensions");
        }
        Ok(Header { alg: read.alg.into_owned(), kid: owned(read.kid), typ: owned(read.typ) })
    }

    pub(super) fn claims(&self) -> Result<String, &'static str> {
        let json = decode(self.claims).ok_or("the claims are not base64url")?;
        String::from_utf8(json).map_err(|_| "the claims are not UTF-8")
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, &'static str> {
        decode(self.signature).ok_or("the signature is not base64url")
    }
}

/// The parameters of a header that count. Whatever else it has is ignored, above all keys (`jwk`, `jku`, `x5u`, `x5c`).
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

#[derive(Deserialize)]
struct ReadHeader<'h> {
    #[serde(borrow)]
    alg: Cow<'h, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    kid: Option<Text<'h>>,
    #[serde(borrow, default, deserialize_with = "present")]
    typ: Option<Text<'h>>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Text<'h>(#[serde(borrow)] Cow<'h, str>);

/// A parameter that is there: `null` is not the same as an absent one.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// One text has one encoding: padding, other alphabets and spare bits are refused.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
