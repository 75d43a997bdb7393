//! List: the tokens of a user.

use crate::error::Error;
use crate::lifecycle::Tokens;
use crate::repository::{Page, PageRequest};
use crate::token::TokenRecord;
use crate::user::UserId;

impl Tokens {
    /// The records of this user's live tokens, newest first: a list of devices. Continue with
    /// [`Page::next`](crate::repository::Page::next) until it is `None`.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the store does not answer.
    pub async fn list(&self, user: &UserId, page: PageRequest) -> Result<Page<TokenRecord>, Error> {
        self.inner().repository.list_by_user(user, page, self.now()).await
    }
}
