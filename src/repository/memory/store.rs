//! Tokens in this process's memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::keyed_hash::{HashKey, LookupHash, PassThroughHasher};
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
    index: Mutex<Index>,
}

/// A token with all that a reader needs, so that a look-up is one look-up.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) user: UserId,
    pub(super) level: UserLevel,
    pub(super) enabled: bool,
    pub(super) record: TokenRecord,
    /// The record's end, computed once.
    ends_at: Option<Timestamp>,
    /// Before this time its last use lies too far ahead. Computed once.
    valid_from: Timestamp,
}

#[derive(Default)]
pub(super) struct Index {
    pub(super) levels: Vec<UserLevel>,
    pub(super) users: BTreeMap<UserId, Account>,
    pub(super) last_user: i64,
    pub(super) by_id: HashMap<TokenId, LookupHash>,
    pub(super) by_expiry: BTreeSet<(Timestamp, LookupHash)>,
    pub(super) rotations: HashMap<LookupHash, String>,
}

pub(super) struct Account {
    pub(super) level: UserLevel,
    pub(super) disabled: bool,
    /// Oldest first.
    pub(super) tokens: BTreeMap<(Timestamp, TokenId), LookupHash>,
}

impl MemoryRepository {
    /// An empty store. If the operating system gives no random bytes for its key, every call is answered with
    /// [`Unavailable`](ErrorKind::Unavailable).
    #[must_use]
    pub fn new() -> Self {
        Self { hash_key: HashKey::generate().ok(), by_token: papaya::HashMap::default(), index: Mutex::default() }
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
        let by_token = self.by_token.pin();
        let entry = by_token.get(hash).filter(|entry| entry.is_valid(now))?;
        Some(Found::new(&entry.user, entry.level.clone(), entry.record.clone()))
    }

    pub(super) fn add(&self, index: &mut Index, hash: LookupHash, entry: Entry) {
        let record = &entry.record;
        index.by_id.insert(record.id(), hash);
        if let Some(end) = entry.ends_at {
            index.by_expiry.insert((end, hash));
        }
        if let Some(account) = index.users.get_mut(&entry.user) {
            account.tokens.insert((record.created_at(), record.id()), hash);
        }
        self.by_token.pin().insert(hash, entry);
    }

    pub(super) fn remove(&self, index: &mut Index, hash: &LookupHash) -> Option<Entry> {
        let entry = self.by_token.pin().remove(hash)?.clone();
        let record = &entry.record;
        index.by_id.remove(&record.id());
        index.rotations.remove(hash);
        if let Some(end) = entry.ends_at {
            index.by_expiry.remove(&(end, *hash));
        }
        if let Some(account) = index.users.get_mut(&entry.user) {
            account.tokens.remove(&(record.created_at(), record.id()));
        }
        Some(entry)
    }

    /// Puts another record in the place of a token's, without a gap: a reader sees the old one or the new one.
    pub(super) fn put(&self, index: &mut Index, hash: LookupHash, record: TokenRecord) {
        let by_token = self.by_token.pin();
        let Some(old) = by_token.get(&hash) else { return };
        let entry = old.clone().with_record(record);
        if let Some(end) = old.ends_at {
            index.by_expiry.remove(&(end, hash));
        }
        if let Some(end) = entry.ends_at {
            index.by_expiry.insert((end, hash));
        }
        by_token.insert(hash, entry);
    }

    /// Ends those tokens of a user whose record is one of these. Says how many.
    pub(super) fn remove_all(&self, index: &mut Index, user: &UserId, is_ended: impl Fn(&TokenRecord) -> bool) -> u64 {
        let Some(account) = index.users.get(user) else { return 0 };
        let by_token = self.by_token.pin();
        let is_ended = |hash: &LookupHash| by_token.get(hash).is_some_and(|entry| is_ended(&entry.record));
        let ended: Vec<_> = account.tokens.values().filter(|hash| is_ended(hash)).copied().collect();
        for hash in &ended {
            self.remove(index, hash);
        }
        ended.len() as u64
    }

    /// Changes every stored token of a user.
    pub(super) fn update_all(&self, index: &Index, user: &UserId, change: impl Fn(&mut Entry)) {
        let by_token = self.by_token.pin();
        for hash in index.users.get(user).into_iter().flat_map(|account| account.tokens.values()) {
            if let Some(entry) = by_token.get(hash) {
                let mut entry = entry.clone();
                change(&mut entry);
                by_token.insert(*hash, entry);
            }
        }
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

impl Entry {
    pub(super) fn new(user: UserId, level: UserLevel, enabled: bool, record: TokenRecord) -> Self {
        let ends_at = record.expires_at().at();
        let valid_from = record.valid_from();
        Self { user, level, enabled, record, ends_at, valid_from }
    }

    pub(super) fn with_record(self, record: TokenRecord) -> Self {
        Self::new(self.user, self.level, self.enabled, record)
    }

    #[inline]
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        self.enabled && self.ends_at.is_none_or(|end| now < end) && now >= self.valid_from
    }
}

impl Index {
    pub(super) fn level(&self, title: &str) -> Option<UserLevel> {
        self.levels.iter().find(|level| level.title() == title).cloned()
    }
}

impl Account {
    pub(super) fn to_user(&self, id: &UserId) -> User {
        User { id: id.clone(), level: self.level.clone(), disabled: self.disabled }
    }
}
