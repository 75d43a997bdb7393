//! A user id in one column of text, which people can read and other tables can join.
//!
//! ```text
//! integer                                        its decimal text       42
//! text                                           itself                 018f4e2a-7c1b-7d32-9a54-0123456789ab
//! text that could be taken for something else    between two quotes     "42"
//! ```
//!
//! Quoted are: the empty text; a text that begins with `"`; one that ends with a space, because MySQL's collation
//! `utf8mb4_bin` ignores spaces at the end; one that is the decimal text of an integer; and one that contains a NUL, which
//! PostgreSQL cannot keep. Between the quotes `\0` is a NUL and `\\` a backslash. So `1` and `"1"` stay two users, and two
//! ids are equal where their columns are equal byte for byte.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind};
use crate::repository::sql::rows::SqlRow;
use crate::repository::sql::statement::Value;
use crate::user::UserId;

/// The longest text that is kept as an id, in bytes. Our choice: twice the longest e-mail address (RFC 5321 §4.5.3.1),
/// and within the databases' limits for a key.
const MAX_TEXT_BYTES: usize = 512;

const QUOTES: usize = 2;

/// The id as a value of a statement.
pub(super) fn id_value(id: &UserId) -> Value<'_> {
    Value::Text(Some(of(id)))
}

/// The id of a user who is to be created.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a text of more than [`MAX_TEXT_BYTES`], and for a quoted one that its escapes make
/// longer than that.
pub(super) fn new_id_value(id: &UserId) -> Result<Value<'_>, Error> {
    of_new(id).map(|text| Value::Text(Some(text)))
}

/// The id in this column.
pub(super) fn read_id(row: &impl SqlRow, column: usize) -> Result<UserId, sqlx::Error> {
    row.text(column)?.and_then(parse).ok_or_else(|| sqlx::Error::Decode("not the id of a user".into()))
}

/// The id as its column holds it.
pub(in crate::repository) fn of(id: &UserId) -> Cow<'_, str> {
    match (id.as_integer(), id.as_text()) {
        (Some(number), _) => Cow::Owned(number.to_string()),
        (None, text) => {
            let text = text.unwrap_or_default();
            if is_ambiguous(text) { Cow::Owned(quoted(text)) } else { Cow::Borrowed(text) }
        }
    }
}

fn of_new(id: &UserId) -> Result<Cow<'_, str>, Error> {
    let text = of(id);
    let is_too_long = id.as_text().is_some_and(|text| text.len() > MAX_TEXT_BYTES);
    if is_too_long || text.len() > MAX_TEXT_BYTES + QUOTES {
        let source = format!("a user id holds at most {MAX_TEXT_BYTES} bytes");
        return Err(Error::with_source(ErrorKind::InvalidInput, source));
    }
    Ok(text)
}

/// The id that a column holds as this text. `None`: this crate did not write it.
pub(in crate::repository) fn parse(text: &str) -> Option<UserId> {
    let id = match text.strip_prefix('"') {
        Some(rest) => UserId::from(unquoted(rest.strip_suffix('"')?)?),
        None => integer(text).map_or_else(|| UserId::from(text), UserId::from),
    };
    (of(&id) == text).then_some(id)
}

fn is_ambiguous(text: &str) -> bool {
    text.is_empty() || text.starts_with('"') || text.ends_with(' ') || text.contains('\0') || integer(text).is_some()
}

/// The number of which this is the decimal text.
fn integer(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + QUOTES);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '\0' => quoted.push_str("\\0"),
            '\\' => quoted.push_str("\\\\"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn unquoted(text: &str) -> Option<String> {
    let (mut unquoted, mut characters) = (String::with_capacity(text.len()), text.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next()? {
                '0' => unquoted.push('\0'),
                '\\' => unquoted.push('\\'),
                _ => return None,
            },
            other => unquoted.push(other),
        }
    }
    Some(unquoted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_read_as_people_write_them() {
        for (id, text) in [
            (UserId::from(42), "42"),
            (UserId::from(i64::MIN), "-9223372036854775808"),
            (UserId::from("018f4e2a-7c1b-7d32-9a54-0123456789ab"), "018f4e2a-7c1b-7d32-9a54-0123456789ab"),
            (UserId::from("ann@example.org"), "ann@example.org"),
            (UserId::from("007"), "007"),
            (UserId::from("+1"), "+1"),
            (UserId::from("-0"), "-0"),
            (UserId::from("9223372036854775808"), "9223372036854775808"),
            (UserId::from("C:\\users"), "C:\\users"),
            (UserId::from("42"), "\"42\""),
            (UserId::from("-1"), "\"-1\""),
            (UserId::from(""), "\"\""),
            (UserId::from("\"quoted\""), "\"\"quoted\"\""),
            (UserId::from("ann "), "\"ann \""),
            (UserId::from("ann\t"), "ann\t"),
            (UserId::from("a\0\\"), "\"a\\0\\\\\""),
        ] {
            assert_eq!((of(&id).as_ref(), parse(text)), (text, Some(id.clone())), "{id:?}");
        }
    }

    #[test]
    fn what_this_crate_did_not_write_is_no_id() {
        for text in ["", "\"", "\"ann\"", "ann ", "\"a\\\"", "\"a\\n \"", "\"42", "\"\"\"\"x"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_by_creation_alone() {
        let longest = UserId::from("x".repeat(MAX_TEXT_BYTES));
        let longer = UserId::from("x".repeat(MAX_TEXT_BYTES + 1));
        assert!(of_new(&longest).is_ok());
        assert!(of_new(&UserId::from(" ".repeat(MAX_TEXT_BYTES))).is_ok(), "the quotes have room");
        for refused in [&longer, &UserId::from("\0".repeat(MAX_TEXT_BYTES))] {
            assert_eq!(of_new(refused).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(parse(&of(refused)).as_ref(), Some(refused));
        }
    }

    proptest! {
        #[test]
        fn every_id_leads_back_to_itself_and_ends_without_a_space(text in "[\\x00-\\x30\"\\\\ 0-9é-]{0,12}") {
            let id = UserId::from(text.as_str());
            let column = of(&id);
            prop_assert!(!column.ends_with(' ') && !column.contains('\0') && !column.is_empty());
            prop_assert_eq!(parse(&column), Some(id.clone()));
        }
    }
}
