//! The claims of a token.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};

/// The claims of a token whose signature, times, issuer, audience and type are valid.
///
/// A claim of another type than the one that is asked for is an error, and not an absent claim: a `role` that is a list
/// must not be taken for no role. `null` is such another type.
///
/// # Example
/// ```
/// use tower_tokens::jwt::JwtClaims;
///
/// let claims: JwtClaims = r#"{"sub": "ann", "level": 3, "groups": ["a", "b"]}"#.parse()?;
/// assert_eq!(claims.required_text("sub")?, "ann");
/// assert_eq!(claims.integer("level")?, Some(3));
/// assert_eq!(claims.texts("groups")?, ["a", "b"]);
/// assert_eq!(claims.text("role")?, None);
/// assert!(claims.text("level").is_err(), "it is a number");
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct JwtClaims(Map<String, Value>);

impl JwtClaims {
    /// The claim of this name, a text. `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] for a claim that is not a text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        self.typed(name, "a text", Value::as_str)
    }

    /// The claim of this name, a text.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] for a claim that is not there or not a text.
    pub fn required_text(&self, name: &str) -> Result<&str, Error> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// The claim of this name, an integer. `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] for a claim that is not an integer of 64 bits, signed.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        self.typed(name, "an integer", Value::as_i64)
    }

    /// The claim of this name, an integer.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] for a claim that is not there or not an integer of 64 bits, signed.
    pub fn required_integer(&self, name: &str) -> Result<i64, Error> {
        self.integer(name)?.ok_or_else(|| missing(name))
    }

    /// The texts of a claim that is one text or a list of texts, such as `aud`. Empty if there is no such claim.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] for a claim that is neither.
    pub fn texts(&self, name: &str) -> Result<Vec<&str>, Error> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(list)) => {
                let texts: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
                texts.ok_or_else(|| wrong(name, "a list of texts"))
            }
            Some(_) => Err(wrong(name, "a text or a list of texts")),
        }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All claims as a type of the application, for claims in claims such as `realm_access.roles`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] for claims that this type cannot be made of. The error does not repeat them.
    pub fn parse_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let why = "the claims are not of the expected type";
        T::deserialize(&self.0).map_err(|_| Error::with_source(ErrorKind::InvalidToken, why))
    }

    /// A time in seconds since 1970 (RFC 7519 §2). One between two seconds counts as the second that `round` says.
    pub(super) fn time(&self, name: &str, round: fn(f64) -> f64) -> Result<Option<Timestamp>, Error> {
        let seconds = |value: &Value| {
            let seconds =
                value.as_i64().or_else(|| value.as_f64().filter(|it| it.is_finite()).map(|it| round(it) as i64))?;
            // The year 10000 is not a time, but a time in milliseconds, or "never".
            let time = Timestamp::from_unix_seconds(seconds);
            (time.unix_seconds() == seconds).then_some(time)
        };
        self.typed(name, "a time in seconds up to the year 9999", seconds)
    }

    fn typed<'c, T>(
        &'c self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&'c Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.0.get(name).map(|value| read(value).ok_or_else(|| wrong(name, expected))).transpose()
    }
}

fn missing(name: &str) -> Error {
    Error::with_source(ErrorKind::InvalidToken, format!("the claim {name} is missing"))
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::with_source(ErrorKind::InvalidToken, format!("the claim {name} is not {expected}"))
}

/// Parses the claims out of a JSON object, for tests of your own mappings. A token is validated by
/// [`JwtValidator`](super::JwtValidator).
impl std::str::FromStr for JwtClaims {
    type Err = Error;

    fn from_str(json: &str) -> Result<Self, Error> {
        let why = "the claims are not a JSON object";
        serde_json::from_str(json).map(Self).map_err(|_| Error::with_source(ErrorKind::InvalidToken, why))
    }
}

/// Shows the names of the claims alone: their values are personal data.
impl fmt::Debug for JwtClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JwtClaims").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}
