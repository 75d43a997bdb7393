//! Regenerate: replace a token's text with a new one.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::error::{Error, ErrorKind};
use crate::lifecycle::{IssuedToken, Tokens};
use crate::repository::Replacement;
use crate::token::{Lifetime, NewLimits, Token, TokenKey, generate_text};

impl Tokens {
    /// Replaces this token with a new one; the old one is invalid when this returns. The record keeps its id, name,
    /// code and time of authentication. Await it. If several calls race for one token, exactly one succeeds.
    ///
    /// The new token keeps the limits of the old one: it has the same absolute end, however often it is regenerated,
    /// and the same idle limit, counted from now. [`lifetime`](Regenerate::lifetime) makes the limits tighter;
    /// [`fresh_start`](Regenerate::fresh_start) gives the limits of a new token.
    ///
    /// # Errors
    /// [`InvalidToken`](ErrorKind::InvalidToken) if the token is not valid, or not any more: it is unknown or expired,
    /// or another call was faster. [`Unavailable`](ErrorKind::Unavailable) if the store does not answer: then either
    /// token may be the valid one.
    ///
    /// # Source
    /// Trongate's `regenerate`, which revives expired tokens.
    pub fn regenerate<'a>(&'a self, token: &'a Token) -> Regenerate<'a> {
        Regenerate { tokens: self, token, limits: NewLimits::Keep }
    }
}

/// A token about to be regenerated. Created by [`Tokens::regenerate`]; awaiting it gives an [`IssuedToken`].
#[derive(Debug)]
#[must_use = "nothing is regenerated until this is awaited"]
pub struct Regenerate<'a> {
    tokens: &'a Tokens,
    token: &'a Token,
    limits: NewLimits,
}

impl Regenerate<'_> {
    /// How long the new token lives at most, from now: it ends at the earlier of this and the old token's end, and the
    /// shorter of the two idle limits applies. Default: the old token's limits.
    pub fn lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.limits = NewLimits::AtMost(lifetime.into());
        self
    }

    /// Gives the new token the limits of a newly generated one, from now, whatever the old limits were. For a user who
    /// has just proved again who they are. Default: the old token's limits.
    ///
    /// # Security
    /// A client that may do this repeatedly keeps access for ever, and so does a thief. The time of the last login is
    /// kept: require a recent login for sensitive pages, with
    /// [`authenticated_within`](crate::policy::authenticated_within).
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
