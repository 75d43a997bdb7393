//! How a credential is kept, which says who can end it.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::token::{Expiry, TokenRecord, TokenUuid};

/// How the credential of a [`CurrentUser`](super::CurrentUser) is kept, which says who can end it.
///
/// # Example
/// ```
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
/// use tower_tokens::user::{Credential, CurrentUser, UserLevel};
///
/// let now = Timestamp::from_unix_seconds(1_000);
/// let record = TokenRecord::new(TokenId::new(7), now, Lifetime::default());
/// let user = CurrentUser::new(42, UserLevel::new(1, "admin"), record, now);
/// let how = match user.credential() {
///     Credential::Stored(_) => "ended by Tokens::destroy_current",
///     Credential::SelfContained { .. } => "ended by its issuer, for example Sealer::revoke_login",
///     _ => "ended by the validator that accepted it: TokenValidator::destroy_current",
/// };
/// assert_eq!(how, "ended by Tokens::destroy_current");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// A store knows the token, and ends it: [`Tokens::destroy_current`](crate::tokens::Tokens::destroy_current).
    Stored(&'a TokenRecord),
    /// The token carries all that is known of it. No store can end it or list it, only its issuer: a
    /// `Sealer` (feature `sealed`) by its `revoke_login`.
    SelfContained {
        /// The token's number.
        id: TokenUuid,
        /// Who issued it.
        issuer: Issuer,
        /// When it ends by itself.
        expires_at: Expiry,
    },
}

/// Who issues self-contained tokens: the purpose of a `Sealer`, or a name that a validator of your own chooses.
///
/// It tells issuers of one process apart, so that no issuer claims to have ended what another one issued. The value is
/// not to be stored: another version may compute another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Issuer(u64);

impl Issuer {
    /// The issuer with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}
