//! What asks the store again for the token of a request.

use std::fmt;
use std::sync::Arc;

use crate::token::{Token, TokenKey};
use crate::user::{CheckAgain, CheckFuture, Credential, CurrentUser};
use crate::validator::{TokenValidator, Validation};

/// The token of a request, and who validates it.
struct Check {
    validator: Arc<dyn TokenValidator>,
    token: Token,
}

impl CheckAgain for Check {
    fn check<'a>(&'a self, user: &'a CurrentUser) -> CheckFuture<'a> {
        Box::pin(async move {
            match self.validator.validate_in_store(self.token.key()).await {
                Validation::Valid(found) => Ok(is_same(&found, user).then_some(found)),
                Validation::Invalid => Ok(None),
                Validation::Unavailable(error) => Err(error),
            }
        })
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").finish_non_exhaustive()
    }
}

/// Lets the store be asked again for the user of this token. No store has one who is in a self-contained token.
#[cold]
pub(super) fn checkable(
    validation: Validation,
    validator: &Arc<dyn TokenValidator>,
    token: TokenKey<'_>,
) -> Validation {
    match validation {
        Validation::Valid(user) if matches!(user.credential(), Credential::Stored(_)) => {
            let token = Token::from_checked(token.expose_secret().to_owned());
            Validation::Valid(user.with_check(Arc::new(Check { validator: Arc::clone(validator), token })))
        }
        other => other,
    }
}

/// Whether both are the same user by the same credential.
pub(super) fn is_same(found: &CurrentUser, user: &CurrentUser) -> bool {
    let is_same_credential = match (found.credential(), user.credential()) {
        (Credential::Stored(found), Credential::Stored(token)) => found.id() == token.id(),
        (
            Credential::SelfContained { id: found, issuer: found_issuer, .. },
            Credential::SelfContained { id, issuer, .. },
        ) => (found, found_issuer) == (id, issuer),
        _ => false,
    };
    is_same_credential && found.id() == user.id()
}
