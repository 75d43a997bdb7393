//! An API token that was typed as a password.

use crate::error::Error;
use crate::lifecycle::{RefusedToken, TokenAction, TokenEvent, Tokens};
use crate::token::{TokenKey, TokenKind};
use crate::user::{CurrentUser, UserId};

impl Tokens {
    /// Validates an API token that was typed or pasted where a password is expected: in the application's own login form.
    /// Spaces and line breaks around it are ignored. `None`: it is not a valid API token of **this** user.
    ///
    /// Logins, access tokens and refresh tokens are never a password.
    ///
    /// # Security
    /// A text without the prefix of [`with_api_tokens`](Self::with_api_tokens) or with wrong check digits is looked up nowhere:
    /// the user's real password reaches no store, and no log of its statements, as an unsalted digest. What is done depends on
    /// the text alone, not on whether there is such a user: a wrong user costs the same look-up as the right one.
    ///
    /// An API token is not a fresh proof of who the user is, may have few abilities, and can be revoked. Generate a login
    /// [within](crate::lifecycle::Generate::within) it, with its time of authentication, as in the example: otherwise the login
    /// could do more than the token, and outlive it. Limit failed attempts as for a password.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the store does not answer, which is never `None`;
    /// [`Configuration`](crate::error::ErrorKind::Configuration) without a format.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    /// use tower_tokens::token::{Abilities, ApiTokenFormat};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let user_id = repository.create_user(None, "member").await?;
    /// let tokens = Tokens::new(repository).with_api_tokens(ApiTokenFormat::new("acme")?);
    /// let reader = tokens.generate(&user_id).api_token().abilities(Abilities::new(["read"])?).await?;
    ///
    /// let typed = format!(" {}\n", reader.token().expose_secret());
    /// let user = tokens.validate_password_token(&user_id, &typed).await?.unwrap();
    /// let login = tokens.generate(user.id()).within(user.token()).authenticated_at(user.authenticated_at()).await?;
    /// assert!(!login.record().abilities().allow("write"));
    /// assert!(tokens.validate_password_token(&user_id, "correct horse battery staple").await?.is_none());
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn validate_password_token(&self, user: &UserId, typed: &str) -> Result<Option<CurrentUser>, Error> {
        let text = typed.trim();
        if !self.api_format()?.accepts(text) {
            return Ok(None);
        }
        let Some(found) = self.find(TokenKey::new(text)).await? else { return Ok(None) };
        let why = match found.token().kind() {
            TokenKind::Api if found.id() == user => return Ok(Some(found)),
            TokenKind::Api => RefusedToken::OtherUser,
            _ => RefusedToken::OtherKind,
        };
        let (action, now) = (TokenAction::Refused(why), found.checked_at());
        self.report(&TokenEvent::of_record(action, now, found.id(), found.token()));
        Ok(None)
    }
}
