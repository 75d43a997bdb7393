//! What a row of the table of changes says.

use std::borrow::Cow;

use crate::repository::Subject;
#[cfg(feature = "_sql")]
use crate::repository::sql::id_text::{parse, quoted as quoted_id};
use crate::token::TokenDigest;

/// What a row is about: the text of a user's id, or the digest of a token. With neither it is about everything.
///
/// An id that begins with a quote stands between quotes, as our own tables keep it.
pub(crate) fn subject(user: Option<&str>, digest: Option<&[u8]>) -> Subject {
    match (user, digest) {
        (_, Some(digest)) => {
            digest.try_into().map_or(Subject::Everything, |digest| Subject::Token(TokenDigest::from_bytes(digest)))
        }
        (Some(user), None) => unquoted(user),
        (None, None) => Subject::Everything,
    }
}

/// The user id and the digest of a row about this subject.
pub(crate) fn log_values(subject: &Subject) -> (Option<Cow<'_, str>>, Option<&[u8]>) {
    match subject {
        Subject::User(user) => (Some(quoted(user)), None),
        Subject::Token(digest) => (None, Some(digest.as_bytes())),
        Subject::Everything => (None, None),
    }
}

#[cfg(feature = "_sql")]
fn unquoted(user: &str) -> Subject {
    if !user.starts_with('"') {
        return Subject::User(user.to_owned());
    }
    // What cannot be read is about everything.
    parse(user).map_or(Subject::Everything, |user| Subject::from(&user))
}

#[cfg(feature = "_sql")]
fn quoted(user: &str) -> Cow<'_, str> {
    if user.starts_with('"') { quoted_id(user).into() } else { user.into() }
}

/// Trongate's ids are numbers.
#[cfg(not(feature = "_sql"))]
fn unquoted(user: &str) -> Subject {
    Subject::User(user.to_owned())
}

#[cfg(not(feature = "_sql"))]
fn quoted(user: &str) -> Cow<'_, str> {
    user.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_about_a_user_a_token_or_everything() {
        let digest = TokenDigest::from_bytes([7; 32]);
        let user = |text: &str| Subject::User(text.to_owned());
        for about in [user("42"), user(""), user("\"42\""), user("\"a\\"), Subject::Token(digest), Subject::Everything]
        {
            let (user, digest) = log_values(&about);
            assert_eq!(subject(user.as_deref(), digest), about);
        }
        assert_eq!(subject(Some("\"42\""), None), user("42"), "the text, beside the number");
        for unknown in [subject(Some("\"ann"), None), subject(None, Some(b"short"))] {
            assert_eq!(unknown, Subject::Everything);
        }
    }
}
