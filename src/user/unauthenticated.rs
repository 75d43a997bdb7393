//! Why a request has no user.

use std::fmt;

use http::Extensions;

use crate::user::{CurrentUser, UserLevel};

/// Why a request has no user: `TokenAuthLayer` puts it into the extensions if it puts no
/// [`CurrentUser`](super::CurrentUser) there.
///
/// For the application and its logs; do not send it to the client.
///
/// # Example
/// ```
/// use http::Extensions;
/// use tower_tokens::user::{Reason, Unauthenticated};
///
/// let mut extensions = Extensions::new();
/// assert_eq!(Unauthenticated::from_extensions(&extensions), None, "no layer was here");
/// Unauthenticated::new(Reason::NoCredential).insert_into(&mut extensions);
/// assert_eq!(Unauthenticated::from_extensions(&extensions).unwrap().reason(), Reason::NoCredential);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unauthenticated {
    reason: Reason,
    explicit: bool,
}

/// Why a request has no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The request carries no credential.
    NoCredential,
    /// A credential that is unknown, expired or ended, or whose user is deleted or disabled.
    Invalid,
    /// A credential that cannot be a token.
    Malformed,
    /// Cookies of two different users, or two `Authorization` headers.
    Ambiguous,
    /// An ambient credential on an unsafe request that another site caused.
    CrossSite,
    /// The store, or the session, does not answer.
    Unavailable,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredential => "no credential",
            Self::Invalid => "invalid credential",
            Self::Malformed => "malformed credential",
            Self::Ambiguous => "ambiguous credentials",
            Self::CrossSite => "cross-site request with an ambient credential",
            Self::Unavailable => "the store does not answer",
        })
    }
}

impl Unauthenticated {
    /// No user, for this reason.
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self { reason, explicit: false }
    }

    /// Records that an explicit credential (`Authorization: Bearer`, a header) is among those that failed.
    #[must_use]
    pub const fn with_explicit_credential(mut self) -> Self {
        self.explicit = true;
        self
    }

    /// The reason.
    #[must_use]
    pub const fn reason(self) -> Reason {
        self.reason
    }

    /// Whether an explicit credential is among those that failed. A stale cookie in a browser is no error of the
    /// sender; an invalid explicit credential is an error that its sender should get an answer to.
    #[must_use]
    pub const fn has_explicit_credential(self) -> bool {
        self.explicit
    }

    /// The value that the layer put there, or `None` if there is a user or no layer ran.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<Self> {
        if extensions.get::<CurrentUser>().is_some() {
            return None;
        }
        ALL.iter().find(|marker| (marker.is_in)(extensions)).map(|marker| marker.value)
    }

    /// Puts this value into the extensions, in place of the value of an earlier layer.
    pub fn insert_into(self, extensions: &mut Extensions) {
        if !extensions.is_empty() {
            extensions.remove::<CurrentUser>();
            extensions.remove::<UserLevel>();
            for marker in &ALL {
                (marker.remove)(extensions);
            }
        }
        if let Some(marker) = ALL.iter().find(|marker| marker.value == self) {
            (marker.insert)(extensions);
        }
    }
}

/// The value as a zero-sized type: an extension of size zero costs no allocation, so a refused request costs none.
#[derive(Clone, Copy)]
struct Marker<const REASON: usize, const EXPLICIT: bool>;

struct MarkerType {
    value: Unauthenticated,
    is_in: fn(&Extensions) -> bool,
    insert: fn(&mut Extensions),
    remove: fn(&mut Extensions),
}

const fn marker<const REASON: usize, const EXPLICIT: bool>() -> MarkerType {
    MarkerType {
        value: Unauthenticated { reason: REASONS[REASON], explicit: EXPLICIT },
        is_in: |extensions| extensions.get::<Marker<REASON, EXPLICIT>>().is_some(),
        insert: |extensions| {
            extensions.insert(Marker::<REASON, EXPLICIT>);
        },
        remove: |extensions| {
            extensions.remove::<Marker<REASON, EXPLICIT>>();
        },
    }
}

const REASONS: [Reason; 6] = [
    Reason::NoCredential,
    Reason::Invalid,
    Reason::Malformed,
    Reason::Ambiguous,
    Reason::CrossSite,
    Reason::Unavailable,
];

static ALL: [MarkerType; 12] = [
    marker::<0, false>(),
    marker::<1, false>(),
    marker::<1, true>(),
    marker::<2, false>(),
    marker::<2, true>(),
    marker::<3, false>(),
    marker::<3, true>(),
    marker::<4, false>(),
    marker::<4, true>(),
    marker::<5, false>(),
    marker::<5, true>(),
    marker::<0, true>(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_the_extensions_and_replaces_the_previous_one() {
        let mut extensions = Extensions::new();
        for reason in REASONS {
            for value in [Unauthenticated::new(reason), Unauthenticated::new(reason).with_explicit_credential()] {
                value.insert_into(&mut extensions);
                assert_eq!(Unauthenticated::from_extensions(&extensions), Some(value));
                assert_eq!(extensions.len(), 1);
            }
        }
    }
}
