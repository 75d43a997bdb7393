//! Sealed tokens that end before they expire.

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::sealed::once::redemption::{USED_NUMBERS_MARGIN, later};
use crate::token::{Expiry, TokenUuid};
use papaya::{Compute, HashMap, Operation};

/// The numbers of sealed tokens that end before they expire, in this process's memory.
///
/// Cheap to clone; clones are the same list. Reading takes no lock. A sealed token is valid wherever its key is, so on many
/// nodes each needs to learn of it: keep the revoked numbers where you keep your data, and give them to every node's list.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::sealed::{Key, KeyRing, RevocationList, Sealer};
///
/// let revoked = RevocationList::new();
/// let sealer = Sealer::new(KeyRing::new(Key::generate("2026-11")?), "login")?.with_revocation_list(revoked.clone());
/// let token = sealer.seal(&42, Duration::hours(1))?;
/// let opened = sealer.open::<i64>(token.expose_secret())?;
///
/// revoked.revoke(opened.uuid(), opened.expires_at());
/// assert!(sealer.open::<i64>(token.expose_secret()).is_err());
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct RevocationList(Arc<HashMap<TokenUuid, Expiry>>);

impl RevocationList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the token with this number. It stays on the list until `expires_at`, when it would have ended by itself, and
    /// [`USED_NUMBERS_MARGIN`] longer. `false`: it is on the list already; then the later of the two ends counts.
    #[expect(clippy::must_use_candidate, reason = "revoking is what it is for")]
    pub fn revoke(&self, uuid: TokenUuid, expires_at: Expiry) -> bool {
        let pinned = self.0.pin();
        let changed = pinned.compute(uuid, |before| -> Operation<Expiry, ()> {
            Operation::Insert(before.map_or(expires_at, |(_, before)| later(*before, expires_at)))
        });
        matches!(changed, Compute::Inserted(..))
    }

    /// Whether the token with this number is on the list.
    #[must_use]
    pub fn contains(&self, uuid: TokenUuid) -> bool {
        self.0.pin().contains_key(&uuid)
    }

    /// Forgets the tokens that expired [`USED_NUMBERS_MARGIN`] before `now`, or earlier. Call it now and then.
    pub fn prune(&self, now: Timestamp) {
        let now = now - USED_NUMBERS_MARGIN;
        self.0.pin().retain(|_, expires_at| !expires_at.has_passed(now));
    }
}

/// How many numbers are on it, and not which.
impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList").field("revoked", &self.0.len()).finish_non_exhaustive()
    }
}
