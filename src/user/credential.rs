//! How a credential is kept, and therefore who can end it.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::token::{Expiry, TokenRecord, TokenUuid};

/// How the credential of a [`CurrentUser`](super::CurrentUser) is kept, and therefore who can end it.
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
    /// A store holds the token's record, and can end it:
    /// [`Tokens::destroy_current`](crate::lifecycle::Tokens::destroy_current).
    Stored(&'a TokenRecord),
    /// The token carries its own data. No store can end it or list it; only its issuer can: a `Sealer` (feature
    /// `sealed`) by its `revoke_login`.
    SelfContained {
        /// The token's number.
        id: TokenUuid,
        /// The issuer.
        issuer: Issuer,
        /// When it expires.
        expires_at: Expiry,
    },
}

/// Who issues self-contained tokens: the purpose of a `Sealer`, or a name that a validator of your own chooses.
///
/// It distinguishes the issuers of one process, so that no issuer claims to have ended a token of another. Do not store
/// the value: another version may compute a different one.
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
