//! Generate: a new token for a user who has proved who they are.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::random_id::random_id;
use crate::lifecycle::{IssuedToken, TokenAction, Tokens};
use crate::repository::NewToken;
use crate::token::{Abilities, Lifetime, Token, TokenKind, TokenKinds, TokenRecord, generate_text};
use crate::user::UserId;

impl Tokens {
    /// Generates a token for this user, who has just proved who they are. Await it.
    ///
    /// # Security
    /// A token is generated for a disabled user too, and is not valid until the user is enabled again. Refuse such
    /// users in your login, so that they learn the reason.
    ///
    /// # Errors
    /// [`UserNotFound`](ErrorKind::UserNotFound) for a user who is not in the store;
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a name or code that is too long;
    /// [`TooManyTokens`](ErrorKind::TooManyTokens) for one more API token, or one more login without an end, than [a user may
    /// have](Self::with_max_tokens_per_user); [`Unavailable`](ErrorKind::Unavailable) if the store does not answer:
    /// then the token may have been stored, but its text is lost. Also `Unavailable` if the operating system gives no
    /// random bytes.
    ///
    /// # Source
    /// Trongate's `generate_token`.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    /// use tower_tokens::token::Lifetime;
    /// use tower_tokens::lifecycle::Tokens;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let repository = std::sync::Arc::new(MemoryRepository::new());
    /// repository.create_level("member").await?;
    /// let user_id = repository.create_user(None, "member").await?;
    /// let tokens = Tokens::new(repository.clone());
    ///
    /// let issued = tokens.generate(&user_id).lifetime(Lifetime::hours(8)).name("Firefox on Linux").await?;
    /// assert_eq!(issued.record().name(), Some("Firefox on Linux"));
    ///
    /// repository.set_disabled(&user_id, true).await?;
    /// let issued = tokens.generate(&user_id).await?;
    /// assert!(tokens.validate(issued.token()).await?.is_none());
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn generate(&self, user: impl Into<UserId>) -> Generate {
        Generate {
            tokens: self.clone(),
            user: user.into(),
            lifetime: None,
            name: None,
            code: None,
            authenticated_at: None,
            is_api_token: false,
            abilities: None,
            within: None,
        }
    }
}

/// A token about to be generated. Created by [`Tokens::generate`]; awaiting it gives an [`IssuedToken`].
#[derive(Debug)]
#[must_use = "nothing is generated until this is awaited"]
pub struct Generate {
    tokens: Tokens,
    user: UserId,
    lifetime: Option<Lifetime>,
    name: Option<String>,
    code: Option<String>,
    authenticated_at: Option<Timestamp>,
    is_api_token: bool,
    abilities: Option<Abilities>,
    within: Option<TokenRecord>,
}

impl Generate {
    /// How long the token lives: a [`Lifetime`], or a `time::Duration` (in whole seconds) for the absolute limit alone.
    /// Default: that of the service for [logins](Tokens::with_lifetime) or [API tokens](Tokens::with_api_token_lifetime).
    pub fn lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.lifetime = Some(lifetime.into());
        self
    }

    /// The name that its owner reads in a list of devices: `Firefox on Linux`. Default: no name.
    ///
    /// Awaiting gives an [`InvalidInput`](ErrorKind::InvalidInput) error if it has more than
    /// [`MAX_NAME_BYTES`](TokenRecord::MAX_NAME_BYTES). A name that a client sends can be of any length: use
    /// [`shortened_name`](Self::shortened_name) for it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// As [`name`](Self::name), but cut to [`MAX_NAME_BYTES`](TokenRecord::MAX_NAME_BYTES) between two characters: for a `User-Agent`, or
    /// other text from outside. Default: no name.
    pub fn shortened_name(self, name: &str) -> Self {
        self.name(&name[..name.floor_char_boundary(TokenRecord::MAX_NAME_BYTES)])
    }

    /// The application's own code for the token (Trongate: up to 3 characters), at most
    /// [`MAX_CODE_BYTES`](TokenRecord::MAX_CODE_BYTES). Default: no code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// When the user proved who they are, if it was not just now; in whole seconds. Rules such as
    /// [`authenticated_within`](crate::policy::authenticated_within) count from it. Default: now.
    pub fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = Some(at);
        self
    }

    /// Generates an API token, in the format of [`Tokens::with_api_tokens`]: a long-lived token of a script, with the
    /// [lifetime](Self::lifetime) of API tokens. Without such a format, awaiting gives a
    /// [`Configuration`](ErrorKind::Configuration) error. Default: a login, in Trongate's format.
    ///
    /// Give it a [name](Self::name), by which its owner tells it apart from others. It needs none: the last four characters of
    /// its text are in its [record](TokenRecord::last_four).
    pub fn api_token(mut self) -> Self {
        self.is_api_token = true;
        self
    }

    /// What the token may be used for. Default: everything that its user may do.
    pub fn abilities(mut self, abilities: Abilities) -> Self {
        self.abilities = Some(abilities);
        self
    }

    /// Generates it within another token of the same user: it ends when that one is ended, lives no longer, and may do no
    /// more. For a login with an API token in place of the password, which must not become more than the token was. Awaiting
    /// gives an [`InvalidToken`](ErrorKind::InvalidToken) error if the other token has ended meanwhile. Default: it stands for
    /// itself.
    pub fn within(mut self, other: &TokenRecord) -> Self {
        self.within = Some(other.clone());
        self
    }

    fn text(&self) -> Result<Token, Error> {
        if self.is_api_token { self.tokens.api_format()?.generate() } else { generate_text() }
    }

    fn default_lifetime(&self) -> Lifetime {
        let inner = self.tokens.inner();
        if self.is_api_token { inner.api_token_lifetime } else { inner.lifetime }
    }

    async fn generate(self) -> Result<IssuedToken, Error> {
        let now = self.tokens.now();
        let lifetime = self.lifetime.unwrap_or_else(|| self.default_lifetime());
        let mut record = TokenRecord::new(random_id()?, now, lifetime);
        if let Some(name) = &self.name {
            record = record.with_name(name);
        }
        if let Some(code) = &self.code {
            record = record.with_code(code);
        }
        if let Some(at) = self.authenticated_at {
            record = record.with_authenticated_at(at);
        }
        let token = self.text()?;
        if self.is_api_token {
            record = record.with_kind(TokenKind::Api).with_last_four_of(&token);
        }
        if let Some(abilities) = self.abilities {
            record = record.with_abilities(abilities);
        }
        if let Some(other) = &self.within {
            let end = record.absolute_expiry().min(other.expires_at());
            record = record.with_family(other.id()).with_absolute_expiry(end);
            // The application may ask for fewer abilities, not for more.
            if !record.abilities().are_within(other.abilities()) {
                record = record.with_abilities(other.abilities().clone());
            }
        }
        record.check_bounds()?;
        let new = NewToken { key: token.key(), user: &self.user, record };
        let record = self.tokens.inner().repository.insert(new).await?;
        if let Some(other) = &self.within
            && self.tokens.live_record(&self.user, other.id(), TokenKinds::only(other.kind())).await?.is_none()
        {
            // It may have ended before this one came in.
            self.tokens.inner().repository.delete_by_id(&self.user, record.id()).await?;
            return Err(ErrorKind::InvalidToken.into());
        }
        self.tokens.end_surplus(&self.user, &record, now).await?;
        self.tokens.report_record(TokenAction::Issued, &self.user, &record);
        Ok(IssuedToken::new(token, self.user, record, now, self.tokens.cookie().clone()))
    }
}

impl IntoFuture for Generate {
    type Output = Result<IssuedToken, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.generate())
    }
}
