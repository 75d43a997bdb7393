//! The parameters of an OAuth request: a form, or a JSON object with the same names.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::endpoints::answer::{is_post, media_type};
use crate::endpoints::oauth_error::OAuthError;
use crate::endpoints::service::BodyFault;
use crate::secret::SecretText;

/// Names and values. A value that is no text is `None`.
pub(super) struct Parameters(Vec<(String, Option<SecretText>)>);

impl Parameters {
    /// The parameters of a `POST`.
    pub(super) fn of(parts: &Parts, body: Result<Bytes, BodyFault>) -> Result<Self, OAuthError> {
        if !is_post(parts) {
            return Err(OAuthError::MethodNotAllowed);
        }
        let body = body?;
        match media_type(parts).as_deref() {
            Some("application/x-www-form-urlencoded") => Ok(Self::of_form(&body)),
            Some("application/json") => {
                serde_json::from_slice(&body).map_err(|_| OAuthError::bad("the body is not a JSON object"))
            }
            _ => Err(OAuthError::InvalidRequest(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be application/x-www-form-urlencoded or application/json",
            )),
        }
    }

    fn of_form(body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(body);
        Self(pairs.map(|(name, value)| (name.into_owned(), Some(SecretText::new(value.into_owned())))).collect())
    }

    /// The value of this parameter. One without a value counts as absent, and none may stand twice (RFC 6749 §3.2).
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(OAuthError::bad("a parameter stands twice"));
        }
        let Some(value) = value else { return Err(OAuthError::bad("a parameter is not a text")) };
        Ok(Some(value.expose_secret()).filter(|value| !value.is_empty()))
    }

    /// The value of a parameter that must be there.
    pub(super) fn need(&self, name: &str, missing: &'static str) -> Result<&str, OAuthError> {
        self.get(name)?.ok_or(OAuthError::bad(missing))
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Parameters;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    match value {
                        serde_json::Value::Null => {}
                        serde_json::Value::String(text) => pairs.push((name, Some(SecretText::new(text)))),
                        _ => pairs.push((name, None)),
                    }
                }
                Ok(Parameters(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
