//! The ten clauses as SQL.

use async_trait::async_trait;
use sqlx::query;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::sql;
use crate::repository::sqlite::SqliteRepository;
use crate::repository::sqlite::error::failure;
use crate::repository::sqlite::rows::{self, IdParameter};
use crate::repository::{NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, prunable_end};
use crate::token::{TokenId, TokenKey, TokenRecord};
use crate::user::{CurrentUser, UserId};

const INSERT: &str = "INSERT INTO tower_tokens_tokens
    (digest, id, user_id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, ends_at, name, code)
    SELECT ?1, ?2, id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM tower_tokens_users WHERE id = ?3";

const FIND: &str = "SELECT t.id, t.created_at, t.authenticated_at, t.last_used_at, t.absolute_end, t.idle_limit,
    t.name, t.code, t.user_id, l.id, l.title
    FROM tower_tokens_tokens AS t
    JOIN tower_tokens_users AS u ON u.id = t.user_id
    JOIN tower_tokens_levels AS l ON l.id = u.level_id
    WHERE t.digest = ?1 AND (t.ends_at IS NULL OR t.ends_at > ?2) AND u.disabled = 0";

const DELETE: &str = "DELETE FROM tower_tokens_tokens WHERE digest = ?1";

const DELETE_BY_ID: &str = "DELETE FROM tower_tokens_tokens WHERE id = ?1 AND user_id = ?2";

const REPLACE: &str = "UPDATE tower_tokens_tokens
    SET digest = ?2, created_at = ?3, authenticated_at = ?7, last_used_at = NULL, absolute_end = ?4, idle_limit = ?5,
        ends_at = ?6
    WHERE digest = ?1 AND (ends_at IS NULL OR ends_at > ?3)
    AND EXISTS (SELECT 1 FROM tower_tokens_users AS u WHERE u.id = user_id AND u.disabled = 0)
    RETURNING id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, name, code, user_id";

/// `?4` is how many seconds are left until time ends: SQLite has no saturating addition.
const TOUCH: &str = "UPDATE tower_tokens_tokens
    SET last_used_at = ?3, ends_at = CASE
        WHEN idle_limit IS NULL THEN ends_at
        WHEN absolute_end IS NULL THEN ?3 + min(idle_limit, ?4)
        ELSE min(absolute_end, ?3 + min(idle_limit, ?4))
    END
    WHERE id = ?1 AND user_id = ?2 AND (ends_at IS NULL OR ends_at > ?3) AND COALESCE(last_used_at, created_at - 1) < ?3
    AND EXISTS (SELECT 1 FROM tower_tokens_users AS u WHERE u.id = user_id AND u.disabled = 0)";

const DELETE_BY_USER: &str = "DELETE FROM tower_tokens_tokens WHERE user_id = ?1 AND (?2 IS NULL OR id <> ?2)";

const LIST_BY_USER: &str = "SELECT id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, name, code
    FROM tower_tokens_tokens WHERE user_id = ?1 AND (ends_at IS NULL OR ends_at > ?2)
    ORDER BY created_at DESC, id DESC LIMIT ?3 OFFSET ?4";

const DELETE_EXPIRED: &str = "DELETE FROM tower_tokens_tokens WHERE digest IN
    (SELECT digest FROM tower_tokens_tokens WHERE ends_at <= ?1 ORDER BY ends_at LIMIT ?2)";

#[async_trait]
impl TokenRepository for SqliteRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let NewToken { key, user, record } = token;
        record.check_bounds()?;
        let insert = query(INSERT)
            .bind(&key.digest().as_bytes()[..])
            .bind(record.id().get())
            .bind(IdParameter(user))
            .bind(record.created_at().unix_seconds())
            .bind(record.authenticated_at().unix_seconds())
            .bind(record.last_used_at().map(Timestamp::unix_seconds))
            .bind(sql::seconds(record.absolute_expiry()))
            .bind(sql::idle_seconds(&record))
            .bind(sql::seconds(record.expires_at()))
            .bind(record.name())
            .bind(record.code());
        match self.change(insert).await? {
            0 => Err(ErrorKind::UserNotFound.into()),
            _ => Ok(record),
        }
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<CurrentUser>, Error> {
        let find = query(FIND).bind(&token.digest().as_bytes()[..]).bind(now.unix_seconds());
        let Some(row) = self.row(find).await? else { return Ok(None) };
        let user = || Ok(CurrentUser::new(rows::user_id(&row, 8)?, sql::level(&row, 9)?, sql::record(&row)?, now));
        let user = user().map_err(failure)?;
        Ok(user.token().is_valid_at(now).then_some(user))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<bool, Error> {
        let deleted = self.change(query(DELETE).bind(&token.digest().as_bytes()[..])).await?;
        Ok(deleted > 0)
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let deleted = self.change(query(DELETE_BY_ID).bind(id.get()).bind(IdParameter(user))).await?;
        Ok(deleted > 0)
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, authenticated_at, now } = replacement;
        let (old_digest, new_digest) = (old.digest(), new.digest());
        // The limits of a token never change under its digest, so they are read first; whether it is still there is the
        // update's to say.
        let Some(found) = self.find(old, now).await? else { return Ok(None) };
        if old_digest == new_digest {
            // To SQLite a row is not in its own way.
            return Err(ErrorKind::AlreadyExists.into());
        }
        let fresh = found.token().clone().regenerated(now, limits, authenticated_at);
        let replace = query(REPLACE)
            .bind(&old_digest.as_bytes()[..])
            .bind(&new_digest.as_bytes()[..])
            .bind(now.unix_seconds())
            .bind(sql::seconds(fresh.absolute_expiry()))
            .bind(sql::idle_seconds(&fresh))
            .bind(sql::seconds(fresh.expires_at()))
            .bind(fresh.authenticated_at().unix_seconds());
        let Some(row) = self.change_returning(replace).await? else { return Ok(None) };
        let regenerated = || Ok(Regenerated { user: rows::user_id(&row, 8)?, record: sql::record(&row)? });
        regenerated().map(Some).map_err(failure)
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let room = Timestamp::from_unix_seconds(i64::MAX) - now;
        let touch =
            query(TOUCH).bind(id.get()).bind(IdParameter(user)).bind(now.unix_seconds()).bind(room.whole_seconds());
        Ok(self.change(touch).await? > 0)
    }

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        self.change(query(DELETE_BY_USER).bind(IdParameter(user)).bind(keep.map(TokenId::get))).await
    }

    async fn list_by_user(&self, user: &UserId, page: PageRequest, now: Timestamp) -> Result<Page<TokenRecord>, Error> {
        let list = query(LIST_BY_USER)
            .bind(IdParameter(user))
            .bind(now.unix_seconds())
            .bind(i64::from(page.limit()) + 1)
            .bind(i64::from(page.offset()));
        let found = self.rows(list).await?;
        let records = found.iter().map(sql::record).collect::<Result<_, _>>().map_err(failure)?;
        Ok(Page::from_limit_plus_one(records, page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.change(query(DELETE_EXPIRED).bind(prunable_end(now).unix_seconds()).bind(i64::from(limit))).await
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;
    use sqlx::{AssertSqlSafe, Connection, Row};

    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        let directory = tempfile::tempdir().unwrap();
        let repository = SqliteRepository::open(directory.path().join("plans.db")).await.unwrap();
        let statements = [
            ("insert", INSERT),
            ("find", FIND),
            ("delete", DELETE),
            ("delete_by_id", DELETE_BY_ID),
            ("replace", REPLACE),
            ("touch", TOUCH),
            ("delete_by_user", DELETE_BY_USER),
            ("list_by_user", LIST_BY_USER),
            ("delete_expired", DELETE_EXPIRED),
        ];
        for (name, statement) in statements {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let plan = query(explain).fetch_all(repository.pool()).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{name}: {plan:?}");
            if name == "find" {
                assert!(plan.len() == 3 && plan[0].contains("SEARCH t USING PRIMARY KEY (digest=?)"), "{plan:?}");
            }
            for step in &plan {
                assert!(!step.starts_with("SCAN") && !step.contains("TEMP B-TREE"), "{name}: {plan:?}");
            }
        }
    }
    #[tokio::test]
    async fn a_statement_is_prepared_once_a_connection() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        let repository = SqliteRepository::with_pool(pool).await.unwrap();
        let prepared = async || repository.pool().acquire().await.unwrap().cached_statements_size();
        let now = Timestamp::from_unix_seconds(1_000);
        repository.find(TokenKey::new("first"), now).await.unwrap();
        let after_one = prepared().await;
        for number in 0..50 {
            repository.find(TokenKey::new(&format!("token-{number}")), now).await.unwrap();
        }
        assert_eq!(prepared().await, after_one);
    }
}
