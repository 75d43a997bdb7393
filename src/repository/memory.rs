//! Tokens in this process's memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::keyed_hash::{HashKey, LookupHash};
use crate::repository::{
    Ended, Found, Lookup, NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, User, UserRepository,
    prunable_end,
};
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
    by_token: papaya::HashMap<LookupHash, Entry, BuildHasherDefault<PassThroughHasher>>,
    index: Mutex<Index>,
}

/// A token with all that a reader needs, so that a look-up is one look-up.
#[derive(Clone)]
struct Entry {
    user: UserId,
    level: UserLevel,
    enabled: bool,
    record: TokenRecord,
    /// The record's end, computed once.
    ends_at: Option<Timestamp>,
    /// Before this time its last use lies too far ahead. Computed once.
    valid_from: Timestamp,
}

#[derive(Default)]
struct Index {
    levels: Vec<UserLevel>,
    users: BTreeMap<UserId, Account>,
    last_user: i64,
    by_id: HashMap<TokenId, LookupHash>,
    by_expiry: BTreeSet<(Timestamp, LookupHash)>,
}

struct Account {
    level: UserLevel,
    disabled: bool,
    /// Oldest first.
    tokens: BTreeMap<(Timestamp, TokenId), LookupHash>,
}

impl MemoryRepository {
    /// An empty store. If the operating system gives no random bytes for its key, every call is answered with
    /// [`Unavailable`](ErrorKind::Unavailable).
    #[must_use]
    pub fn new() -> Self {
        Self { hash_key: HashKey::generate().ok(), by_token: papaya::HashMap::default(), index: Mutex::default() }
    }

    /// `None`: the operating system gave no random bytes for a key.
    fn hash(&self, token: TokenKey<'_>) -> Option<LookupHash> {
        self.hash_key.as_ref().map(|key| key.hash(token))
    }

    fn try_hash(&self, token: TokenKey<'_>) -> Result<LookupHash, Error> {
        self.hash(token).ok_or(ErrorKind::Unavailable.into())
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // No writer can leave the index half-changed: nothing between its steps panics.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn find_valid(&self, hash: &LookupHash, now: Timestamp) -> Option<Found> {
        let by_token = self.by_token.pin();
        let entry = by_token.get(hash).filter(|entry| entry.is_valid(now))?;
        Some(Found::new(&entry.user, entry.level.clone(), entry.record.clone()))
    }

    fn add(&self, index: &mut Index, hash: LookupHash, entry: Entry) {
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

    fn remove(&self, index: &mut Index, hash: &LookupHash) -> Option<Entry> {
        let entry = self.by_token.pin().remove(hash)?.clone();
        let record = &entry.record;
        index.by_id.remove(&record.id());
        if let Some(end) = entry.ends_at {
            index.by_expiry.remove(&(end, *hash));
        }
        if let Some(account) = index.users.get_mut(&entry.user) {
            account.tokens.remove(&(record.created_at(), record.id()));
        }
        Some(entry)
    }

    /// Changes every stored token of a user.
    fn update_all(&self, index: &Index, user: &UserId, change: impl Fn(&mut Entry)) {
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

#[async_trait]
impl TokenRepository for MemoryRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        token.record.check_bounds()?;
        let mut index = self.index();
        let account = index.users.get(token.user).ok_or(ErrorKind::UserNotFound)?;
        let (level, enabled) = (account.level.clone(), !account.disabled);
        let hash = self.try_hash(token.key)?;
        if self.by_token.pin().contains_key(&hash) || index.by_id.contains_key(&token.record.id()) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let entry = Entry::new(token.user.clone(), level, enabled, token.record.clone());
        self.add(&mut index, hash, entry);
        Ok(token.record)
    }

    fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Lookup> {
        self.hash(token).map(|hash| self.find_valid(&hash, now).into())
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        Ok(self.find_valid(&self.try_hash(token)?, now))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        let hash = self.try_hash(token)?;
        let ended = self.remove(&mut self.index(), &hash);
        Ok(ended.map(|entry| Ended { user: entry.user, id: entry.record.id() }))
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let mut index = self.index();
        let Some(hash) = index.by_id.get(&id).copied() else { return Ok(false) };
        let is_theirs = self.by_token.pin().get(&hash).is_some_and(|entry| entry.user == *user);
        Ok(is_theirs && self.remove(&mut index, &hash).is_some())
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, authenticated_at, now } = replacement;
        let (old, new) = (self.try_hash(old)?, self.try_hash(new)?);
        let mut index = self.index();
        if self.find_valid(&old, now).is_none() {
            return Ok(None);
        }
        if self.by_token.pin().contains_key(&new) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let Some(old) = self.remove(&mut index, &old) else { return Ok(None) };
        let record = old.record.clone().regenerated(now, limits, authenticated_at);
        let entry = old.with_record(record);
        let regenerated = Regenerated { user: entry.user.clone(), record: entry.record.clone() };
        self.add(&mut index, new, entry);
        Ok(Some(regenerated))
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let mut index = self.index();
        let Some(hash) = index.by_id.get(&id).copied() else { return Ok(false) };
        let is_due = self.find_valid(&hash, now).is_some_and(|found| {
            let record = found.record();
            let last = record.last_used_at();
            found.user() == user && last.map_or(record.created_at() <= now, |last| last < now)
        });
        if !is_due {
            return Ok(false);
        }
        // Not removed and added again: a reader must see the token without a gap.
        let by_token = self.by_token.pin();
        let Some(old) = by_token.get(&hash) else { return Ok(false) };
        let entry = old.clone().with_record(old.record.clone().with_last_used_at(Some(now)));
        if let Some(end) = old.ends_at {
            index.by_expiry.remove(&(end, hash));
        }
        if let Some(end) = entry.ends_at {
            index.by_expiry.insert((end, hash));
        }
        by_token.insert(hash, entry);
        Ok(true)
    }

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        let mut index = self.index();
        let Some(account) = index.users.get(user) else { return Ok(0) };
        let ended: Vec<_> =
            account.tokens.iter().filter(|((_, id), _)| Some(*id) != keep).map(|(_, hash)| *hash).collect();
        for hash in &ended {
            self.remove(&mut index, hash);
        }
        Ok(ended.len() as u64)
    }

    async fn list_by_user(&self, user: &UserId, page: PageRequest, now: Timestamp) -> Result<Page<TokenRecord>, Error> {
        let index = self.index();
        let by_token = self.by_token.pin();
        let hashes = index.users.get(user).into_iter().flat_map(|account| account.tokens.values().rev());
        let live = hashes.filter_map(|hash| by_token.get(hash)).filter(|entry| !entry.record.is_expired(now));
        let records = live.skip(page.offset() as usize).take(page.limit() as usize + 1);
        Ok(Page::from_limit_plus_one(records.map(|entry| entry.record.clone()).collect(), page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let (mut index, ended) = (self.index(), prunable_end(now));
        let expired = index.by_expiry.iter().take_while(|(end, _)| *end <= ended);
        let expired: Vec<_> = expired.map(|(_, hash)| *hash).take(limit as usize).collect();
        for hash in &expired {
            self.remove(&mut index, hash);
        }
        Ok(expired.len() as u64)
    }
}

#[async_trait]
impl UserRepository for MemoryRepository {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        let mut index = self.index();
        if let Some(level) = index.level(title) {
            return Ok(level);
        }
        let id = i64::try_from(index.levels.len()).unwrap_or(i64::MAX).saturating_add(1);
        let level = UserLevel::new(id, title);
        index.levels.push(level.clone());
        Ok(level)
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        Ok(self.index().levels.clone())
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        let mut index = self.index();
        let level = index.level(level).ok_or(ErrorKind::LevelNotFound)?;
        let id = id.unwrap_or_else(|| UserId::from(index.last_user.saturating_add(1)));
        if index.users.contains_key(&id) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        index.last_user = index.last_user.max(id.as_integer().unwrap_or(0));
        index.users.insert(id.clone(), Account { level, disabled: false, tokens: BTreeMap::new() });
        Ok(id)
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        Ok(self.index().users.get(id).map(|account| account.to_user(id)))
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let index = self.index();
        let users = index.users.iter().skip(page.offset() as usize).take(page.limit() as usize + 1);
        Ok(Page::from_limit_plus_one(users.map(|(id, account)| account.to_user(id)).collect(), page))
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error> {
        let mut index = self.index();
        let level = index.level(level).ok_or(ErrorKind::LevelNotFound)?;
        index.users.get_mut(id).ok_or(ErrorKind::UserNotFound)?.level = level.clone();
        self.update_all(&index, id, |entry| entry.level = level.clone());
        Ok(level)
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        let mut index = self.index();
        index.users.get_mut(id).ok_or(ErrorKind::UserNotFound)?.disabled = disabled;
        self.update_all(&index, id, |entry| entry.enabled = !disabled);
        Ok(())
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        let mut index = self.index();
        let Some(account) = index.users.remove(id) else { return Ok(false) };
        for hash in account.tokens.values() {
            self.remove(&mut index, hash);
        }
        Ok(true)
    }
}

impl Entry {
    fn new(user: UserId, level: UserLevel, enabled: bool, record: TokenRecord) -> Self {
        let ends_at = record.expires_at().at();
        let valid_from = record.valid_from();
        Self { user, level, enabled, record, ends_at, valid_from }
    }

    fn with_record(self, record: TokenRecord) -> Self {
        Self::new(self.user, self.level, self.enabled, record)
    }

    #[inline]
    fn is_valid(&self, now: Timestamp) -> bool {
        self.enabled && self.ends_at.is_none_or(|end| now < end) && now >= self.valid_from
    }
}

impl Index {
    fn level(&self, title: &str) -> Option<UserLevel> {
        self.levels.iter().find(|level| level.title() == title).cloned()
    }
}

impl Account {
    fn to_user(&self, id: &UserId) -> User {
        User { id: id.clone(), level: self.level.clone(), disabled: self.disabled }
    }
}

/// A hash is as good as random already: its first 8 bytes are its hash.
#[derive(Debug, Default)]
struct PassThroughHasher(u64);

impl Hasher for PassThroughHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
