//! The contract between this crate and a token store.

use std::sync::Arc;

use async_trait::async_trait;
use time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::{ChangeBus, Page, PageRequest};
use crate::token::{NewLimits, TokenId, TokenKey, TokenKind, TokenKinds, TokenRecord};
use crate::user::{Found, UserId};

/// How long a token stays in its store after its end, at least. Our choice: 48 hours, more than a date that is wrong by a
/// day and a time zone that is wrong by 14 hours come to.
///
/// Whether a token is valid is decided anew at each look-up, and a clock that was wrong can be set right. What was removed
/// is gone for good: without this margin a node whose clock runs ahead would log everybody out on all nodes.
pub const PRUNING_MARGIN: Duration = Duration::hours(48);

/// The second by which a token must have ended so that [`delete_expired`](TokenRepository::delete_expired) may remove it
/// at `now`: [`PRUNING_MARGIN`] ago.
#[must_use]
pub fn prunable_end(now: Timestamp) -> Timestamp {
    now - PRUNING_MARGIN
}

/// Where tokens live: the whole contract between this crate and a store, in ten clauses, and two for what not every store can.
///
/// 1. [`insert`](Self::insert) refuses a token that is already there, a user that does not exist, and a name or code that is
///    out of [bounds](TokenRecord::check_bounds).
/// 2. [`find`](Self::find) gives the record with its user and the user's **present** level in one round trip. Absent,
///    expired, or belonging to a user who is gone or disabled: `Ok(None)`. Unreachable: `Err`, and never `None`. Levels of
///    different titles have different ids; one title has one id.
/// 3. After [`delete`](Self::delete) or [`delete_by_id`](Self::delete_by_id) returns, no `find` that starts later sees the
///    token. Deleting what is not there is not an error. By id a token ends with all that were put in its place, also while
///    somebody replaces it again and again; by text it does unless it was replaced before. With a token that is ended by its id
///    those of its [family](TokenRecord::family) end, also one that is inserted at that moment.
/// 4. [`replace`](Self::replace) is atomic: of any number of racing calls for one token exactly one wins, and the old
///    token is dead when it returns. An expired token cannot be replaced. The new token keeps the limits of the old one, or
///    gets tighter ones, unless a fresh start is asked for. A new token that is there already, the old one itself included,
///    is refused as [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists), and nothing is done.
/// 5. [`touch`](Self::touch) is a conditional update: it can never bring a deleted token back, and never moves an end to an
///    earlier time.
/// 6. [`delete_by_user`](Self::delete_by_user) ends every token of a user that is of certain kinds, or every other one, those
///    that are being replaced at that moment too.
/// 7. [`list_by_user`](Self::list_by_user) gives records of certain kinds, newest first, without secrets, in pages.
/// 8. [`delete_expired`](Self::delete_expired) is bounded and says how many it removed. It keeps a margin: a token that has
///    ended less than [`PRUNING_MARGIN`] ago stays, so that a clock that runs ahead destroys nothing that is valid.
/// 9. Time is the caller's: `now` comes in as an argument; no store asks its database for the time. Seconds are a whole
///    `i64`: an end that would lie past the last of them is that last one, also where a database would overflow.
/// 10. A token is expired when `now >= expires_at`, in every store, at every edge. One with an idle limit finds no user
///     either while its last use lies too far [ahead](TokenRecord::is_valid_at) of `now`.
///
/// Two clauses are for stores that keep pairs of access and refresh tokens, and let an API token overlap with its successor.
/// The default methods answer that the store cannot.
///
/// 11. [`supersede`](Self::supersede) is atomic: of any number of racing calls for one token exactly one wins. It never moves
///     an end to a later time.
/// 12. [`rotate`](Self::rotate) is a comparison and an exchange in one atomic step: of any number of racing calls that expect
///     the same state exactly one wins. It never brings a deleted token back.
///
/// Each clause is a test of the same name in the exported conformance suite (feature `conformance`): run it against a
/// store of your own, which implements this trait alone. The suite asks nothing else of it: no
/// [`UserRepository`](super::UserRepository), no user ids of both kinds, no order of levels. For an application's own table of
/// users on SQLite, PostgreSQL or MySQL no store has to be written: see `UserTable`.
///
/// # What a cache in front of a store learns
/// Whoever calls a verb knows what it concerned: the user of [`delete_by_user`](Self::delete_by_user), the user and id of
/// [`delete_by_id`](Self::delete_by_id), the user of a change through [`UserRepository`](super::UserRepository). Where the
/// caller has the text of a token alone, the store says the rest: [`delete`](Self::delete) gives [`Ended`],
/// [`replace`](Self::replace) gives [`Regenerated`].
///
/// # Errors
/// Every method gives [`ErrorKind::Unavailable`](crate::error::ErrorKind::Unavailable) when the store does not answer,
/// and [`ErrorKind::Corrupt`](crate::error::ErrorKind::Corrupt) when what it answers cannot be read. Others are named
/// at the method.
///
/// # Cancel safety
/// A dropped future either did its whole work or none of it.
#[async_trait]
pub trait TokenRepository: std::fmt::Debug + Send + Sync + 'static {
    /// Stores a new token and gives its record, under the store's own id if the store numbers its rows itself.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) for a token (or record id) that is there,
    /// [`UserNotFound`](crate::error::ErrorKind::UserNotFound) for a user who is not,
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for what is out of [bounds](TokenRecord::check_bounds).
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error>;

    /// Looks up without waiting: what [`find`](Self::find) gives, if it is in this process's memory already.
    ///
    /// `None`: it has to wait, so [`find`](Self::find) is called next. It must not block. The default is `None`.
    fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Lookup> {
        let _ = (token, now);
        None
    }

    /// What carries the changes of this store, whoever makes them, to the caches of all nodes. `None`, the default: nothing does.
    ///
    /// [`Cache::new`](super::Cache::new) needs one.
    fn change_bus(&self) -> Option<Arc<dyn ChangeBus>> {
        None
    }

    /// The user of this token at `now`, with their present level and the token's record. `None`: it is not valid.
    ///
    /// # Errors
    /// As at the trait: an outage is an error, never `None`.
    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error>;

    /// As [`find`](Self::find), past every cache. The default asks [`find`](Self::find).
    ///
    /// # Errors
    /// As [`find`](Self::find).
    async fn find_in_store(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        self.find(token, now).await
    }

    /// Ends this token, and says whose it was. `None`: it was not there, or another one had been put in its place, which
    /// lives on: to end that one too, end it by its [id](Self::delete_by_id).
    ///
    /// # Errors
    /// As at the trait.
    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error>;

    /// Ends the token with this record id if it is this user's, and with it those of its family: whose
    /// [`family`](TokenRecord::family) is this id. `false`: it was not.
    ///
    /// # Errors
    /// As at the trait.
    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error>;

    /// Puts a new token in the place of a valid one, in one atomic step; the record is the old one,
    /// [regenerated](TokenRecord::regenerated). `None`: the old token is not valid (any more), and nothing was done.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) if the new token is there already.
    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error>;

    /// Records that a token that is valid at `now` was used then, which also moves its idle end. `false`: there is no such
    /// valid token, a later use is recorded already, or the token was not made yet (by another node's clock).
    ///
    /// # Errors
    /// As at the trait.
    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error>;

    /// Ends every token of this user that is of these kinds, but the one with the id `keep` and those of its family. Says how
    /// many.
    ///
    /// # Errors
    /// As at the trait.
    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error>;

    /// The records of this user's tokens that are of these kinds and not expired at `now`, newest first.
    ///
    /// # Errors
    /// As at the trait.
    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error>;

    /// Removes at most `limit` tokens that had ended by [`prunable_end(now)`](prunable_end). Says how many.
    ///
    /// # Errors
    /// As at the trait.
    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error>;

    /// Makes a valid token a part of its successor, which is in the store already: its family is the successor's id, its
    /// absolute end is `until` unless it ends earlier, and those of its own family end. `false`: there is no such valid token, or
    /// it has a family already; then nothing was done.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) from a store that cannot, which is the default. Otherwise as at the
    /// trait.
    async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
        let _ = supersession;
        Err(Error::with_source(ErrorKind::Configuration, "this store keeps no token beside its successor"))
    }

    /// The state that [`rotate`](Self::rotate) put beside this token, or `None` if there is none. Whether the token is valid
    /// is for [`find`](Self::find) to say.
    ///
    /// # Errors
    /// As [`supersede`](Self::supersede).
    async fn rotation(&self, token: TokenKey<'_>) -> Result<Option<String>, Error> {
        let _ = token;
        Err(Error::with_source(ErrorKind::Configuration, "this store keeps no token pairs"))
    }

    /// Puts another state beside a valid token if its present one is what the caller expects, and records the token's use.
    /// `false`: there is no such valid token, or its state is another one; then nothing was done.
    ///
    /// # Errors
    /// As [`supersede`](Self::supersede).
    async fn rotate(&self, rotation: Rotation<'_>) -> Result<bool, Error> {
        let _ = rotation;
        Err(Error::with_source(ErrorKind::Configuration, "this store keeps no token pairs"))
    }
}

/// The result of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer: an outage is an error")]
pub enum Lookup {
    /// The token is valid.
    Found(Found),
    /// There is no such token, it has ended, or its user is gone or disabled.
    NotFound,
}

impl Lookup {
    /// What was found, if anything.
    #[must_use]
    pub fn found(self) -> Option<Found> {
        match self {
            Self::Found(found) => Some(found),
            Self::NotFound => None,
        }
    }
}

impl From<Option<Found>> for Lookup {
    fn from(found: Option<Found>) -> Self {
        found.map_or(Self::NotFound, Self::Found)
    }
}

/// A token that [`TokenRepository::delete`] ended: what the caller, who has its text alone, does not know. A cache in
/// front of the store, or another node, follows by it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores build it")]
pub struct Ended {
    /// Whose token it was.
    pub user: UserId,
    /// The id of its record.
    pub id: TokenId,
    /// What it was for.
    pub kind: TokenKind,
    /// Its [family](TokenRecord::family), which lives on.
    pub family: Option<TokenId>,
}

impl Ended {
    /// The token with this record, which was this user's.
    #[must_use]
    pub fn new(user: impl Into<UserId>, record: &TokenRecord) -> Self {
        Self { user: user.into(), id: record.id(), kind: record.kind(), family: record.family() }
    }
}

/// Arguments of [`TokenRepository::insert`].
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must not miss a field that is added here")]
pub struct NewToken<'a> {
    /// What it is found by.
    pub key: TokenKey<'a>,
    /// Whose it is.
    pub user: &'a UserId,
    /// What is known of it. Its id is random; a store that numbers its rows itself puts its own.
    pub record: TokenRecord,
}

/// Arguments of [`TokenRepository::replace`].
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must not miss a field that is added here")]
pub struct Replacement<'a> {
    /// The token to replace, if it is valid at `now`.
    pub old: TokenKey<'a>,
    /// The token in its place.
    pub new: TokenKey<'a>,
    /// What becomes of the old one's limits.
    pub limits: NewLimits,
    /// When the user proved who they are, if they did so since the old token was created. `None` keeps the old time.
    pub authenticated_at: Option<Timestamp>,
    /// The present time.
    pub now: Timestamp,
}

/// Arguments of [`TokenRepository::supersede`].
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must not miss a field that is added here")]
pub struct Supersession<'a> {
    /// Whose token it is.
    pub user: &'a UserId,
    /// The id of its record.
    pub id: TokenId,
    /// The id of the token that takes its place.
    pub successor: TokenId,
    /// When the superseded token ends at the latest.
    pub until: Timestamp,
    /// The present time.
    pub now: Timestamp,
}

/// Arguments of [`TokenRepository::rotate`].
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store must not miss a field that is added here")]
pub struct Rotation<'a> {
    /// The token.
    pub token: TokenKey<'a>,
    /// Its present state, or `None` if it has none yet.
    pub expected: Option<&'a str>,
    /// The state in its place: at most [`MAX_STATE_BYTES`](Self::MAX_STATE_BYTES) of ASCII.
    pub next: &'a str,
    /// The record as it is afterwards. It differs from the stored one in [`last_used_at`](TokenRecord::last_used_at), which is
    /// `now`, and so in its end.
    pub used: &'a TokenRecord,
    /// The present time.
    pub now: Timestamp,
}

impl Rotation<'_> {
    /// The longest state, in bytes.
    pub const MAX_STATE_BYTES: usize = 1_024;
}

/// What [`TokenRepository::replace`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores build it")]
pub struct Regenerated {
    /// Whose token it is.
    pub user: UserId,
    /// The record of the new token.
    pub record: TokenRecord,
}
