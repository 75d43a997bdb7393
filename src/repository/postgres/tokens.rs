//! The ten clauses as SQL.

use async_trait::async_trait;
use sqlx::query;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::postgres::PostgresRepository;
use crate::repository::postgres::error::failure;
use crate::repository::{
    NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, prunable_end, sql, user_id_column,
};
use crate::token::{TokenId, TokenKey, TokenRecord};
use crate::user::{CurrentUser, UserId};

const INSERT: &str = "INSERT INTO tower_tokens_tokens
    (digest, id, user_id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, ends_at, name, code)
    SELECT $1, $2, id, $4, $5, $6, $7, $8, $9, $10, $11 FROM tower_tokens_users WHERE id = $3";

const FIND: &str = "SELECT t.id, t.created_at, t.authenticated_at, t.last_used_at, t.absolute_end, t.idle_limit,
    t.name, t.code, t.user_id, l.id, l.title
    FROM tower_tokens_tokens AS t
    JOIN tower_tokens_users AS u ON u.id = t.user_id
    JOIN tower_tokens_levels AS l ON l.id = u.level_id
    WHERE t.digest = $1 AND (t.ends_at IS NULL OR t.ends_at > $2) AND NOT u.disabled";

const DELETE: &str = "DELETE FROM tower_tokens_tokens WHERE digest = $1";

const DELETE_BY_ID: &str = "DELETE FROM tower_tokens_tokens WHERE id = $1 AND user_id = $2";

/// A second one for the same token waits for the first, then looks at the row again, and finds another digest there.
const REPLACE: &str = "UPDATE tower_tokens_tokens
    SET digest = $2, created_at = $3, authenticated_at = $7, last_used_at = NULL, absolute_end = $4, idle_limit = $5,
        ends_at = $6
    WHERE digest = $1 AND (ends_at IS NULL OR ends_at > $3)
    AND EXISTS (SELECT 1 FROM tower_tokens_users AS u WHERE u.id = user_id AND NOT u.disabled)
    RETURNING id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, name, code, user_id";

/// `$4` is how many seconds are left until time ends: PostgreSQL has no saturating addition.
const TOUCH: &str = "UPDATE tower_tokens_tokens
    SET last_used_at = $3, ends_at = CASE
        WHEN idle_limit IS NULL THEN ends_at
        WHEN absolute_end IS NULL THEN $3 + least(idle_limit, $4)
        ELSE least(absolute_end, $3 + least(idle_limit, $4))
    END
    WHERE id = $1 AND user_id = $2 AND (ends_at IS NULL OR ends_at > $3) AND COALESCE(last_used_at, created_at - 1) < $3
    AND EXISTS (SELECT 1 FROM tower_tokens_users AS u WHERE u.id = user_id AND NOT u.disabled)";

const DELETE_BY_USER: &str = "DELETE FROM tower_tokens_tokens WHERE user_id = $1 AND ($2 IS NULL OR id <> $2)";

const LIST_BY_USER: &str = "SELECT id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, name, code
    FROM tower_tokens_tokens WHERE user_id = $1 AND (ends_at IS NULL OR ends_at > $2)
    ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4";

/// Rows that somebody else holds are passed over: many may prune at once, and none waits. The array makes sure that the
/// limit is applied once, whatever the planner makes of the rest.
const DELETE_EXPIRED: &str = "DELETE FROM tower_tokens_tokens WHERE digest = ANY (ARRAY(
        SELECT digest FROM tower_tokens_tokens WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))";

#[async_trait]
impl TokenRepository for PostgresRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let NewToken { key, user, record } = token;
        record.check_bounds()?;
        let user = user_id_column::of(user);
        let inserted = self.change(|| {
            query(INSERT)
                .bind(&key.digest().as_bytes()[..])
                .bind(record.id().get())
                .bind(&user)
                .bind(record.created_at().unix_seconds())
                .bind(record.authenticated_at().unix_seconds())
                .bind(record.last_used_at().map(Timestamp::unix_seconds))
                .bind(sql::seconds(record.absolute_expiry()))
                .bind(sql::idle_seconds(&record))
                .bind(sql::seconds(record.expires_at()))
                .bind(record.name())
                .bind(record.code())
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
        // The limits of a token never change under its digest, so they are read first; whether it is still there is the
        // update's to say.
        let Some(found) = self.find(old, now).await? else { return Ok(None) };
        if old_digest == new_digest {
            // To PostgreSQL a row is not in its own way.
            return Err(ErrorKind::AlreadyExists.into());
        }
        let fresh = found.token().clone().regenerated(now, limits, authenticated_at);
        let replaced = self.change_returning(|| {
            query(REPLACE)
                .bind(&old_digest.as_bytes()[..])
                .bind(&new_digest.as_bytes()[..])
                .bind(now.unix_seconds())
                .bind(sql::seconds(fresh.absolute_expiry()))
                .bind(sql::idle_seconds(&fresh))
                .bind(sql::seconds(fresh.expires_at()))
                .bind(fresh.authenticated_at().unix_seconds())
        });
        let Some(row) = replaced.await? else { return Ok(None) };
        let regenerated = || Ok(Regenerated { user: sql::user_id(&row, 8)?, record: sql::record(&row)? });
        regenerated().map(Some).map_err(failure)
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let user = user_id_column::of(user);
        let room = Timestamp::from_unix_seconds(i64::MAX) - now;
        let touched =
            self.change(|| query(TOUCH).bind(id.get()).bind(&user).bind(now.unix_seconds()).bind(room.whole_seconds()));
        Ok(touched.await? > 0)
    }

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        let user = user_id_column::of(user);
        self.change(|| query(DELETE_BY_USER).bind(&user).bind(keep.map(TokenId::get))).await
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
