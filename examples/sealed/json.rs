//! What is printed about a token.

use serde::Serialize;
use serde_json::value::RawValue;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::Error;
use tower_tokens::sealed::{Opened, PrimordyxToken};

/// One line of output.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    /// The token is genuine.
    Opened {
        valid: bool,
        expired: bool,
        uuid: Option<String>,
        issued_at: Timestamp,
        expires_at: Option<Timestamp>,
        payload: Box<RawValue>,
    },
    /// The token does not open.
    Refused { valid: bool, reason: String },
}

impl Outcome {
    /// Whether the token is genuine, expired or not.
    pub(crate) const fn is_valid(&self) -> bool {
        matches!(self, Self::Opened { .. })
    }
}

impl From<Opened<Box<RawValue>>> for Outcome {
    fn from(token: Opened<Box<RawValue>>) -> Self {
        Self::Opened {
            valid: true,
            expired: token.is_expired(),
            uuid: Some(token.uuid().to_string()),
            issued_at: token.issued_at(),
            expires_at: token.expires_at().at(),
            payload: one_line(token.into_payload()),
        }
    }
}

impl From<PrimordyxToken<Box<RawValue>>> for Outcome {
    fn from(token: PrimordyxToken<Box<RawValue>>) -> Self {
        Self::Opened {
            valid: true,
            expired: token.is_expired(),
            uuid: None,
            issued_at: token.issued_at(),
            expires_at: token.expires_at().at(),
            payload: one_line(token.into_payload()),
        }
    }
}

impl From<Result<Self, Error>> for Outcome {
    fn from(result: Result<Self, Error>) -> Self {
        result.unwrap_or_else(|error| Self::Refused { valid: false, reason: error.to_string() })
    }
}

fn one_line(payload: Box<RawValue>) -> Box<RawValue> {
    RawValue::from_string(on_one_line(payload.get())).unwrap_or(payload)
}

/// The same JSON without the white space between its tokens.
pub(crate) fn on_one_line(json: &str) -> String {
    let (mut inside_text, mut escaped) = (false, false);
    let kept = json.chars().filter(|character| {
        let is_space = !inside_text && character.is_ascii_whitespace();
        if *character == '"' && !escaped {
            inside_text = !inside_text;
        }
        escaped = inside_text && *character == '\\' && !escaped;
        !is_space
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_between_tokens_alone() {
        let json = "{ \"a b\" :\n[1.50,\t\" \\\" \\\\\" , true ] }\r\n";
        assert_eq!(on_one_line(json), r#"{"a b":[1.50," \" \\",true]}"#);
    }
}
