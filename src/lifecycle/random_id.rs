//! The ids of new records.

use crate::error::Error;
use crate::random;
use crate::token::TokenId;

/// A random positive id, which does not reveal how many tokens there are.
pub(super) fn random_id() -> Result<TokenId, Error> {
    let mut bytes = [0; 8];
    random::fill(&mut bytes)?;
    Ok(TokenId::new((i64::from_le_bytes(bytes) & i64::MAX).max(1)))
}
