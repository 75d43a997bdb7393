//! The contract through `Arc` and `Box`. A method added to a trait must be added here, or the build fails.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::repository::{
    ChangeBus, Ended, Found, Lookup, NewToken, Page, PageRequest, Regenerated, Replacement, Rotation, Supersession,
    TokenRepository, User, UserRepository,
};
use crate::token::{TokenId, TokenKey, TokenKinds, TokenRecord};
use crate::user::{UserId, UserLevel};

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<R: TokenRepository + ?Sized> TokenRepository for $pointer<R> {
            async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
                (**self).insert(token).await
            }

            fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Lookup> {
                (**self).find_now(token, now)
            }

            fn change_bus(&self) -> Option<Arc<dyn ChangeBus>> {
                (**self).change_bus()
            }

            async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
                (**self).find(token, now).await
            }

            async fn find_in_store(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
                (**self).find_in_store(token, now).await
            }

            async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
                (**self).delete(token).await
            }

            async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
                (**self).delete_by_id(user, id).await
            }

            async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
                (**self).replace(replacement).await
            }

            async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
                (**self).touch(user, id, now).await
            }

            async fn delete_by_user(
                &self,
                user: &UserId,
                kinds: TokenKinds,
                keep: Option<TokenId>,
            ) -> Result<u64, Error> {
                (**self).delete_by_user(user, kinds, keep).await
            }

            async fn list_by_user(
                &self,
                user: &UserId,
                kinds: TokenKinds,
                page: PageRequest,
                now: Timestamp,
            ) -> Result<Page<TokenRecord>, Error> {
                (**self).list_by_user(user, kinds, page, now).await
            }

            async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
                (**self).delete_expired(now, limit).await
            }

            async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
                (**self).supersede(supersession).await
            }

            async fn rotation(&self, token: TokenKey<'_>) -> Result<Option<String>, Error> {
                (**self).rotation(token).await
            }

            async fn rotate(&self, rotation: Rotation<'_>) -> Result<bool, Error> {
                (**self).rotate(rotation).await
            }
        }

        #[async_trait]
        impl<R: UserRepository + ?Sized> UserRepository for $pointer<R> {
            async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
                (**self).create_level(title).await
            }

            async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
                (**self).levels().await
            }

            async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
                (**self).create_user(id, level).await
            }

            async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
                (**self).user(id).await
            }

            async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
                (**self).users(page).await
            }

            async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error> {
                (**self).change_level(id, level).await
            }

            async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
                (**self).set_disabled(id, disabled).await
            }

            async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
                (**self).delete_user(id).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
