//! What happened, to which token of which user, and when.

use crate::clock::Timestamp;
use crate::lifecycle::events::{RefusedToken, TokenAction};
use crate::token::{TokenId, TokenKind, TokenRecord};
use crate::user::UserId;

/// What happened, to which token of which user, and when. It holds no secret: neither a text nor a digest.
///
/// Not each event knows everything. Of a token that was ended by its id only the id is known: the event that
/// [issued](TokenAction::Issued) the same id has its kind and name. Of a token that was refused the user is known only if it
/// was found.
///
/// # Example
/// See [`TokenEvents`](super::TokenEvents).
#[derive(Debug, Clone, Copy)]
pub struct TokenEvent<'a> {
    action: TokenAction,
    at: Timestamp,
    user: Option<&'a UserId>,
    token: Option<TokenId>,
    record: Option<&'a TokenRecord>,
}

impl<'a> TokenEvent<'a> {
    /// Something that happened to the token with this record.
    pub(in crate::lifecycle) const fn of_record(
        action: TokenAction,
        at: Timestamp,
        user: &'a UserId,
        record: &'a TokenRecord,
    ) -> Self {
        Self { action, at, user: Some(user), token: Some(record.id()), record: Some(record) }
    }

    /// Something that happened to the token with this id, or to all of the user.
    pub(in crate::lifecycle) const fn of_user(
        action: TokenAction,
        at: Timestamp,
        user: &'a UserId,
        token: Option<TokenId>,
    ) -> Self {
        Self { action, at, user: Some(user), token, record: None }
    }

    /// A token was refused that is not known.
    pub(in crate::lifecycle) const fn refused(why: RefusedToken, at: Timestamp) -> Self {
        Self { action: TokenAction::Refused(why), at, user: None, token: None, record: None }
    }

    /// What happened.
    #[must_use]
    pub const fn action(&self) -> TokenAction {
        self.action
    }

    /// When it happened, by the clock of the `Tokens`.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The user of the token, if known.
    #[must_use]
    pub const fn user(&self) -> Option<&'a UserId> {
        self.user
    }

    /// The id of the token's record, if known.
    #[must_use]
    pub const fn token_id(&self) -> Option<TokenId> {
        self.token
    }

    /// The token's record, if known.
    #[must_use]
    pub const fn record(&self) -> Option<&'a TokenRecord> {
        self.record
    }

    /// The token's kind, if known.
    #[must_use]
    pub fn kind(&self) -> Option<TokenKind> {
        self.record.map(TokenRecord::kind)
    }

    /// The name that its owner gave the token, if it has one and its record is known. It is text from outside.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.record.and_then(TokenRecord::name)
    }

    /// How many tokens it concerned: more than one only for [`RevokedAll`](TokenAction::RevokedAll).
    #[must_use]
    pub const fn count(&self) -> u64 {
        match self.action {
            TokenAction::RevokedAll { count, .. } => count,
            _ => 1,
        }
    }
}
