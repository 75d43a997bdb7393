//! List: the tokens of a user.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::error::Error;
use crate::lifecycle::Tokens;
use crate::repository::{Page, PageRequest};
use crate::token::{TokenId, TokenKinds, TokenRecord};
use crate::user::UserId;

impl Tokens {
    /// The records of this user's live tokens, newest first: a list of devices and API tokens. Await it. Continue with
    /// [`Page::next`](crate::repository::Page::next) until it is `None`.
    ///
    /// A pair is one line, its refresh token's: access tokens are left out unless [`kinds`](List::kinds) names them.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the store does not answer.
    ///
    /// # Example
    /// ```
    /// # use tower_tokens::{error::Error, lifecycle::Tokens, user::UserId};
    /// use tower_tokens::repository::PageRequest;
    /// use tower_tokens::token::TokenKinds;
    ///
    /// # async fn example(tokens: &Tokens, user: &UserId) -> Result<(), Error> {
    /// let scripts = tokens.list(user, PageRequest::first(20)).kinds(TokenKinds::API).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn list<'a>(&'a self, user: &'a UserId, page: PageRequest) -> List<'a> {
        List { tokens: self, user, kinds: TokenKinds::ALL.without(TokenKinds::ACCESS), page }
    }
}

impl Tokens {
    /// The record with this id, if it is this user's, of these kinds, and live. Stores find no record by its id, because only
    /// this rare question asks for one: it reads the list.
    pub(super) async fn live_record(
        &self,
        user: &UserId,
        id: TokenId,
        kinds: TokenKinds,
    ) -> Result<Option<TokenRecord>, Error> {
        let mut request = PageRequest::first(PageRequest::MAX_LIMIT);
        loop {
            let page = self.list(user, request).kinds(kinds).await?;
            if let Some(record) = page.items.into_iter().find(|record| record.id() == id) {
                return Ok(Some(record));
            }
            match page.next {
                Some(next) => request = next,
                None => return Ok(None),
            }
        }
    }
}

/// A list of tokens about to be read. Created by [`Tokens::list`]; awaiting it gives one page.
#[derive(Debug)]
#[must_use = "nothing is read until this is awaited"]
pub struct List<'a> {
    tokens: &'a Tokens,
    user: &'a UserId,
    kinds: TokenKinds,
    page: PageRequest,
}

impl List<'_> {
    /// Lists tokens of these kinds. Default: every kind except access tokens.
    pub fn kinds(mut self, kinds: TokenKinds) -> Self {
        self.kinds = kinds;
        self
    }
}

impl<'a> IntoFuture for List<'a> {
    type Output = Result<Page<TokenRecord>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { tokens, user, kinds, page } = self;
        Box::pin(async move { tokens.inner().repository.list_by_user(user, kinds, page, tokens.now()).await })
    }
}
