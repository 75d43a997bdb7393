//! A token, and the user whom the request names beside it.

use std::fmt::Write as _;

use arrayvec::ArrayString;

use crate::token::Token;
use crate::user::UserId;

/// A token that counts only if it belongs to the user whom the request names beside it.
pub(crate) struct ClaimedToken {
    pub(crate) token: Token,
    user: Box<[u8]>,
}

impl ClaimedToken {
    pub(super) fn new(token: Token, user: &[u8]) -> Self {
        Self { token, user: user.into() }
    }

    /// Whether this user is the claimed one: the text of the id, byte for byte. An id is no secret, so this need not take
    /// the same time for every text.
    pub(crate) fn belongs_to(&self, user: &UserId) -> bool {
        let Some(id) = user.as_integer() else { return user.as_text().map(str::as_bytes) == Some(&*self.user) };
        let mut text = ArrayString::<20>::new();
        write!(text, "{id}").is_ok() && text.as_bytes() == &*self.user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text_byte_for_byte() {
        let token = || Token::from_checked("t".to_owned());
        let belongs = |claimed: &str, id: UserId| ClaimedToken::new(token(), claimed.as_bytes()).belongs_to(&id);
        for id in [0, 42, -1, i64::MAX, i64::MIN] {
            assert!(belongs(&id.to_string(), id.into()));
        }
        assert!(belongs("ann@example.org", "ann@example.org".into()) && belongs("42", "42".into()));
        for wrong in ["", "042", "+42", " 42", "42 ", "4", "420", "42.0"] {
            assert!(!belongs(wrong, 42.into()), "{wrong}");
        }
        for wrong in ["", "Ann", "ann ", "an", "anna"] {
            assert!(!belongs(wrong, "ann".into()), "{wrong}");
        }
    }
}
