//! Whether a token belongs to the user whom the request names beside it.

use crate::source::ClaimedToken;
use crate::validator::Validation;

/// A valid token of another user than the claimed one is not valid in this request.
#[inline(always)]
pub(super) fn confirmed(claimed: Option<&ClaimedToken>, validation: Validation) -> Validation {
    match claimed {
        None => validation,
        Some(claimed) => compared(claimed, validation),
    }
}

#[cold]
fn compared(claimed: &ClaimedToken, validation: Validation) -> Validation {
    match validation {
        Validation::Valid(user) if !claimed.belongs_to(user.id()) => Validation::Invalid,
        other => other,
    }
}
