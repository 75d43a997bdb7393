//! The ten clauses as SQL.

use async_trait::async_trait;
use sqlx::query;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::mysql::MySqlRepository;
use crate::repository::mysql::error::failure;
use crate::repository::{
    NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, prunable_end, sql, user_id_column,
};
use crate::token::{TokenId, TokenKey, TokenRecord};
use crate::user::{CurrentUser, UserId};

const INSERT: &str = "INSERT INTO tower_tokens_tokens
    (digest, id, user_id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, ends_at, name, code)
    SELECT ?, ?, id, ?, ?, ?, ?, ?, ?, ?, ? FROM tower_tokens_users WHERE id = ?";

const FIND: &str = "SELECT t.id, t.created_at, t.authenticated_at, t.last_used_at, t.absolute_end, t.idle_limit,
    t.name, t.code, t.user_id, l.id, CONVERT(l.title USING utf8mb4)
    FROM tower_tokens_tokens AS t
    JOIN tower_tokens_users AS u ON u.id = t.user_id
    JOIN tower_tokens_levels AS l ON l.id = u.level_id
    WHERE t.digest = ? AND (t.ends_at IS NULL OR t.ends_at > ?) AND u.disabled = 0";

const DELETE: &str = "DELETE FROM tower_tokens_tokens WHERE digest = ?";

const DELETE_BY_ID: &str = "DELETE FROM tower_tokens_tokens WHERE id = ? AND user_id = ?";

/// A second one for the same token waits for the first, then looks at the row again, and finds another digest there.
const REPLACE: &str = "UPDATE tower_tokens_tokens
    SET digest = ?, created_at = ?, authenticated_at = ?, last_used_at = NULL, absolute_end = ?, idle_limit = ?, ends_at = ?
    WHERE digest = ? AND (ends_at IS NULL OR ends_at > ?)
    AND EXISTS (SELECT 1 FROM tower_tokens_users AS u WHERE u.id = user_id AND u.disabled = 0)";

/// The second and the fourth parameter are how many seconds are left until time ends: MySQL has no saturating addition.
const TOUCH: &str = "UPDATE tower_tokens_tokens
    SET ends_at = CASE
        WHEN idle_limit IS NULL THEN ends_at
        WHEN absolute_end IS NULL THEN ? + LEAST(idle_limit, ?)
        ELSE LEAST(absolute_end, ? + LEAST(idle_limit, ?))
    END, last_used_at = ?
    WHERE id = ? AND user_id = ? AND (ends_at IS NULL OR ends_at > ?) AND COALESCE(last_used_at, created_at - 1) < ?
    AND EXISTS (SELECT 1 FROM tower_tokens_users AS u WHERE u.id = user_id AND u.disabled = 0)";

const DELETE_BY_USER: &str = "DELETE FROM tower_tokens_tokens WHERE user_id = ?";

const DELETE_BY_USER_BUT_ONE: &str = "DELETE FROM tower_tokens_tokens WHERE user_id = ? AND id <> ?";

const LIST_BY_USER: &str = "SELECT id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, name, code
    FROM tower_tokens_tokens WHERE user_id = ? AND (ends_at IS NULL OR ends_at > ?)
    ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?";

/// Locks the rows that it deletes, and no others: those who prune at once wait for each other's batch, and nobody else.
const DELETE_EXPIRED: &str = "DELETE FROM tower_tokens_tokens WHERE ends_at <= ? ORDER BY ends_at LIMIT ?";

#[async_trait]
impl TokenRepository for MySqlRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let NewToken { key, user, record } = token;
        record.check_bounds()?;
        let user = user_id_column::of(user);
        let inserted = self.change(|| {
            query(INSERT)
                .bind(&key.digest().as_bytes()[..])
                .bind(record.id().get())
                .bind(record.created_at().unix_seconds())
                .bind(record.authenticated_at().unix_seconds())
                .bind(record.last_used_at().map(Timestamp::unix_seconds))
                .bind(sql::seconds(record.absolute_expiry()))
                .bind(sql::idle_seconds(&record))
                .bind(sql::seconds(record.expires_at()))
                .bind(record.name())
                .bind(record.code())
                .bind(&user)
        });
        if inserted.await? == 0 { Err(ErrorKind::UserNotFound.into()) } else { Ok(record) }
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<CurrentUser>, Error> {
        let find = query(FIND).bind(&token.digest().as_bytes()[..]).bind(now.unix_seconds());
        let Some(row) = self.one(find).await? else { return Ok(None) };
        let user = || Ok(CurrentUser::new(sql::user_id(&row, 8)?, sql::level(&row, 9)?, sql::record(&row)?, now));
        let user = user().map_err(failure)?;
        Ok(user.token().is_valid_at(now).then_some(user))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<bool, Error> {
        let deleted = self.change(|| query(DELETE).bind(&token.digest().as_bytes()[..]));
        Ok(deleted.await? > 0)
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let user = user_id_column::of(user);
        let deleted = self.change(|| query(DELETE_BY_ID).bind(id.get()).bind(&user));
        Ok(deleted.await? > 0)
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, authenticated_at, now } = replacement;
        let (old_digest, new_digest) = (old.digest(), new.digest());
        // MySQL's UPDATE returns no row. Nothing of this one that survives a replacement can change under its digest, so
        // it is read first; whether it is still there is the update's to say, and only one of many updates can find it.
        let Some(found) = self.find(old, now).await? else { return Ok(None) };
        if old_digest == new_digest {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let record = found.token().clone().regenerated(now, limits, authenticated_at);
        let replaced = self.change(|| {
            query(REPLACE)
                .bind(&new_digest.as_bytes()[..])
                .bind(now.unix_seconds())
                .bind(record.authenticated_at().unix_seconds())
                .bind(sql::seconds(record.absolute_expiry()))
                .bind(sql::idle_seconds(&record))
                .bind(sql::seconds(record.expires_at()))
                .bind(&old_digest.as_bytes()[..])
                .bind(now.unix_seconds())
        });
        let replaced = replaced.await? > 0;
        Ok(replaced.then(|| Regenerated { user: found.id().clone(), record }))
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let user = user_id_column::of(user);
        let room = Timestamp::from_unix_seconds(i64::MAX) - now;
        let (now, room) = (now.unix_seconds(), room.whole_seconds());
        let touched = self.change(|| {
            let ends = query(TOUCH).bind(now).bind(room).bind(now).bind(room);
            ends.bind(now).bind(id.get()).bind(&user).bind(now).bind(now)
        });
        Ok(touched.await? > 0)
    }

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        let user = user_id_column::of(user);
        match keep {
            None => self.change(|| query(DELETE_BY_USER).bind(&user)).await,
            Some(keep) => self.change(|| query(DELETE_BY_USER_BUT_ONE).bind(&user).bind(keep.get())).await,
        }
    }

    async fn list_by_user(&self, user: &UserId, page: PageRequest, now: Timestamp) -> Result<Page<TokenRecord>, Error> {
        let user = user_id_column::of(user);
        let list = query(LIST_BY_USER)
            .bind(&user)
            .bind(now.unix_seconds())
            .bind(i64::from(page.limit()) + 1)
            .bind(i64::from(page.offset()));
        let found = self.all(list).await?;
        let records = found.iter().map(sql::record).collect::<Result<_, _>>().map_err(failure)?;
        Ok(Page::from_limit_plus_one(records, page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.change(|| query(DELETE_EXPIRED).bind(prunable_end(now).unix_seconds()).bind(i64::from(limit))).await
    }
}
