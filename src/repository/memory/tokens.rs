//! The clauses of the contract, in memory.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::memory::store::MemoryRepository;
use crate::repository::{
    Ended, Found, Lookup, NewToken, Page, PageRequest, Regenerated, Replacement, Rotation, Supersession,
    TokenRepository, prunable_end,
};
use crate::token::{Expiry, TokenId, TokenKey, TokenKinds, TokenRecord};
use crate::user::UserId;

#[async_trait]
impl TokenRepository for MemoryRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        token.record.check_bounds()?;
        let mut index = self.index();
        if !index.users.contains_key(token.user) {
            return Err(ErrorKind::UserNotFound.into());
        }
        let hash = self.try_hash(token.key)?;
        if !self.is_free(hash) || index.by_id.contains_key(&token.record.id()) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.add(&mut index, hash, token.user, &token.record)?;
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
        let mut index = self.index();
        if !self.by_token.pin().contains_key(&hash) {
            return Ok(None);
        }
        let ended = self.remove(&mut index, hash.short());
        Ok(ended.map(|(user, record)| Ended::new(user, &record)))
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let mut index = self.index();
        let Some(hash) = index.by_id.get(&id).copied() else { return Ok(false) };
        let is_theirs = self.by_token.pin().get(&hash).is_some_and(|entry| entry.user() == *user);
        if is_theirs {
            self.remove_all(&mut index, user, |record| record.id() == id || record.family() == Some(id));
        }
        Ok(is_theirs)
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, authenticated_at, now } = replacement;
        let (old, new) = (self.try_hash(old)?, self.try_hash(new)?);
        let mut index = self.index();
        if self.find_valid(&old, now).is_none() {
            return Ok(None);
        }
        if !self.is_free(new) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let Some((user, record)) = self.remove(&mut index, old.short()) else { return Ok(None) };
        let record = record.regenerated(now, limits, authenticated_at);
        self.add(&mut index, new, &user, &record)?;
        Ok(Some(Regenerated { user, record }))
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let mut index = self.index();
        let Some((hash, found)) = self.find_valid_by_id(&index, id, now) else { return Ok(false) };
        let record = found.record();
        let is_due = record.last_used_at().map_or(record.created_at() <= now, |last| last < now);
        if !is_due || found.user() != user {
            return Ok(false);
        }
        self.put(&mut index, hash, &record.clone().with_last_used_at(Some(now)));
        Ok(true)
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        let is_kept =
            |record: &TokenRecord| keep.is_some_and(|keep| record.id() == keep || record.family() == Some(keep));
        let is_ended = |record: &TokenRecord| kinds.contains(record.kind()) && !is_kept(record);
        Ok(self.remove_all(&mut self.index(), user, is_ended))
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        let index = self.index();
        let by_token = self.by_token.pin();
        let entries = index.tokens_of(user).rev().filter_map(|hash| by_token.get(&hash));
        let live = entries.filter(|entry| kinds.contains(entry.kind()) && !entry.expires_at().has_passed(now));
        let listed = live.skip(page.offset() as usize).take(page.limit() as usize + 1);
        Ok(Page::from_limit_plus_one(listed.map(|entry| entry.record()).collect(), page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let (mut index, ended) = (self.index(), prunable_end(now));
        let expired = index.by_expiry.iter().take_while(|(end, _)| *end <= ended);
        let expired: Vec<_> = expired.map(|(_, hash)| *hash).take(limit as usize).collect();
        for hash in &expired {
            self.remove(&mut index, *hash);
        }
        Ok(expired.len() as u64)
    }

    async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
        let Supersession { user, id, successor, until, now } = supersession;
        let mut index = self.index();
        let found = self.find_valid_by_id(&index, id, now);
        let is_head = |found: &Found| found.user() == user && found.record().family().is_none();
        let Some((hash, found)) = found.filter(|(_, found)| is_head(found)) else { return Ok(false) };
        self.remove_all(&mut index, user, |record| record.family() == Some(id));
        let end = found.record().absolute_expiry().min(Expiry::At(until));
        self.put(&mut index, hash, &found.record().clone().with_family(successor).with_absolute_expiry(end));
        Ok(true)
    }

    async fn rotation(&self, token: TokenKey<'_>) -> Result<Option<String>, Error> {
        let hash = self.try_hash(token)?;
        let index = self.index();
        let is_known = self.by_token.pin().contains_key(&hash);
        Ok(index.rotations.get(&hash.short()).filter(|_| is_known).cloned())
    }

    async fn rotate(&self, rotation: Rotation<'_>) -> Result<bool, Error> {
        let Rotation { token, expected, next, used, now } = rotation;
        let hash = self.try_hash(token)?;
        let mut index = self.index();
        if self.find_valid(&hash, now).is_none() || index.rotations.get(&hash.short()).map(String::as_str) != expected {
            return Ok(false);
        }
        index.rotations.insert(hash.short(), next.to_owned());
        self.put(&mut index, hash.short(), used);
        Ok(true)
    }
}
