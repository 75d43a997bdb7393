//! Validates tokens for the layer: [`TokenValidator`].
//!
//! [`Tokens`](crate::lifecycle::Tokens) is one, and most applications need no other. Write one to accept tokens of another
//! issuer, and chain it with [`or`](TokenValidator::or).
//!
//! # Example
//! ```
//! use async_trait::async_trait;
//! use tower_tokens::clock::{Clock, SystemClock};
//! use tower_tokens::repository::MemoryRepository;
//! use tower_tokens::token::{Lifetime, Token, TokenId, TokenKey, TokenRecord};
//! use tower_tokens::lifecycle::Tokens;
//! use tower_tokens::user::{CurrentUser, UserLevel};
//! use tower_tokens::validator::{TokenValidator, Validation};
//!
//! /// The one token of the backup script.
//! #[derive(Debug)]
//! struct Backup(Token);
//!
//! #[async_trait]
//! impl TokenValidator for Backup {
//!     async fn validate(&self, token: TokenKey<'_>) -> Validation {
//!         if Token::parse(token.expose_secret()).ok().as_ref() != Some(&self.0) {
//!             return Validation::Invalid;
//!         }
//!         let now = SystemClock.now();
//!         let record = TokenRecord::new(TokenId::new(1), now, Lifetime::seconds(60));
//!         Validation::Valid(CurrentUser::new("backup", UserLevel::new(9, "robot"), record, now))
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let backup = Backup(Token::parse("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x")?);
//! let both = Tokens::new(MemoryRepository::new()).or(backup);
//! let found = both.validate(TokenKey::new("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x")).await;
//! assert!(matches!(found, Validation::Valid(user) if user.level().title() == "robot"));
//! # Ok::<(), tower_tokens::error::Error>(())
//! # }).unwrap();
//! ```

#[cfg(feature = "sealed")]
mod sealed;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind};
use crate::respond::SetTokenCookie;
use crate::source::TokenSource;
use crate::token::{Token, TokenKey};
use crate::user::CurrentUser;

/// The result of validating a token. Its three cases stay distinct: an outage is not a refusal.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are three cases, and a caller must handle each of them")]
pub enum Validation {
    /// The token is valid, and this is its user.
    Valid(CurrentUser),
    /// The token is unknown, expired or ended, or its user is deleted or disabled.
    Invalid,
    /// The result is unknown, because a store or a service did not answer.
    Unavailable(Error),
}

impl From<Result<Option<CurrentUser>, Error>> for Validation {
    fn from(found: Result<Option<CurrentUser>, Error>) -> Self {
        match found {
            Ok(Some(user)) => Self::Valid(user),
            Ok(None) => Self::Invalid,
            Err(error) => Self::Unavailable(error),
        }
    }
}

/// Turns the text of a token into its user. `TokenAuthLayer` calls it on every request.
///
/// `Tokens` looks the token up in its store. Two validators can be chained with [`or`](Self::or).
#[async_trait]
pub trait TokenValidator: std::fmt::Debug + Send + Sync + 'static {
    /// Validates without waiting, so that a hit costs no boxed future. `None` if the answer is not in this process's
    /// memory; [`validate`](Self::validate) is called next. It must not block. Default: `None`.
    ///
    /// `token` is 1 to 4,096 bytes of RFC 6750's `b64token`.
    fn validate_now(&self, token: TokenKey<'_>) -> Option<Validation> {
        let _ = token;
        None
    }

    /// Validates, and waits for a store if it has to. `token` is 1 to 4,096 bytes of RFC 6750's `b64token`.
    async fn validate(&self, token: TokenKey<'_>) -> Validation;

    /// Validates past every cache, as of this moment: what the rule [`checked_now`](crate::policy::checked_now) asks. Default:
    /// [`validate`](Self::validate). A validator that keeps answers, or hands them on from one that does, has its own.
    async fn validate_in_store(&self, token: TokenKey<'_>) -> Validation {
        self.validate(token).await
    }

    /// Ends the credential by which this validator accepted the user: log out. `false` if it had already ended.
    ///
    /// # Errors
    /// [`ErrorKind::NotIssuedHere`] for a credential that this validator cannot end; by default it cannot end any.
    /// [`ErrorKind::Unavailable`] if a store does not answer; then the credential may still be valid.
    async fn destroy_current(&self, user: &CurrentUser) -> Result<bool, Error> {
        let _ = user;
        Err(Error::with_source(ErrorKind::NotIssuedHere, "this validator ends no credentials"))
    }

    /// Ends a token by its text: for a logout that ends every token of a request, valid or not. `false` if it was not
    /// a valid token of this validator.
    ///
    /// # Errors
    /// As [`destroy_current`](Self::destroy_current).
    async fn destroy(&self, token: &Token) -> Result<bool, Error> {
        let _ = token;
        Err(Error::with_source(ErrorKind::NotIssuedHere, "this validator ends no credentials"))
    }

    /// The cookie that makes a browser forget a token of this validator. Default: `None`.
    fn removal_cookie(&self) -> Option<SetTokenCookie> {
        None
    }

    /// Where in a request this validator's tokens are, in order. Default: [`TokenSource::defaults`].
    fn sources(&self) -> Vec<TokenSource> {
        TokenSource::defaults()
    }

    /// Validates with `self` first, and with `next` if the token is not valid for `self`.
    fn or<V: TokenValidator>(self, next: V) -> Chain<Self, V>
    where
        Self: Sized,
    {
        Chain { first: self, next }
    }
}

/// Two validators, one after the other. Created by [`TokenValidator::or`].
///
/// A token that the first validator cannot check because of an outage may still be valid for the second; if it is not,
/// the result is the outage.
///
/// Its [sources](TokenValidator::sources) are those of the first; add the second's with `TokenAuthLayer::sources` if
/// they differ.
#[derive(Debug, Clone)]
pub struct Chain<A, B> {
    first: A,
    next: B,
}

#[async_trait]
impl<A: TokenValidator, B: TokenValidator> TokenValidator for Chain<A, B> {
    fn validate_now(&self, token: TokenKey<'_>) -> Option<Validation> {
        match self.first.validate_now(token)? {
            Validation::Invalid => self.next.validate_now(token),
            // It may be a token of the next validator, which has to check it then.
            Validation::Unavailable(_) => None,
            valid @ Validation::Valid(_) => Some(valid),
        }
    }

    async fn validate(&self, token: TokenKey<'_>) -> Validation {
        match self.first.validate(token).await {
            Validation::Invalid => self.next.validate(token).await,
            Validation::Unavailable(error) => after_outage(error, self.next.validate(token).await),
            valid @ Validation::Valid(_) => valid,
        }
    }

    async fn validate_in_store(&self, token: TokenKey<'_>) -> Validation {
        match self.first.validate_in_store(token).await {
            Validation::Invalid => self.next.validate_in_store(token).await,
            Validation::Unavailable(error) => after_outage(error, self.next.validate_in_store(token).await),
            valid @ Validation::Valid(_) => valid,
        }
    }

    /// Ends it with the validator that issued it.
    async fn destroy_current(&self, user: &CurrentUser) -> Result<bool, Error> {
        match self.first.destroy_current(user).await {
            Err(error) if error.kind() == ErrorKind::NotIssuedHere => self.next.destroy_current(user).await,
            ended => ended,
        }
    }

    /// Calls both, unless the first ended it: the first may not answer, and the token may be the second's.
    async fn destroy(&self, token: &Token) -> Result<bool, Error> {
        let not_issued_here =
            |ended: &Result<bool, Error>| ended.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotIssuedHere);
        let first = self.first.destroy(token).await;
        if matches!(first, Ok(true)) {
            return first;
        }
        let next = self.next.destroy(token).await;
        let next_knows_more = matches!(next, Ok(true)) || not_issued_here(&first);
        let first_knows_more = first.is_err() || not_issued_here(&next);
        if first_knows_more && !next_knows_more { first } else { next }
    }

    fn removal_cookie(&self) -> Option<SetTokenCookie> {
        self.first.removal_cookie().or_else(|| self.next.removal_cookie())
    }

    fn sources(&self) -> Vec<TokenSource> {
        self.first.sources()
    }
}

/// What two validators say together if the first one could not be asked.
fn after_outage(error: Error, next: Validation) -> Validation {
    match next {
        Validation::Valid(user) => Validation::Valid(user),
        Validation::Invalid | Validation::Unavailable(_) => Validation::Unavailable(error),
    }
}
