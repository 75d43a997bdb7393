//! Generate pair: a new access token and a new refresh token, which begin a family.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::pairs::issued::IssuedPair;
use crate::lifecycle::pairs::rotation::RotationState;
use crate::lifecycle::pairs::text;
use crate::lifecycle::random_id::random_id;
use crate::lifecycle::{PairSettings, TokenAction, Tokens};
use crate::repository::{NewToken, Rotation};
use crate::token::{Abilities, Token, TokenKind, TokenRecord, generate_text};
use crate::user::UserId;

impl Tokens {
    /// How long the tokens of pairs live. Default: [`PairSettings::new`].
    #[must_use]
    pub fn with_pairs(self, settings: PairSettings) -> Self {
        self.with(|inner| inner.pairs = settings)
    }

    /// Generates a pair of an access and a refresh token for this user, who has just proved who they are. Await it.
    ///
    /// The access token is a credential as any other, for a short time. The refresh token is exchanged for the next pair by
    /// [`refresh`](Self::refresh). Both end when the pair is ended: by [`destroy`](Self::destroy) with either of them,
    /// [`destroy_current`](Self::destroy_current), [`destroy_by_id`](Self::destroy_by_id) with the
    /// [record](IssuedPair::record)'s id, or with all tokens of the user.
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`UserNotFound`](ErrorKind::UserNotFound) for a disabled user, too. A store that
    /// keeps no pairs answers with [`Configuration`](ErrorKind::Configuration) or, if it is a Trongate site's, with
    /// [`InvalidInput`](ErrorKind::InvalidInput).
    ///
    /// # Source
    /// RFC 6749 §1.5 and RFC 9700 §4.14.2: refresh tokens that change at each use.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let user_id = repository.create_user(None, "member").await?;
    /// let tokens = Tokens::new(repository);
    ///
    /// let pair = tokens.generate_pair(&user_id).name("Phone").await?;
    /// let user = tokens.validate(pair.access_token()).await?.unwrap();
    /// assert_eq!(user.id(), &user_id);
    /// assert!(tokens.validate(pair.refresh_token()).await?.is_none(), "it is no credential of a request");
    ///
    /// let next = tokens.refresh(pair.refresh_token()).await?.unwrap();
    /// let again = tokens.refresh(pair.refresh_token()).await?.unwrap();
    /// assert_eq!(next.access_token(), again.access_token(), "two tabs get one successor");
    ///
    /// let third = tokens.refresh(next.refresh_token()).await?.unwrap();
    /// assert!(tokens.refresh(pair.refresh_token()).await?.is_none(), "an old one is reuse");
    /// assert!(tokens.validate(third.access_token()).await?.is_none(), "and ends the pair");
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn generate_pair(&self, user: impl Into<UserId>) -> GeneratePair {
        let (tokens, user) = (self.clone(), user.into());
        GeneratePair { tokens, user, name: None, code: None, authenticated_at: None, abilities: Abilities::all() }
    }

    /// The record of an access token of this family that begins at `now`. It never outlives its family.
    pub(super) fn access_record(&self, family: &TokenRecord, now: Timestamp) -> Result<TokenRecord, Error> {
        let lifetime = self.inner().pairs.access_lifetime();
        let mut record = TokenRecord::new(random_id()?, now, lifetime)
            .with_kind(TokenKind::Access)
            .with_family(family.id())
            .with_authenticated_at(family.authenticated_at())
            .with_abilities(family.abilities().clone());
        record = record.clone().with_absolute_expiry(record.absolute_expiry().min(family.absolute_expiry()));
        for (text, with) in [
            (family.name(), TokenRecord::with_name as fn(TokenRecord, &str) -> TokenRecord),
            (family.code(), TokenRecord::with_code),
        ] {
            if let Some(text) = text {
                record = with(record, text);
            }
        }
        Ok(record)
    }
}

/// A pair about to be generated. Created by [`Tokens::generate_pair`]; awaiting it gives an [`IssuedPair`].
#[derive(Debug)]
#[must_use = "nothing is generated until this is awaited"]
pub struct GeneratePair {
    tokens: Tokens,
    user: UserId,
    name: Option<String>,
    code: Option<String>,
    authenticated_at: Option<Timestamp>,
    abilities: Abilities,
}

impl GeneratePair {
    /// The name that its owner reads in a list of devices: `Phone`. Default: no name. As
    /// [`Generate::name`](crate::lifecycle::Generate::name) otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The application's own code for both tokens. Default: no code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// When the user proved who they are, if it was not just now; in whole seconds. Refreshing does not change it. Default:
    /// now.
    pub fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = Some(at);
        self
    }

    /// What the access tokens may be used for. Default: everything that the user may do.
    pub fn abilities(mut self, abilities: Abilities) -> Self {
        self.abilities = abilities;
        self
    }

    async fn generate(self) -> Result<IssuedPair, Error> {
        let now = self.tokens.now();
        let (tokens, user) = (self.tokens, self.user);
        let lifetime = tokens.inner().pairs.family_lifetime();
        let mut record = TokenRecord::new(random_id()?, now, lifetime).with_kind(TokenKind::Refresh);
        record = record.with_abilities(self.abilities).with_last_used_at(Some(now));
        if let Some(name) = &self.name {
            record = record.with_name(name);
        }
        if let Some(code) = &self.code {
            record = record.with_code(code);
        }
        if let Some(at) = self.authenticated_at {
            record = record.with_authenticated_at(at);
        }
        let (refresh, access): (Token, Token) = (text::first()?, generate_text()?);
        let Some(family) = text::family(&refresh) else { return Err(ErrorKind::InvalidInput.into()) };
        let repository = &tokens.inner().repository;
        let state = RotationState::new(refresh.key().digest()).to_text();
        let record = repository.insert(NewToken { key: family, user: &user, record }).await?;
        let access_record = tokens.access_record(&record, now)?;
        // A family without a state, as a crash leaves it here, can never be refreshed.
        let rotation = Rotation { token: family, expected: None, next: &state, used: &record, now };
        let has_state = repository.rotate(rotation).await;
        if !matches!(has_state, Ok(true)) {
            _ = repository.delete(family).await;
            has_state?;
            return Err(Error::with_source(ErrorKind::UserNotFound, "the user is disabled, or was removed meanwhile"));
        }
        let new = NewToken { key: access.key(), user: &user, record: access_record };
        let access_record = repository.insert(new).await?;
        tokens.end_surplus(&user, &record, now).await?;
        tokens.report_record(TokenAction::Issued, &user, &record);
        Ok(IssuedPair { user, access, refresh, record, access_record, issued_at: now })
    }
}

impl IntoFuture for GeneratePair {
    type Output = Result<IssuedPair, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.generate())
    }
}
