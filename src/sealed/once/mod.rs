//! The numbers of sealed tokens that were used once, or revoked: the contract of a store, its implementations, and the
//! revocation list.

mod forward;
mod memory;
pub(super) mod redemption;
pub(super) mod revocation;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryRedemptions;
pub use redemption::{Redemption, RedemptionRepository, ReserveOutcome, USED_NUMBERS_MARGIN};
pub use revocation::RevocationList;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteRedemptions;
