//! Tokens in this process's memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::keyed_hash::{HashKey, LookupHash, PassThroughHasher, ShortHash};
use crate::repository::packed::{Levels, Packed};
use crate::repository::{Found, User};
use crate::token::{TokenId, TokenKey, TokenRecord};
use crate::user::{UserId, UserLevel};

/// Tokens and users in this process's memory: lock-free reads, gone with the process.
///
/// For tests, for a single process that may forget its visitors at a restart, and as what the benches compare with.
/// Readers never wait and never write to shared memory; writers wait for each other.
///
/// # Example
/// ```
/// use tower_tokens::repository::{MemoryRepository, UserRepository};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let repository = MemoryRepository::new();
/// repository.create_level("admin").await?;
/// let id = repository.create_user(None, "admin").await?;
/// assert_eq!(repository.user(&id).await?.unwrap().level.title(), "admin");
/// # Ok::<(), tower_tokens::error::Error>(())
/// # }).unwrap();
/// ```
pub struct MemoryRepository {
    hash_key: Option<HashKey>,
    /// What readers see. Changed only while `index` is locked.
    pub(super) by_token: papaya::HashMap<LookupHash, Entry, BuildHasherDefault<PassThroughHasher>>,
    levels: Levels,
    index: Mutex<Index>,
}

/// A token with all that a reader needs, so that a look-up is one look-up. Its mark says whether its user is enabled.
pub(super) type Entry = Packed<bool>;

#[derive(Default)]
pub(super) struct Index {
    pub(super) levels: Vec<UserLevel>,
    pub(super) users: BTreeMap<UserId, Account>,
    pub(super) last_user: i64,
    last_account: u64,
    pub(super) by_id: HashMap<TokenId, ShortHash>,
    /// The tokens of each user, oldest first. One set for all: a set for each user takes four times as much if most have
    /// one token.
    by_user: BTreeSet<(AccountNumber, Timestamp, TokenId)>,
    pub(super) by_expiry: BTreeSet<(Timestamp, ShortHash)>,
    pub(super) rotations: HashMap<ShortHash, String>,
}

pub(super) struct Account {
    pub(super) level: UserLevel,
    pub(super) disabled: bool,
    number: AccountNumber,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AccountNumber(u64);

impl MemoryRepository {
    /// An empty store. If the operating system gives no random bytes for its key, every call is answered with
    /// [`Unavailable`](ErrorKind::Unavailable).
    #[must_use]
    pub fn new() -> Self {
        Self {
            hash_key: HashKey::generate().ok(),
            by_token: papaya::HashMap::default(),
            levels: Levels::new(),
            index: Mutex::default(),
        }
    }

    /// `None`: the operating system gave no random bytes for a key.
    pub(super) fn hash(&self, token: TokenKey<'_>) -> Option<LookupHash> {
        self.hash_key.as_ref().map(|key| key.hash(token))
    }

    pub(super) fn try_hash(&self, token: TokenKey<'_>) -> Result<LookupHash, Error> {
        self.hash(token).ok_or(ErrorKind::Unavailable.into())
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        // No writer can leave the index half-changed: nothing between its steps panics.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn find_valid(&self, hash: &LookupHash, now: Timestamp) -> Option<Found> {
        self.by_token.pin().get(hash).filter(|entry| is_valid(entry, now))?.found(&self.levels, now)
    }

    pub(super) fn find_valid_by_id(&self, index: &Index, id: TokenId, now: Timestamp) -> Option<(ShortHash, Found)> {
        let hash = *index.by_id.get(&id)?;
        let found = self.by_token.pin().get(&hash).filter(|entry| is_valid(entry, now))?.found(&self.levels, now)?;
        Some((hash, found))
    }

    /// Whether a new token can have this hash: an index finds it by half of it.
    pub(super) fn is_free(&self, hash: LookupHash) -> bool {
        !self.by_token.pin().contains_key(&hash.short())
    }

    /// Adds a token of this user.
    ///
    /// # Errors
    /// [`UserNotFound`](ErrorKind::UserNotFound).
    pub(super) fn add(
        &self,
        index: &mut Index,
        hash: LookupHash,
        user: &UserId,
        record: &TokenRecord,
    ) -> Result<(), Error> {
        let account = index.users.get(user).ok_or(ErrorKind::UserNotFound)?;
        let entry = self.entry(user, account, record);
        index.by_user.insert((account.number, record.created_at(), record.id()));
        index.by_id.insert(record.id(), hash.short());
        index.set_end(hash.short(), None, &entry);
        self.by_token.pin().insert(hash, entry);
        Ok(())
    }

    pub(super) fn remove(&self, index: &mut Index, hash: ShortHash) -> Option<(UserId, TokenRecord)> {
        let by_token = self.by_token.pin();
        let (user, record) = by_token.remove(&hash).map(|entry| (entry.user(), entry.record()))?;
        index.by_id.remove(&record.id());
        index.rotations.remove(&hash);
        if let Some(end) = record.expires_at().at() {
            index.by_expiry.remove(&(end, hash));
        }
        if let Some(account) = index.users.get(&user) {
            index.by_user.remove(&(account.number, record.created_at(), record.id()));
        }
        Some((user, record))
    }

    /// Puts another record in the place of a token's, without a gap: a reader sees the old one or the new one.
    pub(super) fn put(&self, index: &mut Index, hash: ShortHash, record: &TokenRecord) {
        let by_token = self.by_token.pin();
        let Some((hash, old)) = by_token.get_key_value(&hash) else { return };
        let user = old.user();
        let Some(account) = index.users.get(&user) else { return };
        let entry = self.entry(&user, account, record);
        index.set_end(hash.short(), Some(old), &entry);
        by_token.insert(*hash, entry);
    }

    /// Ends those tokens of a user whose record is one of these. Says how many.
    pub(super) fn remove_all(&self, index: &mut Index, user: &UserId, is_ended: impl Fn(&TokenRecord) -> bool) -> u64 {
        let by_token = self.by_token.pin();
        let is_ended = |hash: &ShortHash| by_token.get(hash).is_some_and(|entry| is_ended(&entry.record()));
        let ended: Vec<_> = index.tokens_of(user).filter(is_ended).collect();
        for hash in &ended {
            self.remove(index, *hash);
        }
        ended.len() as u64
    }

    /// Gives every stored token of a user what their account says now.
    pub(super) fn update_all(&self, index: &Index, user: &UserId) {
        let Some(account) = index.users.get(user) else { return };
        let by_token = self.by_token.pin();
        for hash in index.tokens_of(user) {
            if let Some((hash, entry)) = by_token.get_key_value(&hash) {
                by_token.insert(*hash, self.entry(user, account, &entry.record()));
            }
        }
    }

    fn entry(&self, user: &UserId, account: &Account, record: &TokenRecord) -> Entry {
        Packed::new(&self.levels, user, &account.level, record, None, !account.disabled)
    }
}

impl Default for MemoryRepository {
    fn default() -> Self {
        Self::new()
    }
}

/// How much is in it, and not what: a store of millions has to fit into a line of a log.
impl fmt::Debug for MemoryRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut summary = f.debug_struct("MemoryRepository");
        summary.field("tokens", &self.by_token.len());
        // Who prints a store must not wait for who changes it, who may be the same.
        if let Ok(index) = self.index.try_lock() {
            summary.field("users", &index.users.len()).field("levels", &index.levels.len());
        }
        summary.finish_non_exhaustive()
    }
}

#[inline]
fn is_valid(entry: &Entry, now: Timestamp) -> bool {
    entry.mark && !entry.expires_at().has_passed(now) && now >= entry.valid_from()
}

impl Index {
    pub(super) fn level(&self, title: &str) -> Option<UserLevel> {
        self.levels.iter().find(|level| level.title() == title).cloned()
    }

    pub(super) fn add_user(&mut self, id: UserId, level: UserLevel) {
        self.last_account += 1;
        self.users.insert(id, Account { level, disabled: false, number: AccountNumber(self.last_account) });
    }

    /// The tokens of a user, oldest first.
    pub(super) fn tokens_of(&self, user: &UserId) -> impl DoubleEndedIterator<Item = ShortHash> {
        let number = self.users.get(user).map(|account| account.number);
        let range = number.map(|number| {
            let first = (number, Timestamp::from_unix_seconds(i64::MIN), TokenId::new(i64::MIN));
            let last = (number, Timestamp::from_unix_seconds(i64::MAX), TokenId::new(i64::MAX));
            self.by_user.range(first..=last)
        });
        range.into_iter().flatten().filter_map(|(_, _, id)| self.by_id.get(id).copied())
    }

    fn set_end(&mut self, hash: ShortHash, old: Option<&Entry>, new: &Entry) {
        if let Some(end) = old.and_then(|entry| entry.expires_at().at()) {
            self.by_expiry.remove(&(end, hash));
        }
        if let Some(end) = new.expires_at().at() {
            self.by_expiry.insert((end, hash));
        }
    }
}

impl Account {
    pub(super) fn to_user(&self, id: &UserId) -> User {
        User { id: id.clone(), level: self.level.clone(), disabled: self.disabled }
    }
}
