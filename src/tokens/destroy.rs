//! Destroy: end one token, all of a user, or all but one.

use crate::error::{Error, ErrorKind};
use crate::token::{Token, TokenId};
use crate::tokens::Tokens;
use crate::user::{Credential, CurrentUser, UserId};

impl Tokens {
    /// Ends this token. `false`: there was no such token, which is not an error.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) when the store does not answer: then it may live on.
    ///
    /// # Source
    /// Trongate's `destroy`.
    pub async fn destroy(&self, token: &Token) -> Result<bool, Error> {
        self.inner().repository.delete(token.key()).await
    }

    /// Ends the token that this user presented: log out.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy), and [`NotIssuedHere`](ErrorKind::NotIssuedHere) for a
    /// [self-contained](Credential::SelfContained) credential, which no store can end: ask the validator that accepted it
    /// ([`TokenValidator::destroy_current`](crate::validator::TokenValidator::destroy_current)), or its issuer.
    pub async fn destroy_current(&self, user: &CurrentUser) -> Result<bool, Error> {
        match user.credential() {
            Credential::Stored(record) => self.destroy_by_id(user.id(), record.id()).await,
            Credential::SelfContained { .. } => {
                let why = "the credential is self-contained: no store knows it, and its issuer ends it";
                Err(Error::with_source(ErrorKind::NotIssuedHere, why))
            }
        }
    }

    /// Ends the token with this record id if it is this user's: one line in a list of devices. `false`: it was not.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub async fn destroy_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.inner().repository.delete_by_id(user, id).await
    }

    /// Ends every token of this user: log out everywhere. Says how many.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub async fn destroy_all(&self, user: &UserId) -> Result<u64, Error> {
        self.inner().repository.delete_by_user(user, None).await
    }

    /// Ends every token of this user but one: after a change of password. Says how many.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub async fn destroy_others(&self, user: &UserId, keep: TokenId) -> Result<u64, Error> {
        self.inner().repository.delete_by_user(user, Some(keep)).await
    }
}
