//! Short text that is cloned on every request: inline up to [`INLINE_BYTES`], shared beyond.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrayvec::ArrayString;

/// A UUID (36 bytes) and most e-mail addresses fit: cloning them does not allocate or write to a shared counter, so
/// that two threads that serve the same user do not wait for each other's cache line.
pub(crate) const INLINE_BYTES: usize = 39;

/// Immutable text that is cheap to clone.
#[derive(Clone)]
pub(crate) enum Text {
    Inline(ArrayString<INLINE_BYTES>),
    Shared(Arc<str>),
}

impl Text {
    pub(crate) fn new(text: &str) -> Self {
        ArrayString::from(text).map_or_else(|_| Self::Shared(Arc::from(text)), Self::Inline)
    }

    /// As small as it gets, for what is kept by the million.
    pub(crate) fn to_shared(&self) -> Arc<str> {
        match self {
            Self::Inline(text) => Arc::from(text.as_str()),
            Self::Shared(text) => Arc::clone(text),
        }
    }

    pub(crate) fn from_shared(text: &Arc<str>) -> Self {
        ArrayString::from(text).map_or_else(|_| Self::Shared(Arc::clone(text)), Self::Inline)
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Inline(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_inline_and_long_text_is_shared() {
        let uuid = "018f4e2a-7c1b-7d32-9a54-0123456789ab";
        assert!(matches!(Text::new(uuid), Text::Inline(_)));
        let long = "x".repeat(INLINE_BYTES + 1);
        assert!(matches!(Text::new(&long), Text::Shared(_)));
        assert_eq!(Text::new(&long).as_str(), long);
    }
}
