//! A token fresh from the press, with its cookies.

use crate::clock::Timestamp;
use crate::respond::{SetTokenCookie, TokenCookie};
use crate::token::{Expiry, Token, TokenRecord};
use crate::user::UserId;

/// A token that was just generated: the one time that its text is there to be handed out.
#[derive(Debug)]
#[must_use = "a token that is handed to nobody is of no use"]
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

    /// Whose it is.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        &self.user
    }

    /// What the store knows of it.
    #[must_use]
    pub const fn record(&self) -> &TokenRecord {
        &self.record
    }

    /// When it ends.
    #[must_use]
    pub fn expires_at(&self) -> Expiry {
        self.record.expires_at()
    }

    /// The cookie that the browser forgets when it is closed: no `Expires`, no `Max-Age`. The token itself ends when it
    /// ends.
    pub fn session_cookie(&self) -> SetTokenCookie {
        self.cookie.set_session(&self.token)
    }

    /// The cookie that the browser keeps until the token's absolute end, at most 400 days.
    pub fn remember_me(&self) -> SetTokenCookie {
        self.cookie.set_until(&self.token, self.record.absolute_expiry(), self.issued_at)
    }
}
