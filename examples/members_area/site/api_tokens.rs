//! A member's API tokens: what may be made, and the list.

use time::Duration;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::IssuedToken;
use tower_tokens::repository::PageRequest;
use tower_tokens::token::{Abilities, Lifetime, TokenId, TokenKinds, TokenRecord};
use tower_tokens::user::{CurrentUser, UserId};

use super::app::Site;
use super::failure::Failure;

/// What an API token of this site can be allowed.
pub(super) const ABILITIES: [&str; 2] = ["read", "write"];

/// The longest name that people may give a token, in characters.
pub(super) const MAX_NAME: usize = 60;

/// The longest time after which a token may end, in seconds: ten years.
const MAX_SECONDS: i64 = 315_360_000;

/// A token that somebody asks for.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) abilities: Vec<String>,
    /// `None`: it never ends by itself.
    pub(super) seconds: Option<i64>,
}

/// Why no token was made.
pub(super) enum Refusal {
    /// What is wrong with the request, for people.
    Invalid(&'static str),
    Failure(Failure),
}

impl Site {
    /// Makes an API token for this user. Its text is in the result and nowhere else.
    pub(super) async fn create_api_token(&self, user: &CurrentUser, wanted: Wanted) -> Result<IssuedToken, Refusal> {
        let name = wanted.name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(Refusal::Invalid("A token has a name of 1 to 60 characters."));
        }
        if wanted.abilities.iter().any(|ability| !ABILITIES.contains(&ability.as_str())) {
            return Err(Refusal::Invalid("The abilities of a token are read and write."));
        }
        let lifetime = match wanted.seconds {
            None => Lifetime::never_expires(),
            Some(seconds @ 1..=MAX_SECONDS) => Duration::seconds(seconds).into(),
            Some(_) => {
                return Err(Refusal::Invalid("A token ends after 1 second at least, and after ten years at most."));
            }
        };
        let abilities = Abilities::new(wanted.abilities.iter().map(String::as_str)).map_err(Failure::from)?;
        let token = self.tokens.generate(user.id()).api_token().name(name).abilities(abilities).lifetime(lifetime);
        Ok(token.await.map_err(Failure::from)?)
    }

    /// A member's API tokens, newest first, and whether there are more.
    pub(super) async fn api_tokens(&self, user: &UserId) -> Result<(Vec<TokenRecord>, bool), Failure> {
        let page = self.tokens.list(user, PageRequest::default()).kinds(TokenKinds::API).await?;
        Ok((page.items, page.next.is_some()))
    }

    /// Makes another token in the place of this one, which works for `overlap` more seconds.
    pub(super) async fn rotate_api_token(
        &self,
        user: &UserId,
        id: TokenId,
        overlap: i64,
    ) -> Result<IssuedToken, Refusal> {
        let rotated = self.tokens.rotate_api_token(user, id).overlap(Duration::seconds(overlap)).await;
        rotated.map_err(|error| match error.kind() {
            ErrorKind::InvalidToken => Failure::NotFound.into(),
            ErrorKind::InvalidInput => Refusal::Invalid("Two tokens overlap for seven days at most."),
            _ => Failure::from(error).into(),
        })
    }

    /// Ends an API token of this user. `false`: there is no such token.
    pub(super) async fn revoke_api_token(&self, user: &UserId, id: TokenId) -> Result<bool, Failure> {
        // A device of the same user has an id too, and is not ended here.
        let (records, _) = self.api_tokens(user).await?;
        Ok(records.iter().any(|record| record.id() == id) && self.tokens.destroy_by_id(user, id).await?)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
