//! A lifetime in seconds, as servers write it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Number;

use crate::client::{ClientError, ClientErrorKind};

/// The longest lifetime that is kept: ten years. Our choice: what a server says beyond it means "for ever", and sums of
/// times stay in their range.
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A number, or a text that is one.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Seconds {
    Number(Number),
    Text(String),
}

impl Seconds {
    /// The lifetime, in whole seconds. Less than one is zero, with which a manager uses the token until the API refuses it.
    /// What is negative or no number is an error.
    pub(super) fn lifetime(&self) -> Result<Duration, ClientError> {
        let seconds = match self {
            Self::Number(number) => number.as_f64(),
            Self::Text(text) => text.trim().parse().ok(),
        };
        // Infinity is no number here: a text can spell it.
        let seconds = seconds.filter(|seconds: &f64| seconds.is_finite());
        let whole = seconds.map(|seconds| seconds.floor().min(MAX_LIFETIME.as_secs_f64()));
        whole.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(|| {
            ClientError::new(ClientErrorKind::Malformed, "the lifetime of the access token is not a number of seconds")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime(json: &str) -> Option<u64> {
        serde_json::from_str::<Seconds>(json).ok()?.lifetime().ok().map(|lifetime| lifetime.as_secs())
    }

    #[test]
    fn a_number_and_a_text_are_seconds() {
        for (json, expected) in [
            ("3600", 3_600),
            ("\"10800\"", 10_800),
            ("\" 60 \"", 60),
            ("3599.9", 3_599),
            ("\"1.5\"", 1),
            ("1e3", 1_000),
            ("1", 1),
            ("0", 0),
            ("0.5", 0),
            ("18446744073709551615", 315_360_000),
            ("1e300", 315_360_000),
            ("\"99999999999999999999999999\"", 315_360_000),
        ] {
            assert_eq!(lifetime(json), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_is_negative_or_no_number_is_no_lifetime() {
        for json in ["-1", "\"-5\"", "\"\"", "\"soon\"", "\"inf\"", "\"NaN\"", "\"1e999\"", "true", "null", "[1]", "{}"]
        {
            assert_eq!(lifetime(json), None, "{json}");
        }
    }
}
