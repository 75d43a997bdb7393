//! The kinds of events.

use std::fmt;

use crate::clock::Timestamp;
use crate::token::{TokenId, TokenKinds};

/// What happened to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenAction {
    /// A token was generated: a login, an API token, or a pair, whose record is that of its refresh token.
    Issued,
    /// A token was used. Not each use is an event: it is one whenever the
    /// [last use is recorded](crate::lifecycle::Tokens::with_touch_interval), at most once a minute for a token by default.
    Validated,
    /// An API token was used that ends soon, at this time: once a day, at a use, from
    /// [some days](crate::lifecycle::Tokens::with_expiry_warning) before its end.
    ExpiresSoon {
        /// The absolute end of the token.
        at: Timestamp,
    },
    /// A presented token was not accepted.
    Refused(RefusedToken),
    /// The text of a login was replaced by another one.
    Regenerated,
    /// An API token took the place of another one. The event names the new token.
    Rotated {
        /// The id of the token that it replaces.
        old: TokenId,
    },
    /// A refresh token was exchanged for the next pair.
    Refreshed,
    /// A superseded refresh token was presented: a thief or its owner has an old one, and its pair has ended.
    ReuseDetected,
    /// A token was ended by its text or id, and with it those of its family.
    Revoked,
    /// Every token of a user was ended that is of these kinds, or every other one.
    RevokedAll {
        /// The kinds.
        kinds: TokenKinds,
        /// The token that was kept, with its family.
        kept: Option<TokenId>,
        /// How many there were.
        count: u64,
    },
    /// A login was ended because its user has [too many](crate::lifecycle::Tokens::with_max_tokens_per_user).
    Displaced,
}

impl TokenAction {
    /// A word for it that does not change: `issued`, `validated`, `expires_soon`, `refused`, `regenerated`, `rotated`,
    /// `refreshed`, `reuse_detected`, `revoked`, `revoked_all`, `displaced`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Validated => "validated",
            Self::ExpiresSoon { .. } => "expires_soon",
            Self::Refused(_) => "refused",
            Self::Regenerated => "regenerated",
            Self::Rotated { .. } => "rotated",
            Self::Refreshed => "refreshed",
            Self::ReuseDetected => "reuse_detected",
            Self::Revoked => "revoked",
            Self::RevokedAll { .. } => "revoked_all",
            Self::Displaced => "displaced",
        }
    }
}

impl fmt::Display for TokenAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a presented token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedToken {
    /// It has the prefix of API tokens and wrong check digits: a typing error, or an invented token.
    WrongCheckDigits,
    /// It is unknown, expired or ended, or its user is deleted or disabled. A store does not say which.
    NotFound,
    /// It is a refresh token, which is the credential of no request.
    RefreshToken,
    /// As a [password](crate::lifecycle::Tokens::validate_password_token): it is an API token of another user.
    OtherUser,
    /// As a password: it is not an API token.
    OtherKind,
}

impl RefusedToken {
    /// A word for it that does not change: `wrong_check_digits`, `not_found`, `refresh_token`, `other_user`, `other_kind`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::WrongCheckDigits => "wrong_check_digits",
            Self::NotFound => "not_found",
            Self::RefreshToken => "refresh_token",
            Self::OtherUser => "other_user",
            Self::OtherKind => "other_kind",
        }
    }
}

impl fmt::Display for RefusedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
