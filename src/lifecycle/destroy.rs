//! Destroy: end one token, all of a user, or all but one.

use crate::error::{Error, ErrorKind};
use crate::lifecycle::Tokens;
use crate::token::{Token, TokenId};
use crate::user::{Credential, CurrentUser, UserId};

impl Tokens {
    /// Ends this token. `false` if there was no such token, which is not an error.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the store does not answer; then the token may still be
    /// valid.
    ///
    /// # Source
    /// Trongate's `destroy`.
    pub async fn destroy(&self, token: &Token) -> Result<bool, Error> {
        Ok(self.inner().repository.delete(token.key()).await?.is_some())
    }

    /// Ends the token of this request's user: log out.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy), and [`NotIssuedHere`](ErrorKind::NotIssuedHere) for a
    /// [self-contained](Credential::SelfContained) credential, which no store can end: call the validator that accepted
    /// it ([`TokenValidator::destroy_current`](crate::validator::TokenValidator::destroy_current)), or its issuer.
    pub async fn destroy_current(&self, user: &CurrentUser) -> Result<bool, Error> {
        match user.credential() {
            Credential::Stored(record) => self.destroy_by_id(user.id(), record.id()).await,
            Credential::SelfContained { .. } => {
                let why = "the credential is self-contained: it is in no store, and only its issuer can end it";
                Err(Error::with_source(ErrorKind::NotIssuedHere, why))
            }
        }
    }

    /// Ends the token with this record id if it belongs to this user: one line in a list of devices. `false` if it does
    /// not.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub async fn destroy_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.inner().repository.delete_by_id(user, id).await
    }

    /// Ends every token of this user: log out everywhere. Returns how many.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub async fn destroy_all(&self, user: &UserId) -> Result<u64, Error> {
        self.inner().repository.delete_by_user(user, None).await
    }

    /// Ends every token of this user except one: after a change of password. Returns how many.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub async fn destroy_others(&self, user: &UserId, keep: TokenId) -> Result<u64, Error> {
        self.inner().repository.delete_by_user(user, Some(keep)).await
    }
}
