//! Regenerate: a new text in the place of an old one.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::error::{Error, ErrorKind};
use crate::repository::Replacement;
use crate::token::{Lifetime, Token, TokenKey, generate_text};
use crate::tokens::{IssuedToken, Tokens};

impl Tokens {
    /// A new token in the place of this one, which is dead when this returns. The record keeps its id, name, code and
    /// the time of authentication. Await it. Of any number of racing calls for one token exactly one wins.
    ///
    /// The new lifetime counts from now. It is that of the [service](Tokens::with_lifetime), not that of the old token,
    /// unless [`lifetime`](Regenerate::lifetime) says otherwise.
    ///
    /// # Security
    /// Who may regenerate again and again stays for ever. Ask for a new login where it matters:
    /// [`authenticated_within`](crate::policy::authenticated_within).
    ///
    /// # Errors
    /// [`InvalidToken`](ErrorKind::InvalidToken) if the token is not valid (any more): it is unknown, expired, or
    /// another call was faster. [`Unavailable`](ErrorKind::Unavailable) when the store does not answer: then either
    /// token may be the live one.
    ///
    /// # Source
    /// Trongate's `regenerate`, which revives expired tokens.
    pub fn regenerate<'a>(&'a self, token: &'a Token) -> Regenerate<'a> {
        Regenerate { tokens: self, token, lifetime: self.inner().lifetime }
    }
}

/// A token about to be regenerated. Made by [`Tokens::regenerate`]; awaiting it gives an [`IssuedToken`].
#[derive(Debug)]
#[must_use = "nothing is regenerated until this is awaited"]
pub struct Regenerate<'a> {
    tokens: &'a Tokens,
    token: &'a Token,
    lifetime: Lifetime,
}

impl Regenerate<'_> {
    /// How long the new token lives, from now. Default: that of the [service](Tokens::with_lifetime), whatever the old
    /// token's was.
    pub fn lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.lifetime = lifetime.into();
        self
    }

    async fn regenerate(self) -> Result<IssuedToken, Error> {
        let inner = self.tokens.inner();
        let old = self.token.expose_secret();
        let token = match &inner.api_format {
            Some(format) if format.accepts(old) => format.generate()?,
            _ => generate_text()?,
        };
        let now = self.tokens.now();
        let replacement = Replacement { old: TokenKey::new(old), new: token.key(), lifetime: self.lifetime, now };
        let regenerated = inner.repository.replace(replacement).await?.ok_or(ErrorKind::InvalidToken)?;
        Ok(IssuedToken::new(token, regenerated.user, regenerated.record, now, self.tokens.cookie().clone()))
    }
}

impl<'a> IntoFuture for Regenerate<'a> {
    type Output = Result<IssuedToken, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.regenerate())
    }
}
