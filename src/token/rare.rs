//! The fields that the record of a browser's login lacks.

use std::fmt;

use arrayvec::ArrayString;

use crate::text::Text;
use crate::token::Abilities;

/// The fields that few records have, in a place of their own: a record is built on every request, and each of its bytes is
/// written then.
#[derive(Clone)]
pub(super) struct Rare(Option<Box<RareFields>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RareFields {
    pub(super) name: Option<Text>,
    pub(super) code: Option<Text>,
    pub(super) abilities: Abilities,
    pub(super) last_four: Option<ArrayString<4>>,
}

static NONE: RareFields = RareFields { name: None, code: None, abilities: Abilities::all(), last_four: None };

impl Rare {
    pub(super) const NONE: Self = Self(None);

    #[inline]
    pub(super) fn get(&self) -> &RareFields {
        self.0.as_deref().unwrap_or(&NONE)
    }

    pub(super) fn get_mut(&mut self) -> &mut RareFields {
        self.0.get_or_insert_with(|| Box::new(NONE.clone()))
    }
}

impl PartialEq for Rare {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Rare {}

impl fmt::Debug for Rare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl From<RareFields> for Rare {
    fn from(fields: RareFields) -> Self {
        Self((fields != NONE).then(|| Box::new(fields)))
    }
}
