//! Rotate: another API token for a script, while the old one works for a while.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use time::Duration;

use crate::error::{Error, ErrorKind};
use crate::lifecycle::api_tokens::successor::successor;
use crate::lifecycle::random_id::random_id;
use crate::lifecycle::{IssuedToken, TokenAction, Tokens};
use crate::log::log_warn;
use crate::repository::{NewToken, Supersession};
use crate::token::{Lifetime, TokenId, TokenKinds};
use crate::user::UserId;

impl Tokens {
    /// Issues another API token in the place of this user's one with this id. Await it. If several calls race for one token,
    /// exactly one succeeds.
    ///
    /// The new token has an id of its own, and the old one's name, code, abilities and length of life, counted from now. The old
    /// one ends at once, or after an [`overlap`](RotateApiToken::overlap) in which both work. During it the old one is
    /// listed with the new one's id as its [family](crate::token::TokenRecord::family): it ends with the new one, and
    /// cannot be rotated again. What was generated [within](crate::lifecycle::Generate::within) the old one, such as a login with
    /// it in place of a password, ends at once.
    ///
    /// # Security
    /// It can be repeated for ever. It is for the owner of the token, not for the script that uses it: whoever stole a token
    /// and can rotate it keeps access.
    ///
    /// # Errors
    /// [`InvalidToken`](ErrorKind::InvalidToken) if there is no such API token, or not any more: it is unknown, expired, of
    /// another user or another kind, its user is disabled, or it was rotated already, or generated within another token;
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an overlap that is negative or longer than
    /// [`MAX_OVERLAP`](RotateApiToken::MAX_OVERLAP); [`Configuration`](ErrorKind::Configuration) without a
    /// [format](Self::with_api_tokens), or from a store that keeps no token beside its successor.
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) if the store does not answer: the text of the new token is lost, and the old
    /// token may have been rotated. If it has not been, rotate it again; otherwise generate a new one.
    ///
    /// # Cancel safety
    /// The new token is stored first, and only then the old one is superseded. A crash in between, or a future that is
    /// dropped there, leaves the old token as it was, and beside it one more of the same name, whose text was never given
    /// out. The owner sees it in the list, never used, and can end it.
    ///
    /// # Example
    /// ```
    /// use time::Duration;
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    /// use tower_tokens::token::ApiTokenFormat;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let user_id = repository.create_user(None, "member").await?;
    /// let tokens = Tokens::new(repository).with_api_tokens(ApiTokenFormat::new("acme")?);
    ///
    /// let old = tokens.generate(&user_id).api_token().name("backup").await?;
    /// let new = tokens.rotate_api_token(&user_id, old.record().id()).overlap(Duration::days(1)).await?;
    /// assert_eq!(new.record().name(), Some("backup"));
    /// assert!(tokens.validate(old.token()).await?.is_some(), "for a day more");
    /// assert!(tokens.rotate_api_token(&user_id, old.record().id()).await.is_err(), "once");
    ///
    /// tokens.destroy_by_id(&user_id, new.record().id()).await?;
    /// assert!(tokens.validate(old.token()).await?.is_none(), "it ends with its successor");
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn rotate_api_token<'a>(&'a self, user: &'a UserId, id: TokenId) -> RotateApiToken<'a> {
        RotateApiToken { tokens: self, user, id, overlap: Duration::ZERO, lifetime: None }
    }
}

/// An API token about to be rotated. Created by [`Tokens::rotate_api_token`]; awaiting it gives an [`IssuedToken`].
#[derive(Debug)]
#[must_use = "nothing is rotated until this is awaited"]
pub struct RotateApiToken<'a> {
    tokens: &'a Tokens,
    user: &'a UserId,
    id: TokenId,
    overlap: Duration,
    lifetime: Option<Lifetime>,
}

impl RotateApiToken<'_> {
    /// The longest overlap. Our choice: time to change the token on every machine, and not so long that the old one is
    /// forgotten.
    pub const MAX_OVERLAP: Duration = Duration::days(7);

    /// For how long the old token works beside the new one, in whole seconds, unless it ends earlier. Default: not at all; at most
    /// [`MAX_OVERLAP`](Self::MAX_OVERLAP).
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.overlap = overlap;
        self
    }

    /// How long the new token lives. Default: as long as the old one was to live when it was created, with the same idle
    /// limit.
    pub fn lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.lifetime = Some(lifetime.into());
        self
    }

    async fn rotate(self) -> Result<IssuedToken, Error> {
        let Self { tokens, user, id, overlap, lifetime } = self;
        if overlap.is_negative() || overlap > Self::MAX_OVERLAP {
            let why = "two API tokens overlap for 7 days at most, and not for a negative time";
            return Err(Error::with_source(ErrorKind::InvalidInput, why));
        }
        let (format, now, repository) = (tokens.api_format()?, tokens.now(), &tokens.inner().repository);
        let Some(old) = tokens.live_record(user, id, TokenKinds::API).await? else {
            return Err(Error::with_source(ErrorKind::InvalidToken, "the user has no API token with this id"));
        };
        if old.family().is_some() {
            return Err(rotated_already());
        }
        let token = format.generate()?;
        let record = successor(&old, random_id()?, now, lifetime).with_last_four_of(&token);
        let record = repository.insert(NewToken { key: token.key(), user, record }).await?;
        let supersession = Supersession { user, id, successor: record.id(), until: now + overlap, now };
        let superseded = repository.supersede(supersession).await;
        if !matches!(superseded, Ok(true)) {
            // By its text: if the store did supersede the old token, and only its answer is lost, that one lives on.
            if let Err(_error) = repository.delete(token.key()).await {
                log_warn!(
                    error = &_error as &dyn std::error::Error,
                    "an API token that was not given out was not ended"
                );
            }
            superseded?;
            return Err(rotated_already());
        }
        tokens.report_record(TokenAction::Rotated { old: id }, user, &record);
        Ok(IssuedToken::new(token, user.clone(), record, now, tokens.cookie().clone()))
    }
}

fn rotated_already() -> Error {
    Error::with_source(ErrorKind::InvalidToken, "the API token was rotated already, or has ended")
}

impl<'a> IntoFuture for RotateApiToken<'a> {
    type Output = Result<IssuedToken, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.rotate())
    }
}
