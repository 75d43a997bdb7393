//! A store with a million tokens that takes no memory.

use async_trait::async_trait;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{Ended, Found, NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::{UserId, UserLevel};

pub(crate) const TOKENS: i64 = 1_000_000;
pub(crate) const USERS: i64 = 100_000;

/// Text that no other number has, and that looks as random as a token.
pub(crate) fn text(number: i64) -> String {
    format!("{:032x}", (number as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

/// It knows every token that [`text`] gives, and refuses every change.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) has_name: bool,
    pub(crate) has_text_id: bool,
}

#[async_trait]
impl TokenRepository for Store {
    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        let Ok(number) = u128::from_str_radix(token.expose_secret(), 16) else { return Ok(None) };
        let user = (number % USERS as u128) as i64;
        let mut record = TokenRecord::new(TokenId::new((number >> 64) as i64), now, Lifetime::days(30));
        if self.has_name {
            record = record.with_name("Firefox on Linux");
        }
        let user = if self.has_text_id {
            UserId::from(format!("018f4e2a-7c1b-7d32-9a54-{user:012x}"))
        } else {
            UserId::from(user)
        };
        Ok(Some(Found::new(user, UserLevel::new(1, "member"), record)))
    }

    async fn insert(&self, _: NewToken<'_>) -> Result<TokenRecord, Error> {
        Err(ErrorKind::Configuration.into())
    }

    async fn delete(&self, _: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        Err(ErrorKind::Configuration.into())
    }

    async fn delete_by_id(&self, _: &UserId, _: TokenId) -> Result<bool, Error> {
        Err(ErrorKind::Configuration.into())
    }

    async fn replace(&self, _: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        Err(ErrorKind::Configuration.into())
    }

    async fn touch(&self, _: &UserId, _: TokenId, _: Timestamp) -> Result<bool, Error> {
        Err(ErrorKind::Configuration.into())
    }

    async fn delete_by_user(&self, _: &UserId, _: TokenKinds, _: Option<TokenId>) -> Result<u64, Error> {
        Err(ErrorKind::Configuration.into())
    }

    async fn list_by_user(
        &self,
        _: &UserId,
        _: TokenKinds,
        _: PageRequest,
        _: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        Err(ErrorKind::Configuration.into())
    }

    async fn delete_expired(&self, _: Timestamp, _: u32) -> Result<u64, Error> {
        Err(ErrorKind::Configuration.into())
    }
}
