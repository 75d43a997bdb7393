//! Tokens in this process's memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::tag::{TagKey, TokenTag};
use crate::repository::{
    NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, User, UserRepository, prunable_end,
};
use crate::token::{TokenId, TokenKey, TokenRecord};
use crate::user::{CurrentUser, UserId, UserLevel};

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
    tag_key: Option<TagKey>,
    /// What readers see. Changed only while `ledger` is locked.
    published: papaya::HashMap<TokenTag, Entry, BuildHasherDefault<TagHasher>>,
    ledger: Mutex<Ledger>,
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
struct Ledger {
    levels: Vec<UserLevel>,
    users: BTreeMap<UserId, Account>,
    last_user: i64,
    by_id: HashMap<TokenId, TokenTag>,
    by_expiry: BTreeSet<(Timestamp, TokenTag)>,
}

struct Account {
    level: UserLevel,
    disabled: bool,
    /// Oldest first.
    tokens: BTreeMap<(time::OffsetDateTime, TokenId), TokenTag>,
}

impl MemoryRepository {
    /// An empty store. If the operating system gives no random bytes for its key, every call is answered with
    /// [`Unavailable`](ErrorKind::Unavailable).
    #[must_use]
    pub fn new() -> Self {
        Self { tag_key: TagKey::generate().ok(), published: papaya::HashMap::default(), ledger: Mutex::default() }
    }

    /// `None`: the operating system gave no random bytes for a key.
    fn tag(&self, token: TokenKey<'_>) -> Option<TokenTag> {
        self.tag_key.as_ref().map(|key| key.tag(token))
    }

    fn try_tag(&self, token: TokenKey<'_>) -> Result<TokenTag, Error> {
        self.tag(token).ok_or(ErrorKind::Unavailable.into())
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // No writer can leave the ledger half-changed: nothing between its steps panics.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find_valid(&self, tag: &TokenTag, now: Timestamp) -> Option<CurrentUser> {
        let published = self.published.pin();
        let entry = published.get(tag).filter(|entry| entry.is_valid(now))?;
        Some(CurrentUser::copy_of(&entry.user, &entry.level, &entry.record, now))
    }

    fn publish(&self, ledger: &mut Ledger, tag: TokenTag, entry: Entry) {
        let record = &entry.record;
        ledger.by_id.insert(record.id(), tag);
        if let Some(end) = entry.ends_at {
            ledger.by_expiry.insert((end, tag));
        }
        if let Some(account) = ledger.users.get_mut(&entry.user) {
            account.tokens.insert((record.created_at(), record.id()), tag);
        }
        self.published.pin().insert(tag, entry);
    }

    fn withdraw(&self, ledger: &mut Ledger, tag: &TokenTag) -> Option<Entry> {
        let entry = self.published.pin().remove(tag)?.clone();
        let record = &entry.record;
        ledger.by_id.remove(&record.id());
        if let Some(end) = entry.ends_at {
            ledger.by_expiry.remove(&(end, *tag));
        }
        if let Some(account) = ledger.users.get_mut(&entry.user) {
            account.tokens.remove(&(record.created_at(), record.id()));
        }
        Some(entry)
    }

    /// Changes every published token of a user.
    fn republish(&self, ledger: &Ledger, user: &UserId, change: impl Fn(&mut Entry)) {
        let published = self.published.pin();
        for tag in ledger.users.get(user).into_iter().flat_map(|account| account.tokens.values()) {
            if let Some(entry) = published.get(tag) {
                let mut entry = entry.clone();
                change(&mut entry);
                published.insert(*tag, entry);
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
        summary.field("tokens", &self.published.len());
        // Who prints a store must not wait for who changes it, who may be the same.
        if let Ok(ledger) = self.ledger.try_lock() {
            summary.field("users", &ledger.users.len()).field("levels", &ledger.levels.len());
        }
        summary.finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenRepository for MemoryRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        token.record.check_bounds()?;
        let mut ledger = self.ledger();
        let account = ledger.users.get(token.user).ok_or(ErrorKind::UserNotFound)?;
        let (level, enabled) = (account.level.clone(), !account.disabled);
        let tag = self.try_tag(token.key)?;
        if self.published.pin().contains_key(&tag) || ledger.by_id.contains_key(&token.record.id()) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let entry = Entry::new(token.user.clone(), level, enabled, token.record.clone());
        self.publish(&mut ledger, tag, entry);
        Ok(token.record)
    }

    fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Option<CurrentUser>> {
        self.tag(token).map(|tag| self.find_valid(&tag, now))
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<CurrentUser>, Error> {
        Ok(self.find_valid(&self.try_tag(token)?, now))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<bool, Error> {
        let tag = self.try_tag(token)?;
        Ok(self.withdraw(&mut self.ledger(), &tag).is_some())
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let mut ledger = self.ledger();
        let Some(tag) = ledger.by_id.get(&id).copied() else { return Ok(false) };
        let is_theirs = self.published.pin().get(&tag).is_some_and(|entry| entry.user == *user);
        Ok(is_theirs && self.withdraw(&mut ledger, &tag).is_some())
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, now } = replacement;
        let (old, new) = (self.try_tag(old)?, self.try_tag(new)?);
        let mut ledger = self.ledger();
        if self.find_valid(&old, now).is_none() {
            return Ok(None);
        }
        if self.published.pin().contains_key(&new) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let Some(old) = self.withdraw(&mut ledger, &old) else { return Ok(None) };
        let record = old.record.clone().regenerated(now, limits);
        let entry = old.with_record(record);
        let regenerated = Regenerated { user: entry.user.clone(), record: entry.record.clone() };
        self.publish(&mut ledger, new, entry);
        Ok(Some(regenerated))
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let mut ledger = self.ledger();
        let Some(tag) = ledger.by_id.get(&id).copied() else { return Ok(false) };
        let is_due = self.find_valid(&tag, now).is_some_and(|found| {
            let record = found.token();
            let last = record.last_used_at().map(Timestamp::from);
            found.id() == user && last.map_or(Timestamp::from(record.created_at()) <= now, |last| last < now)
        });
        if !is_due {
            return Ok(false);
        }
        // Not withdrawn and published again: a reader must see the token without a gap.
        let published = self.published.pin();
        let Some(old) = published.get(&tag) else { return Ok(false) };
        let entry = old.clone().with_record(old.record.clone().with_last_used_at(Some(now)));
        if let Some(end) = old.ends_at {
            ledger.by_expiry.remove(&(end, tag));
        }
        if let Some(end) = entry.ends_at {
            ledger.by_expiry.insert((end, tag));
        }
        published.insert(tag, entry);
        Ok(true)
    }

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        let mut ledger = self.ledger();
        let Some(account) = ledger.users.get(user) else { return Ok(0) };
        let ended: Vec<_> =
            account.tokens.iter().filter(|((_, id), _)| Some(*id) != keep).map(|(_, tag)| *tag).collect();
        for tag in &ended {
            self.withdraw(&mut ledger, tag);
        }
        Ok(ended.len() as u64)
    }

    async fn list_by_user(&self, user: &UserId, page: PageRequest, now: Timestamp) -> Result<Page<TokenRecord>, Error> {
        let ledger = self.ledger();
        let published = self.published.pin();
        let tags = ledger.users.get(user).into_iter().flat_map(|account| account.tokens.values().rev());
        let live = tags.filter_map(|tag| published.get(tag)).filter(|entry| !entry.record.is_expired(now));
        let records = live.skip(page.offset() as usize).take(page.limit() as usize + 1);
        Ok(Page::from_one_more(records.map(|entry| entry.record.clone()).collect(), page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let (mut ledger, ended) = (self.ledger(), prunable_end(now));
        let expired = ledger.by_expiry.iter().take_while(|(end, _)| *end <= ended);
        let expired: Vec<_> = expired.map(|(_, tag)| *tag).take(limit as usize).collect();
        for tag in &expired {
            self.withdraw(&mut ledger, tag);
        }
        Ok(expired.len() as u64)
    }
}

#[async_trait]
impl UserRepository for MemoryRepository {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        let mut ledger = self.ledger();
        if let Some(level) = ledger.level(title) {
            return Ok(level);
        }
        let id = i64::try_from(ledger.levels.len()).unwrap_or(i64::MAX).saturating_add(1);
        let level = UserLevel::new(id, title);
        ledger.levels.push(level.clone());
        Ok(level)
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        Ok(self.ledger().levels.clone())
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        let mut ledger = self.ledger();
        let level = ledger.level(level).ok_or(ErrorKind::LevelNotFound)?;
        let id = id.unwrap_or_else(|| UserId::from(ledger.last_user.saturating_add(1)));
        if ledger.users.contains_key(&id) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        ledger.last_user = ledger.last_user.max(id.as_integer().unwrap_or(0));
        ledger.users.insert(id.clone(), Account { level, disabled: false, tokens: BTreeMap::new() });
        Ok(id)
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        Ok(self.ledger().users.get(id).map(|account| account.to_user(id)))
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let ledger = self.ledger();
        let users = ledger.users.iter().skip(page.offset() as usize).take(page.limit() as usize + 1);
        Ok(Page::from_one_more(users.map(|(id, account)| account.to_user(id)).collect(), page))
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<(), Error> {
        let mut ledger = self.ledger();
        let level = ledger.level(level).ok_or(ErrorKind::LevelNotFound)?;
        ledger.users.get_mut(id).ok_or(ErrorKind::UserNotFound)?.level = level.clone();
        self.republish(&ledger, id, |entry| entry.level = level.clone());
        Ok(())
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        let mut ledger = self.ledger();
        ledger.users.get_mut(id).ok_or(ErrorKind::UserNotFound)?.disabled = disabled;
        self.republish(&ledger, id, |entry| entry.enabled = !disabled);
        Ok(())
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        let mut ledger = self.ledger();
        let Some(account) = ledger.users.remove(id) else { return Ok(false) };
        for tag in account.tokens.values() {
            self.withdraw(&mut ledger, tag);
        }
        Ok(true)
    }
}

impl Entry {
    fn new(user: UserId, level: UserLevel, enabled: bool, record: TokenRecord) -> Self {
        let ends_at = record.expires_at().timestamp();
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

impl Ledger {
    fn level(&self, title: &str) -> Option<UserLevel> {
        self.levels.iter().find(|level| level.title() == title).cloned()
    }
}

impl Account {
    fn to_user(&self, id: &UserId) -> User {
        User { id: id.clone(), level: self.level.clone(), disabled: self.disabled }
    }
}

/// A tag is as good as random already: its first 8 bytes are its hash.
#[derive(Debug, Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
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
