//! The user of this request.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::clock::Timestamp;
use crate::token::{Expiry, TokenRecord};
use crate::user::{SourceKind, UserId, UserLevel};

/// The user of this request: who they are, their present level, and the record of the token that says so.
///
/// `TokenAuthLayer` puts it into the request extensions, a [`UserLevel`] beside it. With axum it is an extractor;
/// without, `request.extensions().get::<CurrentUser>()`. It carries no secret, and cloning it copies three words.
///
/// # Example
/// ```
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
/// use tower_tokens::user::{CurrentUser, UserLevel};
///
/// let now = Timestamp::from_unix_seconds(1_000);
/// let record = TokenRecord::new(TokenId::new(7), now, Lifetime::default());
/// let user = CurrentUser::new(42, UserLevel::new(1, "admin"), record, now);
/// assert_eq!(format!("user {} ({})", user.id(), user.level()), "user 42 (admin)");
/// ```
#[derive(Clone)]
pub struct CurrentUser {
    /// Of this request alone, so that counting its clones keeps no other thread waiting.
    details: Arc<Details>,
    checked_at: Timestamp,
    source: SourceKind,
}

struct Details {
    id: UserId,
    level: UserLevel,
    token: TokenRecord,
}

thread_local! {
    /// The details that this thread made last. They are written over once their request is over, which saves the next
    /// one an allocation.
    static SPARE: Cell<Option<Arc<Details>>> = const { Cell::new(None) };
}

impl Details {
    fn share(self) -> Arc<Self> {
        let shared = match SPARE.try_with(Cell::take) {
            Ok(Some(mut spare)) => {
                match Arc::get_mut(&mut spare) {
                    Some(details) => *details = self,
                    None => spare = Arc::new(self),
                }
                spare
            }
            // The first request of a thread, or a thread that is ending.
            _ => Arc::new(self),
        };
        let _ = SPARE.try_with(|spare| spare.set(Some(Arc::clone(&shared))));
        shared
    }
}

impl CurrentUser {
    /// The user whose token was found valid at `checked_at`.
    #[must_use]
    pub fn new(id: impl Into<UserId>, level: UserLevel, token: TokenRecord, checked_at: Timestamp) -> Self {
        let details = Details { id: id.into(), level, token }.share();
        Self { details, checked_at, source: SourceKind::Direct }
    }

    /// Says where in the request the token was. Default: [`SourceKind::Direct`].
    #[must_use]
    pub const fn with_source(mut self, source: SourceKind) -> Self {
        self.source = source;
        self
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.details.id
    }

    /// Their level at this request.
    #[must_use]
    pub fn level(&self) -> &UserLevel {
        &self.details.level
    }

    /// The record of the token that they presented.
    #[must_use]
    pub fn token(&self) -> &TokenRecord {
        &self.details.token
    }

    /// Where in the request the token was.
    #[must_use]
    pub const fn source(&self) -> SourceKind {
        self.source
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Expiry {
        self.token().expires_at()
    }

    /// When the user last proved who they are.
    #[must_use]
    pub fn authenticated_at(&self) -> OffsetDateTime {
        self.token().authenticated_at()
    }

    pub(crate) const fn checked(&self) -> Timestamp {
        self.checked_at
    }

    /// When the token was found valid, by the clock of the validator: the "now" of every rule that asks for one.
    #[must_use]
    pub fn checked_at(&self) -> OffsetDateTime {
        self.checked_at.into()
    }
}

impl fmt::Debug for CurrentUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentUser")
            .field("id", self.id())
            .field("level", self.level())
            .field("token", self.token())
            .field("checked_at", &self.checked_at)
            .field("source", &self.source)
            .finish()
    }
}
