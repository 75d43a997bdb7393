//! Redeem: validate a token and end it, so that it works once.

use crate::error::Error;
use crate::lifecycle::Tokens;
use crate::token::Token;
use crate::user::CurrentUser;

impl Tokens {
    /// Validates this token and ends it: it works once. `None` if it is not valid, or not any more. Of any number of racing calls
    /// exactly one gets the user.
    ///
    /// For a token that travels where others can read it later, such as a link: see
    /// [`QueryTokenLayer`](crate::source::QueryTokenLayer). Give it a short [lifetime](crate::lifecycle::Generate::lifetime).
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the store does not answer: then the token may have ended.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    /// use tower_tokens::token::Lifetime;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let user_id = repository.create_user(None, "member").await?;
    /// let tokens = Tokens::new(repository);
    ///
    /// let link = tokens.generate(&user_id).lifetime(Lifetime::seconds(60)).await?;
    /// assert_eq!(tokens.redeem(link.token()).await?.unwrap().id(), &user_id);
    /// assert!(tokens.redeem(link.token()).await?.is_none());
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn redeem(&self, token: &Token) -> Result<Option<CurrentUser>, Error> {
        let Some(user) = self.validate(token).await? else { return Ok(None) };
        Ok(self.destroy(token).await?.then_some(user))
    }
}
