//! Regenerate: a new text in the place of an old one.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::error::{Error, ErrorKind};
use crate::repository::Replacement;
use crate::token::{Lifetime, NewLimits, Token, TokenKey, generate_text};
use crate::tokens::{IssuedToken, Tokens};

impl Tokens {
    /// A new token in the place of this one, which is dead when this returns. The record keeps its id, name, code and
    /// the time of authentication. Await it. Of any number of racing calls for one token exactly one wins.
    ///
    /// The new token keeps the limits of the old one: it ends at the same time, however often it is regenerated, and after
    /// the same time without use, counted from now. [`lifetime`](Regenerate::lifetime) makes them tighter;
    /// [`fresh_start`](Regenerate::fresh_start) gives those of a new token.
    ///
    /// # Errors
    /// [`InvalidToken`](ErrorKind::InvalidToken) if the token is not valid (any more): it is unknown, expired, or
    /// another call was faster. [`Unavailable`](ErrorKind::Unavailable) when the store does not answer: then either
    /// token may be the live one.
    ///
    /// # Source
    /// Trongate's `regenerate`, which revives expired tokens.
    pub fn regenerate<'a>(&'a self, token: &'a Token) -> Regenerate<'a> {
        Regenerate { tokens: self, token, limits: NewLimits::Keep }
    }
}

/// A token about to be regenerated. Made by [`Tokens::regenerate`]; awaiting it gives an [`IssuedToken`].
#[derive(Debug)]
#[must_use = "nothing is regenerated until this is awaited"]
pub struct Regenerate<'a> {
    tokens: &'a Tokens,
    token: &'a Token,
    limits: NewLimits,
}

impl Regenerate<'_> {
    /// How long the new token lives at most, from now: it ends at the earlier of this and the old token's end, and after the
    /// shorter of the two idle limits. Default: the old token's limits.
    pub fn lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.limits = NewLimits::AtMost(lifetime.into());
        self
    }

    /// Gives the new token the limits of a newly generated one, from now, whatever the old token's were. For a user who has
    /// just proved who they are again. Default: the old token's limits.
    ///
    /// # Security
    /// Whoever may do this again and again stays for ever, a thief too. The time of the last login is kept: ask for a new one
    /// where it matters, with [`authenticated_within`](crate::policy::authenticated_within).
    pub fn fresh_start(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.limits = NewLimits::FreshStart(lifetime.into());
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
        let replacement = Replacement { old: TokenKey::new(old), new: token.key(), limits: self.limits, now };
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
