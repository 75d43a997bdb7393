//! Destroy: end one token, all of a user, or all but one.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::error::{Error, ErrorKind};
use crate::lifecycle::{TokenAction, TokenEvent, Tokens};
use crate::token::{Token, TokenId, TokenKind, TokenKinds, TokenRecord};
use crate::user::{Credential, CurrentUser, UserId};

impl Tokens {
    /// Ends this token; a pair by any token of it. `false` if there was no such token, which is not an error.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the store does not answer; then the token may still be
    /// valid.
    ///
    /// # Source
    /// Trongate's `destroy`.
    pub async fn destroy(&self, token: &Token) -> Result<bool, Error> {
        let repository = &self.inner().repository;
        if self.is_api_token(token.key())
            && let Some(found) = repository.find(token.key(), self.now()).await?
        {
            // With it ends what was generated within it, and the older token that overlaps with it.
            return self.destroy_by_id(found.user(), found.record().id()).await;
        }
        let Some(ended) = repository.delete(token.key()).await? else { return self.destroy_family_of(token).await };
        let mut id = ended.id;
        if let (TokenKind::Access, Some(pair)) = (ended.kind, ended.family) {
            repository.delete_by_id(&ended.user, pair).await?;
            id = pair;
        }
        self.report_revoked(&ended.user, id, true);
        Ok(true)
    }

    #[cfg(not(feature = "pairs"))]
    #[expect(clippy::unused_async, reason = "with pairs there is something to wait for")]
    async fn destroy_family_of(&self, _token: &Token) -> Result<bool, Error> {
        Ok(false)
    }

    /// Ends the token of this request's user: log out. With an access token its pair ends. An API token that was
    /// [rotated](Self::rotate_api_token) ends alone.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy), and [`NotIssuedHere`](ErrorKind::NotIssuedHere) for a
    /// [self-contained](Credential::SelfContained) credential, which no store can end: call the validator that accepted
    /// it ([`TokenValidator::destroy_current`](crate::validator::TokenValidator::destroy_current)), or its issuer.
    pub async fn destroy_current(&self, user: &CurrentUser) -> Result<bool, Error> {
        match user.credential() {
            Credential::Stored(record) => self.destroy_by_id(user.id(), record.log_out_id()).await,
            Credential::SelfContained { .. } => {
                let why = "the credential is self-contained: it is in no store, and only its issuer can end it";
                Err(Error::with_source(ErrorKind::NotIssuedHere, why))
            }
        }
    }

    /// Ends the token with this record id if it belongs to this user, and with it those of its
    /// [family](TokenRecord::family): one entry of a list of devices. `false` if it does not.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub async fn destroy_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let has_ended = self.inner().repository.delete_by_id(user, id).await?;
        self.report_revoked(user, id, has_ended);
        Ok(has_ended)
    }

    /// Ends every login of this user, on every browser and device: log out everywhere. Await it; it says how many tokens it
    /// ended. API tokens live on, unless [`kinds`](DestroyAll::kinds) names them: a script does not fail because its owner
    /// lost a phone.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    ///
    /// # Example
    /// ```
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    /// use tower_tokens::token::TokenKinds;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let user_id = repository.create_user(None, "member").await?;
    /// let tokens = Tokens::new(repository);
    /// tokens.generate(&user_id).await?;
    /// let phone = tokens.generate(&user_id).await?;
    ///
    /// assert_eq!(tokens.destroy_others(&user_id, phone.record()).await?, 1);
    /// assert_eq!(tokens.destroy_all(&user_id).kinds(TokenKinds::ALL).await?, 1);
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn destroy_all<'a>(&'a self, user: &'a UserId) -> DestroyAll<'a> {
        DestroyAll { tokens: self, user, kinds: TokenKinds::ALL.without(TokenKinds::API), keep: None }
    }

    /// As [`destroy_all`](Self::destroy_all), except that this token and those of its [family](TokenRecord::family) live on:
    /// after a change of password, with the record of [the user's own token](CurrentUser::token).
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub fn destroy_others<'a>(&'a self, user: &'a UserId, keep: &TokenRecord) -> DestroyAll<'a> {
        DestroyAll { keep: Some(keep.log_out_id()), ..self.destroy_all(user) }
    }
}

/// Tokens of one user about to be ended. Created by [`Tokens::destroy_all`] and [`Tokens::destroy_others`]; awaiting it says
/// how many there were.
#[derive(Debug)]
#[must_use = "no token is ended until this is awaited"]
pub struct DestroyAll<'a> {
    tokens: &'a Tokens,
    user: &'a UserId,
    kinds: TokenKinds,
    keep: Option<TokenId>,
}

impl DestroyAll<'_> {
    /// Ends tokens of these kinds. Default: every kind except API tokens.
    pub fn kinds(mut self, kinds: TokenKinds) -> Self {
        self.kinds = kinds;
        self
    }
}

impl<'a> IntoFuture for DestroyAll<'a> {
    type Output = Result<u64, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { tokens, user, kinds, keep } = self;
            let count = tokens.inner().repository.delete_by_user(user, kinds, keep).await?;
            let action = TokenAction::RevokedAll { kinds, kept: keep, count };
            tokens.report(&TokenEvent::of_user(action, tokens.now(), user, None));
            Ok(count)
        })
    }
}
