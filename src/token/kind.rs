//! What a token is for, and sets of such kinds.

use std::fmt;
use std::ops::BitOr;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// A login of a browser or a device: [`generate`](crate::lifecycle::Tokens::generate).
    Login,
    /// A long-lived token of a script: [`Generate::api_token`](crate::lifecycle::Generate::api_token).
    Api,
    /// The short-lived half of a pair. Only a request's credential.
    Access,
    /// The long-lived half of a pair, which is exchanged for the next pair. Never a request's credential.
    Refresh,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Login, Self::Api, Self::Access, Self::Refresh];

    /// The text that stores keep: `login`, `api`, `access`, `refresh`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Api => "api",
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }

    /// The kind that a store keeps as this text.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for TokenKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A set of [`TokenKind`]s: which tokens of a user to list or to end.
///
/// # Example
/// ```
/// use tower_tokens::token::{TokenKind, TokenKinds};
///
/// let devices = TokenKinds::LOGINS | TokenKinds::PAIRS;
/// assert!(devices.contains(TokenKind::Refresh) && !devices.contains(TokenKind::Api));
/// assert_eq!(devices, TokenKinds::ALL.without(TokenKinds::API));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenKinds(u8);

impl TokenKinds {
    /// Logins of browsers and devices.
    pub const LOGINS: Self = Self::only(TokenKind::Login);
    /// API tokens.
    pub const API: Self = Self::only(TokenKind::Api);
    /// The access tokens of pairs.
    pub const ACCESS: Self = Self::only(TokenKind::Access);
    /// The refresh tokens of pairs: one for each device that uses pairs.
    pub const REFRESH: Self = Self::only(TokenKind::Refresh);
    /// Both halves of pairs.
    pub const PAIRS: Self = Self(Self::ACCESS.0 | Self::REFRESH.0);
    /// Every kind.
    pub const ALL: Self = Self(Self::LOGINS.0 | Self::API.0 | Self::PAIRS.0);

    /// This kind alone.
    #[must_use]
    pub const fn only(kind: TokenKind) -> Self {
        Self(match kind {
            TokenKind::Login => 1,
            TokenKind::Api => 2,
            TokenKind::Access => 4,
            TokenKind::Refresh => 8,
        })
    }

    /// These kinds except the others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether this kind is in the set.
    #[must_use]
    pub const fn contains(self, kind: TokenKind) -> bool {
        self.0 & Self::only(kind).0 != 0
    }

    /// The kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = TokenKind> {
        TokenKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl BitOr for TokenKinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for TokenKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_text() {
        for kind in TokenKind::ALL {
            assert_eq!(TokenKind::from_stored(kind.as_str()), Some(kind));
            assert!(TokenKinds::ALL.contains(kind) && TokenKinds::only(kind).iter().eq([kind]));
        }
        assert_eq!(TokenKind::from_stored("Login"), None);
    }
}
