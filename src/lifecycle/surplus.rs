//! Surplus: the limit on the tokens of one user.

use std::collections::HashSet;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::{TokenAction, TokenEvent, Tokens};
use crate::log::log_warn;
use crate::repository::PageRequest;
use crate::token::{Expiry, TokenId, TokenKind, TokenKinds, TokenRecord};
use crate::user::UserId;

/// How many surplus tokens one generation ends at most. Our choice: few enough for a login, and more than concurrent
/// logins can leave.
const BATCH: u32 = 100;

impl Tokens {
    /// Ends this user's surplus tokens after a generation: logins that would expire first, or the new API token.
    ///
    /// [`ErrorKind::TooManyTokens`] for a new login without an end that would have to take the place of another one, and for
    /// an API token that is one too many.
    pub(super) async fn end_surplus(&self, user: &UserId, new: &TokenRecord, now: Timestamp) -> Result<(), Error> {
        let Some(most) = self.inner().max_tokens_per_user else { return Ok(()) };
        match self.try_end_surplus(user, new, most, now).await {
            Err(error) if error.kind() != ErrorKind::TooManyTokens => {
                // The new token is stored and valid. The next generation tries again.
                log_warn!(error = &error as &dyn std::error::Error, "the surplus tokens of a user were not ended");
                let _ = error;
                Ok(())
            }
            done => done,
        }
    }

    async fn try_end_surplus(&self, user: &UserId, new: &TokenRecord, most: u32, now: Timestamp) -> Result<(), Error> {
        let repository = &self.inner().repository;
        let beyond = PageRequest::first(BATCH).starting_at(most);
        let mut surplus = repository.list_by_user(user, kinds_beside(new), beyond, now).await?.items.len();
        if surplus == 0 {
            return Ok(());
        }
        if new.kind() == TokenKind::Api {
            if self.has_more_api_tokens_than(user, most, now).await? {
                repository.delete_by_id(user, new.id()).await?;
                return Err(ErrorKind::TooManyTokens.into());
            }
            return Ok(());
        }
        for id in self.first_to_end(user, new, most.saturating_add(BATCH), now).await?.into_iter().take(surplus) {
            if repository.delete_by_id(user, id).await? {
                self.report(&TokenEvent::of_user(TokenAction::Displaced, now, user, Some(id)));
            }
            surplus -= 1;
        }
        if surplus > 0 && new.expires_at() == Expiry::Never {
            repository.delete_by_id(user, new.id()).await?;
            return Err(ErrorKind::TooManyTokens.into());
        }
        Ok(())
    }

    /// Whether the user has more API tokens than that, without those that were rotated and still work: one beside each other
    /// token at most.
    async fn has_more_api_tokens_than(&self, user: &UserId, most: u32, now: Timestamp) -> Result<bool, Error> {
        let (mut count, mut families) = (0, HashSet::new());
        let mut request = PageRequest::first(PageRequest::MAX_LIMIT);
        loop {
            let page = self.inner().repository.list_by_user(user, TokenKinds::API, request, now).await?;
            let is_counted = |record: &TokenRecord| record.family().is_none_or(|family| !families.insert(family));
            count += page.items.iter().map(is_counted).filter(|is_counted| *is_counted).count();
            match page.next {
                _ if count > most as usize => return Ok(true),
                Some(next) => request = next,
                None => return Ok(false),
            }
        }
    }

    /// The tokens of a user that expire, except the new one, the first to expire first. Reads at most `most` records.
    async fn first_to_end(
        &self,
        user: &UserId,
        new: &TokenRecord,
        most: u32,
        now: Timestamp,
    ) -> Result<Vec<TokenId>, Error> {
        let mut ending = Vec::new();
        let mut request = PageRequest::first(PageRequest::MAX_LIMIT.min(most));
        loop {
            let page = self.inner().repository.list_by_user(user, kinds_beside(new), request, now).await?;
            let others = page.items.iter().filter(|record| record.id() != new.id());
            ending.extend(others.filter_map(|record| {
                let end = record.expires_at().at()?;
                Some((end, record.created_at(), record.id()))
            }));
            match page.next.filter(|next| next.offset() < most) {
                Some(next) => request = next,
                None => break,
            }
        }
        ending.sort_unstable();
        Ok(ending.into_iter().map(|(_, _, id)| id).collect())
    }
}

/// The kinds that are counted together: no login ends a script's token.
fn kinds_beside(new: &TokenRecord) -> TokenKinds {
    match new.kind() {
        TokenKind::Api => TokenKinds::API,
        TokenKind::Login | TokenKind::Access | TokenKind::Refresh => TokenKinds::ALL.without(TokenKinds::API),
    }
}
