//! [`Notice`] and [`Subject`]: what a bus carries.

use crate::token::TokenDigest;
use crate::user::UserId;

/// Who or what a change is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A user: their level, whether they may log in, their tokens. The text of their id; `1` stands for the integer and for the
    /// text.
    User(String),
    /// A token.
    Token(TokenDigest),
    /// Everything, for instance the title of a level.
    Everything,
}

/// What a subscription gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// It was changed. Whoever asks the store now gets the present state.
    Changed(Subject),
    /// It is being changed, or is about to be within a few seconds.
    Changing(Subject),
    /// The answer to the heartbeat with this number.
    Heartbeat(u64),
}

impl From<&UserId> for Subject {
    fn from(user: &UserId) -> Self {
        Self::User(user.to_string())
    }
}

impl Subject {
    /// The text of a message: `u` and the id of a user, `t` and the digest of a token in lower-case hexadecimal digits, or
    /// `*` for everything.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::User(id) => format!("u{id}"),
            Self::Token(digest) => {
                digest.as_bytes().iter().fold("t".to_owned(), |text, byte| text + &format!("{byte:02x}"))
            }
            Self::Everything => "*".to_owned(),
        }
    }

    /// Reads the text of a message. What cannot be read is about everything: an empty cache is slow, a stale one is wrong.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text.split_at_checked(1) {
            Some(("u", id)) => Self::User(id.to_owned()),
            Some(("t", hex)) => digest(hex).map_or(Self::Everything, Self::Token),
            _ => Self::Everything,
        }
    }
}

fn digest(hex: &str) -> Option<TokenDigest> {
    let mut bytes = [0; 32];
    // `from_str_radix` takes a sign.
    if hex.len() != 2 * bytes.len() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(TokenDigest::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_subject_survives_its_text(id in ".*", digest in any::<[u8; 32]>()) {
            for subject in [Subject::User(id.clone()), Subject::Token(TokenDigest::from_bytes(digest)), Subject::Everything] {
                prop_assert_eq!(Subject::from_text(&subject.to_text()), subject);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = Subject::from_text(&text);
        }
    }

    #[test]
    fn what_cannot_be_read_is_about_everything() {
        for text in ["", "x", "t", "t12", &format!("t{}", "+f".repeat(32)), &format!("t{}", "é".repeat(32))] {
            assert_eq!(Subject::from_text(text), Subject::Everything, "{text}");
        }
    }
}
