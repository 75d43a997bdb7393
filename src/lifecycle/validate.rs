//! Validate: find the user of a token, as of now.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use async_trait::async_trait;

use crate::error::Error;
use crate::lifecycle::{RefusedToken, Tokens};
use crate::repository::Lookup;
use crate::respond::SetTokenCookie;
use crate::source::TokenSource;
use crate::token::{Token, TokenKey, TokenKind, TokenRecord};
use crate::user::CurrentUser;
use crate::validator::{TokenValidator, Validation};

impl Tokens {
    /// Validates this token: gives its user, at any level unless [`level`](Validate::level) or
    /// [`any_level`](Validate::any_level) restricts it. Await it. `None` if the token is not valid.
    ///
    /// It waits as long as the store takes: the time-out of `TokenAuthLayer` does not apply here.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the store does not answer; that is never `None`.
    ///
    /// # Source
    /// Trongate's `attempt_get_valid_token`, and its `get_user_id` and `get_user_obj`, which do not check the expiry.
    pub fn validate<'a>(&'a self, token: &'a Token) -> Validate<'a> {
        Validate { tokens: self, token, levels: None, freshness: Freshness::AsCached }
    }

    pub(super) async fn find(&self, token: TokenKey<'_>) -> Result<Option<CurrentUser>, Error> {
        self.find_as(token, Freshness::AsCached).await
    }

    async fn find_as(&self, token: TokenKey<'_>, freshness: Freshness) -> Result<Option<CurrentUser>, Error> {
        let now = self.now();
        if self.is_forged(token) {
            self.report_refused(RefusedToken::WrongCheckDigits, now);
            return Ok(None);
        }
        let repository = &self.inner().repository;
        // Also one that is written while the store answers: it may have been read before.
        let had_waiting_use = self.has_waiting_use(token, now);
        let mut found = match freshness {
            Freshness::AsCached => repository.find(token, now).await?,
            Freshness::InStore => repository.find_in_store(token, now).await?,
        };
        if found.is_none() && (had_waiting_use || self.has_waiting_use(token, now)) {
            found = self.find_after_waiting_use(token, now).await?;
        }
        let Some(found) = found else {
            self.report_refused(RefusedToken::NotFound, now);
            return Ok(None);
        };
        if !is_credential(found.record()) {
            self.report_refused_refresh_token(&found, now);
            return Ok(None);
        }
        let user = found.into_current_user(now);
        if self.touch_if_due(token, &user) {
            self.touch_now(&user).await;
        }
        Ok(Some(user))
    }

    /// Whether the text has the prefix of our API tokens.
    pub(super) fn is_api_token(&self, token: TokenKey<'_>) -> bool {
        self.inner().api_format.as_ref().is_some_and(|format| format.claims(token.expose_secret()))
    }

    /// Whether the text has the prefix of our API tokens and wrong check digits.
    fn is_forged(&self, token: TokenKey<'_>) -> bool {
        self.inner().api_format.as_ref().is_some_and(|format| {
            let text = token.expose_secret();
            format.claims(text) && !format.accepts(text)
        })
    }
}

/// How present an answer has to be.
#[derive(Debug, Clone, Copy)]
enum Freshness {
    AsCached,
    InStore,
}

/// Whether a token of this kind can be the credential of a request. A refresh token can only be exchanged.
#[inline]
fn is_credential(record: &TokenRecord) -> bool {
    record.kind() != TokenKind::Refresh
}

#[async_trait]
impl TokenValidator for Tokens {
    fn validate_now(&self, token: TokenKey<'_>) -> Option<Validation> {
        let now = self.now();
        if self.is_forged(token) {
            self.report_refused(RefusedToken::WrongCheckDigits, now);
            return Some(Validation::Invalid);
        }
        match self.inner().repository.find_now(token, now)? {
            Lookup::Found(found) if !is_credential(found.record()) => {
                self.report_refused_refresh_token(&found, now);
                Some(Validation::Invalid)
            }
            Lookup::Found(found) => {
                let user = found.into_current_user(now);
                if self.touch_if_due(token, &user) { None } else { Some(Validation::Valid(user)) }
            }
            Lookup::NotFound if self.has_waiting_use(token, now) => None,
            Lookup::NotFound => {
                self.report_refused(RefusedToken::NotFound, now);
                Some(Validation::Invalid)
            }
        }
    }

    async fn validate(&self, token: TokenKey<'_>) -> Validation {
        self.find(token).await.into()
    }

    async fn validate_in_store(&self, token: TokenKey<'_>) -> Validation {
        self.find_as(token, Freshness::InStore).await.into()
    }

    async fn destroy_current(&self, user: &CurrentUser) -> Result<bool, Error> {
        Self::destroy_current(self, user).await
    }

    async fn destroy(&self, token: &Token) -> Result<bool, Error> {
        Self::destroy(self, token).await
    }

    fn removal_cookie(&self) -> Option<SetTokenCookie> {
        Some(Self::removal_cookie(self))
    }

    fn sources(&self) -> Vec<TokenSource> {
        TokenSource::defaults_with_cookie(self.cookie().name())
    }
}

/// A token about to be validated. Created by [`Tokens::validate`]; awaiting it gives the user or `None`.
#[derive(Debug)]
#[must_use = "nothing is validated until this is awaited"]
pub struct Validate<'a> {
    tokens: &'a Tokens,
    token: &'a Token,
    levels: Option<Vec<String>>,
    freshness: Freshness,
}

impl Validate<'_> {
    /// Accepts only a user at the level with this title.
    pub fn level(self, title: &str) -> Self {
        self.any_level([title])
    }

    /// Accepts only a user at one of the levels with these titles. An empty list accepts no user.
    pub fn any_level<'t>(mut self, titles: impl IntoIterator<Item = &'t str>) -> Self {
        self.levels = Some(titles.into_iter().map(str::to_owned).collect());
        self
    }

    /// Asks the store past every cache, for what must not rest on an answer of a moment ago. Default: a cache may answer.
    pub const fn in_store(mut self) -> Self {
        self.freshness = Freshness::InStore;
        self
    }
}

impl<'a> IntoFuture for Validate<'a> {
    type Output = Result<Option<CurrentUser>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let found = self.tokens.find_as(self.token.key(), self.freshness).await?;
            Ok(found.filter(|user| match &self.levels {
                None => true,
                Some(titles) => titles.iter().any(|title| title == user.level().title()),
            }))
        })
    }
}
