//! The id of the user that a token belongs to.

use std::fmt;
use std::sync::Arc;

use crate::text::Text;

/// A user's id: an integer, or a text such as a UUID, a ULID or an e-mail address.
///
/// `1` and `"1"` are two different users. So there is no `FromStr`: the text `1` does not say which of them it is. Parse
/// the application's own type of ids, and convert it: `From` accepts `i32`, `u32`, `i64`, text and (feature `uuid`)
/// `Uuid`; `TryFrom` gives it back. In JSON an id is a number or a string.
///
/// Up to 39 bytes of text are held inline and cost no allocation to clone.
///
/// # Example
/// ```
/// use tower_tokens::user::UserId;
///
/// let number = UserId::from(42);
/// assert_eq!(number.as_integer(), Some(42));
/// let uuid = UserId::from("018f4e2a-7c1b-7d32-9a54-0123456789ab");
/// assert_eq!(uuid.as_text(), Some("018f4e2a-7c1b-7d32-9a54-0123456789ab"));
/// assert_ne!(UserId::from(1), UserId::from("1"));
///
/// assert_eq!(i32::try_from(&number)?, 42);
/// assert!(i32::try_from(&uuid).is_err());
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Kind);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Integer(i64),
    Text(Text),
}

impl UserId {
    /// The integer, if the id is one.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        match &self.0 {
            Kind::Integer(id) => Some(*id),
            Kind::Text(_) => None,
        }
    }

    /// The text, if the id is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Kind::Integer(_) => None,
            Kind::Text(id) => Some(id.as_str()),
        }
    }

    /// The text, if the id is one, for what is kept by the million.
    pub(crate) fn to_shared(&self) -> Option<Arc<str>> {
        match &self.0 {
            Kind::Integer(_) => None,
            Kind::Text(id) => Some(id.to_shared()),
        }
    }

    pub(crate) fn from_shared(text: &Arc<str>) -> Self {
        Self(Kind::Text(Text::from_shared(text)))
    }
}

impl From<i64> for UserId {
    fn from(id: i64) -> Self {
        Self(Kind::Integer(id))
    }
}

impl From<i32> for UserId {
    fn from(id: i32) -> Self {
        Self::from(i64::from(id))
    }
}

impl From<u32> for UserId {
    fn from(id: u32) -> Self {
        Self::from(i64::from(id))
    }
}

impl From<&str> for UserId {
    fn from(id: &str) -> Self {
        Self(Kind::Text(Text::new(id)))
    }
}

impl From<String> for UserId {
    fn from(id: String) -> Self {
        Self::from(id.as_str())
    }
}

impl From<&Self> for UserId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Integer(id) => id.fmt(f),
            Kind::Text(id) => f.write_str(id.as_str()),
        }
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Integer(id) => write!(f, "UserId({id})"),
            Kind::Text(id) => write!(f, "UserId({id:?})"),
        }
    }
}
