//! A newly generated token, and the cookies that carry it.

use crate::clock::Timestamp;
use crate::respond::{SetTokenCookie, TokenCookie};
use crate::token::{Expiry, Token, TokenRecord};
use crate::user::UserId;

/// A newly generated token. Only this value holds its text; a store keeps the digest.
#[derive(Debug)]
#[must_use = "a token is of no use until a client gets it"]
pub struct IssuedToken {
    token: Token,
    user: UserId,
    record: TokenRecord,
    issued_at: Timestamp,
    cookie: TokenCookie,
}

impl IssuedToken {
    pub(super) const fn new(
        token: Token,
        user: UserId,
        record: TokenRecord,
        issued_at: Timestamp,
        cookie: TokenCookie,
    ) -> Self {
        Self { token, user, record, issued_at, cookie }
    }

    /// The token.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// The id of its user.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        &self.user
    }

    /// The record of the token in the store.
    #[must_use]
    pub const fn record(&self) -> &TokenRecord {
        &self.record
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Expiry {
        self.record.expires_at()
    }

    /// A cookie that the browser forgets when it is closed: no `Expires`, no `Max-Age`. The token's own end stays the
    /// same.
    pub fn session_cookie(&self) -> SetTokenCookie {
        self.cookie.set_session(&self.token)
    }

    /// A cookie that the browser keeps until the token's absolute end, at most 400 days.
    pub fn remember_me(&self) -> SetTokenCookie {
        self.cookie.set_until(&self.token, self.record.absolute_expiry(), self.issued_at)
    }
}
