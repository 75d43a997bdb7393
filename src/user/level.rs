//! The level of a user.

use std::fmt;

use crate::text::Text;

/// A user level: a number and a title such as `admin`. Rules compare the title byte for byte.
///
/// # Example
/// ```
/// use tower_tokens::user::UserLevel;
///
/// let admin = UserLevel::new(1, "admin");
/// assert_eq!((admin.id(), admin.title()), (1, "admin"));
/// assert_eq!(admin.to_string(), "admin");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserLevel {
    id: i64,
    title: Text,
}

impl UserLevel {
    /// The level with this number and title.
    #[must_use]
    pub fn new(id: i64, title: &str) -> Self {
        Self { id, title: Text::new(title) }
    }

    /// The level's number.
    #[must_use]
    pub const fn id(&self) -> i64 {
        self.id
    }

    /// The level's title.
    #[must_use]
    pub fn title(&self) -> &str {
        self.title.as_str()
    }
}

impl fmt::Display for UserLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

impl fmt::Debug for UserLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserLevel").field("id", &self.id).field("title", &self.title).finish()
    }
}
