//! Regenerate: replace a token's text with a new one.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::{IssuedToken, TokenAction, Tokens};
use crate::repository::Replacement;
use crate::token::{Lifetime, NewLimits, Token, TokenKey, TokenKind, generate_text};

impl Tokens {
    /// Replaces this token with a new one; the old one is invalid when this returns. The record keeps its id, name,
    /// code and time of authentication. Await it. If several calls race for one token, exactly one succeeds.
    ///
    /// A handler gets the token of its request from
    /// [`Authenticator::current_token`](crate::auth::Authenticator::current_token), or with axum from the extractor
    /// `CurrentToken`.
    ///
    /// For a user who has just proved again who they are, such as by typing their password before a change of it, add
    /// [`authenticated_now`](Regenerate::authenticated_now): then rules such as
    /// [`authenticated_within`](crate::policy::authenticated_within) allow them again.
    ///
    /// The new token keeps the limits of the old one: it has the same absolute end, however often it is regenerated,
    /// and the same idle limit, counted from now. [`lifetime`](Regenerate::lifetime) makes the limits tighter;
    /// [`fresh_start`](Regenerate::fresh_start) gives the limits of a new token.
    ///
    /// # Errors
    /// [`InvalidToken`](ErrorKind::InvalidToken) if the token is not valid, or not any more: it is unknown or expired,
    /// or another call was faster. [`InvalidInput`](ErrorKind::InvalidInput) for an API token, which is
    /// [rotated](Self::rotate_api_token): the last four characters in its record are those of its text. [`Unavailable`](ErrorKind::Unavailable) if the store does not answer: then either
    /// token may be the valid one.
    ///
    /// # Source
    /// Trongate's `regenerate`, which revives expired tokens.
    pub fn regenerate<'a>(&'a self, token: &'a Token) -> Regenerate<'a> {
        Regenerate { tokens: self, token, limits: NewLimits::Keep, authentication: Authentication::Unchanged }
    }
}

/// A token about to be regenerated. Created by [`Tokens::regenerate`]; awaiting it gives an [`IssuedToken`].
#[derive(Debug)]
#[must_use = "nothing is regenerated until this is awaited"]
pub struct Regenerate<'a> {
    tokens: &'a Tokens,
    token: &'a Token,
    limits: NewLimits,
    authentication: Authentication,
}

#[derive(Debug, Clone, Copy)]
enum Authentication {
    Unchanged,
    Now,
    At(Timestamp),
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
    /// kept unless [`authenticated_now`](Self::authenticated_now) renews it: require a recent login for sensitive pages,
    /// with [`authenticated_within`](crate::policy::authenticated_within).
    pub fn fresh_start(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.limits = NewLimits::FreshStart(lifetime.into());
        self
    }

    /// Records that the user has just proved who they are. Default: the time of the last login is kept. The limits of
    /// the token are not affected: add [`fresh_start`](Self::fresh_start) for a full new lifetime.
    ///
    /// A store that keeps no time of authentication (a Trongate site's tables) ignores it.
    ///
    /// # Security
    /// Call it only after the user proved it in this request. The token must belong to the user who proved it: compare
    /// their ids, because the form may name another user.
    ///
    /// # Source
    /// OWASP's Session Management Cheat Sheet, "Renew the Session ID After Any Privilege Level Change", and
    /// RFC 9470 §4: a new authentication comes with a new token.
    ///
    /// # Example
    /// ```
    /// use time::Duration;
    /// use tower_tokens::clock::{Clock, ManualClock, Timestamp};
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::policy::{SecurityPolicy, authenticated_within};
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let user_id = repository.create_user(None, "member").await?;
    /// let clock = ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000));
    /// let tokens = Tokens::new(repository).with_clock(clock.clone());
    /// let policy = SecurityPolicy::new().scenario("change of password", authenticated_within(Duration::minutes(10)));
    ///
    /// let issued = tokens.generate(&user_id).await?;
    /// clock.advance(Duration::hours(1));
    /// let user = tokens.validate(issued.token()).await?.unwrap();
    /// assert!(policy.make_sure_allowed("change of password", &user).await.is_err());
    ///
    /// // The user typed their password again, and it was right:
    /// let issued = tokens.regenerate(issued.token()).authenticated_now().await?;
    /// let user = tokens.validate(issued.token()).await?.unwrap();
    /// assert!(policy.make_sure_allowed("change of password", &user).await.is_ok());
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn authenticated_now(mut self) -> Self {
        self.authentication = Authentication::Now;
        self
    }

    /// Records that the user proved who they are at this time, to another service (`auth_time` in OpenID Connect); in whole
    /// seconds.
    /// Default: the time of the last login is kept.
    pub fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.authentication = Authentication::At(at);
        self
    }

    async fn regenerate(self) -> Result<IssuedToken, Error> {
        let inner = self.tokens.inner();
        let old = self.token.expose_secret();
        let now = self.tokens.now();
        let authenticated_at = match self.authentication {
            Authentication::Unchanged => None,
            Authentication::Now => Some(now),
            Authentication::At(at) => Some(at),
        };
        // Every API token has a `_`, and no token in Trongate's format has one: a login costs no look-up here.
        let is_api_token = old.contains('_')
            && inner
                .repository
                .find(self.token.key(), now)
                .await?
                .is_some_and(|found| found.record().kind() == TokenKind::Api);
        if is_api_token {
            let why = "an API token is not regenerated: rotate it with Tokens::rotate_api_token";
            return Err(Error::with_source(ErrorKind::InvalidInput, why));
        }
        let token = generate_text()?;
        let (old, new) = (TokenKey::new(old), token.key());
        let replacement = Replacement { old, new, limits: self.limits, authenticated_at, now };
        let regenerated = inner.repository.replace(replacement).await?.ok_or(ErrorKind::InvalidToken)?;
        self.tokens.report_record(TokenAction::Regenerated, &regenerated.user, &regenerated.record);
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
