//! What a token may be used for.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::text::Text;

/// What a token may be used for: all that its user may do, or only what is named.
///
/// An ability has a name of the application's own, `devices:write`. A name that ends in `:*` covers every ability that
/// begins with what stands before the `*`. Abilities never add to what the user's level allows: a rule asks for both.
///
/// Up to 39 bytes of names are held inline and cost no allocation on a request.
///
/// # Example
/// ```
/// use tower_tokens::token::Abilities;
///
/// let abilities = Abilities::new(["read", "devices:*"])?;
/// assert!(abilities.allow("read") && abilities.allow("devices:write"));
/// assert!(!abilities.allow("write") && !abilities.allow("devices"));
/// assert!(Abilities::all().allow("anything") && !Abilities::none().allow("read"));
/// assert_eq!(abilities.to_string(), "read devices:*");
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities(
    // The names with one space between two of them; `None`: all.
    Option<Text>,
);

impl Abilities {
    /// The most bytes that the names of one token may have, with one space between two of them. Our choice: dozens of names.
    pub const MAX_BYTES: usize = 1_024;

    /// Every ability: what a login of a browser has.
    #[must_use]
    pub const fn all() -> Self {
        Self(None)
    }

    /// No ability.
    #[must_use]
    pub fn none() -> Self {
        Self(Some(Text::new("")))
    }

    /// The abilities with these names. A name that occurs twice counts once.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a name that is empty or contains another character than a scope may
    /// (RFC 6749 §3.3: `!`, `#` to `[`, `]` to `~`), for a `*` that is not at the end after a `:`, and for more than
    /// [`MAX_BYTES`](Self::MAX_BYTES) in all. Every ability is [`all`](Self::all), not a name.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut text = String::new();
        for name in names {
            if !is_name(name) {
                return Err(invalid(
                    "an ability is a word of visible ASCII without quotes; a * stands at its end, after a :",
                ));
            }
            if text.split(' ').any(|known| known == name) {
                continue;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(name);
            if text.len() > Self::MAX_BYTES {
                return Err(invalid("the abilities of a token have at most 1,024 bytes"));
            }
        }
        Ok(Self(Some(Text::new(&text))))
    }

    /// Whether the ability with this name is among them.
    #[must_use]
    pub fn allow(&self, ability: &str) -> bool {
        let Some(names) = &self.0 else { return true };
        names.as_str().split(' ').any(|name| match name.strip_suffix('*') {
            Some(prefix) => ability.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()),
            None => name == ability && !name.is_empty(),
        })
    }

    /// Whether others allow everything that these allow.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::token::Abilities;
    ///
    /// let (few, many) = (Abilities::new(["devices:read"])?, Abilities::new(["devices:*", "read"])?);
    /// assert!(few.are_within(&many) && !many.are_within(&few));
    /// assert!(many.are_within(&Abilities::all()) && !Abilities::all().are_within(&many));
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    #[must_use]
    pub fn are_within(&self, others: &Self) -> bool {
        // A name with a star is covered by one that has its star at the same place or earlier.
        others.are_all() || (!self.are_all() && self.names().all(|name| others.allow(name)))
    }

    /// Whether these are all of them.
    #[must_use]
    pub const fn are_all(&self) -> bool {
        self.0.is_none()
    }

    /// The abilities of both, in alphabetical order. There is no bound: they are named in an answer, and not stored.
    pub(crate) fn union(&self, other: &Self) -> Self {
        if self.are_all() || other.are_all() {
            return Self::all();
        }
        let names: BTreeSet<_> = self.names().chain(other.names()).collect();
        Self(Some(Text::new(&names.into_iter().collect::<Vec<_>>().join(" "))))
    }

    /// The names, in the order in which they were given. Empty for [`none`](Self::none) and for [`all`](Self::all).
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.as_stored().unwrap_or_default().split(' ').filter(|name| !name.is_empty())
    }

    /// What stores keep: the names with one space between two of them, or `None` for all.
    #[must_use]
    pub fn as_stored(&self) -> Option<&str> {
        self.0.as_ref().map(Text::as_str)
    }

    /// What a store kept. A text that is not one of ours allows less, never more.
    pub(super) fn from_stored(text: Option<&str>) -> Self {
        Self(text.map(Text::new))
    }
}

/// The names as RFC 6749 §3.3 writes a scope: with one space between two of them. `*` stands for all.
impl fmt::Display for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_stored().unwrap_or("*"))
    }
}

/// A list of names; `["*"]` for all.
impl serde::Serialize for Abilities {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.are_all() { serializer.collect_seq(["*"]) } else { serializer.collect_seq(self.names()) }
    }
}

/// Whether this can be the name of an ability.
fn is_name(name: &str) -> bool {
    let is_scope_character = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    let before_star = name.strip_suffix('*').unwrap_or(name);
    let star_is_right = before_star.len() == name.len() || (before_star.ends_with(':') && before_star.len() > 1);
    !name.is_empty() && name.bytes().all(is_scope_character) && !before_star.contains('*') && star_is_right
}

fn invalid(why: &'static str) -> Error {
    Error::with_source(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_scope_token() {
        for name in ["read", "devices:write", "a:b:c", "devices:*", "a:b:*", "x!#[]~"] {
            assert!(Abilities::new([name]).is_ok(), "{name}");
        }
        for name in ["", " ", "a b", "a\"b", "a\\b", "ü", "*", ":*", "de*", "*:a", "a:*:*", "a:*b", "a\n"] {
            assert_eq!(Abilities::new([name]).unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        }
    }

    #[test]
    fn a_star_covers_what_stands_below_it() {
        let abilities = Abilities::new(["devices:*", "a:b:*"]).unwrap();
        for allowed in ["devices:read", "devices:read:all", "a:b:c", "devices:*"] {
            assert!(abilities.allow(allowed), "{allowed}");
        }
        for denied in ["devices", "devices:", "devicesx", "a:c", "a:b", "", "read", "evices:x"] {
            assert!(!abilities.allow(denied), "{denied}");
        }
    }

    #[test]
    fn abilities_are_within_others_that_allow_all_of_theirs() {
        let of = |names: &[&str]| Abilities::new(names.iter().copied()).unwrap();
        for (few, many) in [(&["a:*"][..], &["a:*"][..]), (&["a:b:*"], &["a:*"]), (&["a"], &["b", "a"]), (&[], &[])] {
            assert!(of(few).are_within(&of(many)), "{few:?} {many:?}");
        }
        for (many, few) in [(&["a:*"][..], &["a:b"][..]), (&["a:*"], &["a:b:*"]), (&["a", "b"], &["a"]), (&["a"], &[])]
        {
            assert!(!of(many).are_within(&of(few)), "{many:?} {few:?}");
        }
    }

    #[test]
    fn none_allows_nothing_and_names_are_kept_once() {
        for ability in ["", " ", "*", "read"] {
            assert!(!Abilities::none().allow(ability), "{ability:?}");
        }
        let twice = Abilities::new(["read", "write", "read"]).unwrap();
        assert_eq!(twice.names().collect::<Vec<_>>(), ["read", "write"]);
        assert_eq!(Abilities::new([]).unwrap(), Abilities::none());
        assert_eq!(Abilities::from_stored(twice.as_stored()), twice);
        let long: Vec<_> = (0..200).map(|number| format!("ability-{number}")).collect();
        assert!(Abilities::new(long.iter().map(String::as_str)).is_err());
    }

    #[test]
    fn json_is_a_list() {
        let json = |abilities: &Abilities| serde_json::to_string(abilities).unwrap();
        assert_eq!(json(&Abilities::all()), r#"["*"]"#);
        assert_eq!(json(&Abilities::none()), "[]");
        assert_eq!(json(&Abilities::new(["read", "a:*"]).unwrap()), r#"["read","a:*"]"#);
    }
}
