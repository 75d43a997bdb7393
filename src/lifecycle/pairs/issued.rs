//! A pair with its texts.

use time::Duration;

use crate::clock::Timestamp;
use crate::token::{Token, TokenRecord};
use crate::user::UserId;

/// A pair that was generated or refreshed. Only this value holds the texts; a store keeps digests.
#[derive(Debug)]
#[must_use = "a pair is of no use until a client gets it"]
pub struct IssuedPair {
    pub(super) user: UserId,
    pub(super) access: Token,
    pub(super) refresh: Token,
    pub(super) record: TokenRecord,
    pub(super) access_record: TokenRecord,
    pub(super) issued_at: Timestamp,
}

impl IssuedPair {
    /// The access token, for `Authorization: Bearer`.
    #[must_use]
    pub const fn access_token(&self) -> &Token {
        &self.access
    }

    /// The refresh token, for [`Tokens::refresh`](crate::lifecycle::Tokens::refresh) alone.
    #[must_use]
    pub const fn refresh_token(&self) -> &Token {
        &self.refresh
    }

    /// The id of its user.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        &self.user
    }

    /// The record of the family, which its refresh tokens share: the line in a list of devices, and the id by which the pair
    /// is ended.
    #[must_use]
    pub const fn record(&self) -> &TokenRecord {
        &self.record
    }

    /// The record of the access token.
    #[must_use]
    pub const fn access_record(&self) -> &TokenRecord {
        &self.access_record
    }

    /// How long the access token is valid, from when the pair was issued: `expires_in` of RFC 6749 §5.1.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        match self.access_record.expires_at().at() {
            Some(end) => (end - self.issued_at).max(Duration::ZERO),
            None => Duration::MAX,
        }
    }
}
