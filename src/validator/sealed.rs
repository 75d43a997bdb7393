//! Accepts a sealed token as a login.

use async_trait::async_trait;

use crate::error::Error;
use crate::sealed::Sealer;
use crate::token::{Token, TokenKey};
use crate::user::CurrentUser;
use crate::validator::{TokenValidator, Validation};

/// Validates the logins that [`Sealer::seal_login`] seals: user, level and expiry come from the token, without a store.
///
/// # Example
/// One layer for both kinds of token. The sealer comes first: it recognizes tokens of others without a look-up.
/// ```
/// use time::Duration;
/// use tower_tokens::auth::TokenAuthLayer;
/// use tower_tokens::repository::{MemoryRepository, UserRepository};
/// use tower_tokens::sealed::{Key, KeyRing, Sealer};
/// use tower_tokens::token::TokenKey;
/// use tower_tokens::lifecycle::Tokens;
/// use tower_tokens::user::UserLevel;
/// use tower_tokens::validator::{TokenValidator, Validation};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower_tokens::error::Error> {
/// let repository = MemoryRepository::new();
/// repository.create_level("member").await?;
/// let ann = repository.create_user(None, "member").await?;
/// let tokens = Tokens::new(repository);
/// let logins = Sealer::new(KeyRing::new(Key::generate("2026-11")?), "login")?;
///
/// let stored = tokens.generate(&ann).await?;
/// let sealed = logins.seal_login("visitor", &UserLevel::new(9, "guest"), Duration::hours(1))?;
///
/// let both = logins.or(tokens);
/// for (text, level) in [(stored.token().expose_secret(), "member"), (sealed.expose_secret(), "guest")] {
///     assert!(matches!(both.validate(TokenKey::new(text)).await, Validation::Valid(user) if user.level().title() == level));
/// }
/// let layer = TokenAuthLayer::new(both);
/// # Ok(()) }
/// ```
#[async_trait]
impl TokenValidator for Sealer {
    fn validate_now(&self, token: TokenKey<'_>) -> Option<Validation> {
        Some(self.user_of(token).map_or(Validation::Invalid, Validation::Valid))
    }

    async fn validate(&self, token: TokenKey<'_>) -> Validation {
        self.user_of(token).map_or(Validation::Invalid, Validation::Valid)
    }

    async fn destroy_current(&self, user: &CurrentUser) -> Result<bool, Error> {
        self.revoke_login(user)
    }

    async fn destroy(&self, token: &Token) -> Result<bool, Error> {
        self.user_of(token.key()).map_or(Ok(false), |user| self.revoke_login(&user))
    }
}

impl Sealer {
    fn user_of(&self, token: TokenKey<'_>) -> Option<CurrentUser> {
        let token = token.expose_secret();
        Self::could_have_sealed(token).then(|| self.open_login(token).ok()).flatten()
    }
}
