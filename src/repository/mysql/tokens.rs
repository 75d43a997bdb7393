//! The ten clauses as SQL.

use async_trait::async_trait;
use sqlx::query;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::mysql::MySqlRepository;
use crate::repository::mysql::failure::failure;
use crate::repository::{NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, sql, user_key};
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
    SET digest = ?, created_at = ?, last_used_at = NULL, absolute_end = ?, idle_limit = ?, ends_at = ?
    WHERE digest = ? AND (ends_at IS NULL OR ends_at > ?)
    AND EXISTS (SELECT 1 FROM tower_tokens_users AS u WHERE u.id = user_id AND u.disabled = 0)";

/// The second and the fourth parameter are how many seconds are left until time ends: MySQL has no saturating addition.
const TOUCH: &str = "UPDATE tower_tokens_tokens
    SET ends_at = CASE
        WHEN idle_limit IS NULL THEN ends_at
        WHEN absolute_end IS NULL THEN ? + LEAST(idle_limit, ?)
        ELSE LEAST(absolute_end, ? + LEAST(idle_limit, ?))
    END, last_used_at = ?
    WHERE id = ? AND user_id = ? AND (ends_at IS NULL OR ends_at > ?) AND (last_used_at IS NULL OR last_used_at < ?)
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
        let user = user_key::of(user);
        let inserted = self.change(|| {
            query(INSERT)
                .bind(&key.digest().as_bytes()[..])
                .bind(record.id().get())
                .bind(Timestamp::from(record.created_at()).unix_seconds())
                .bind(Timestamp::from(record.authenticated_at()).unix_seconds())
                .bind(record.last_used_at().map(|at| Timestamp::from(at).unix_seconds()))
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
        user().map(Some).map_err(failure)
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<bool, Error> {
        let deleted = self.change(|| query(DELETE).bind(&token.digest().as_bytes()[..]));
        Ok(deleted.await? > 0)
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let user = user_key::of(user);
        let deleted = self.change(|| query(DELETE_BY_ID).bind(id.get()).bind(&user));
        Ok(deleted.await? > 0)
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, lifetime, now } = replacement;
        let (old_digest, new_digest) = (old.digest(), new.digest());
        // MySQL's UPDATE returns no row. Nothing of this one that survives a replacement can change under its digest, so
        // it is read first; whether it is still there is the update's to say, and only one of many updates can find it.
        let Some(found) = self.find(old, now).await? else { return Ok(None) };
        if old_digest == new_digest {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let record = found.token().clone().regenerated(now, lifetime);
        let replaced = self.change(|| {
            query(REPLACE)
                .bind(&new_digest.as_bytes()[..])
                .bind(now.unix_seconds())
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
        let user = user_key::of(user);
        let room = Timestamp::from_unix_seconds(i64::MAX) - now;
        let (now, room) = (now.unix_seconds(), room.whole_seconds());
        let touched = self.change(|| {
            let ends = query(TOUCH).bind(now).bind(room).bind(now).bind(room);
            ends.bind(now).bind(id.get()).bind(&user).bind(now).bind(now)
        });
        Ok(touched.await? > 0)
    }

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        let user = user_key::of(user);
        match keep {
            None => self.change(|| query(DELETE_BY_USER).bind(&user)).await,
            Some(keep) => self.change(|| query(DELETE_BY_USER_BUT_ONE).bind(&user).bind(keep.get())).await,
        }
    }

    async fn list_by_user(&self, user: &UserId, page: PageRequest, now: Timestamp) -> Result<Page<TokenRecord>, Error> {
        let user = user_key::of(user);
        let list = query(LIST_BY_USER)
            .bind(&user)
            .bind(now.unix_seconds())
            .bind(i64::from(page.limit()) + 1)
            .bind(i64::from(page.offset()));
        let found = self.all(list).await?;
        let records = found.iter().map(sql::record).collect::<Result<_, _>>().map_err(failure)?;
        Ok(Page::from_one_more(records, page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.change(|| query(DELETE_EXPIRED).bind(now.unix_seconds()).bind(i64::from(limit))).await
    }
}

#[cfg(test)]
mod tests {
    use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
    use sqlx::{AssertSqlSafe, Connection, MySqlConnection, Row};

    use super::*;
    use crate::repository::mysql::store::Query;

    /// 4,000 tokens of 4,000 users, in a database of its own.
    async fn filled(database: &str) -> MySqlRepository {
        let url = std::env::var("TOWER_TOKENS_MYSQL_URL").expect("TOWER_TOKENS_MYSQL_URL is not set");
        let database = format!("{database}_{}", std::process::id());
        let mut connection = MySqlConnection::connect(&url).await.unwrap();
        let create = format!("DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database}");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        let options = url.parse::<MySqlConnectOptions>().unwrap().database(&database);
        let pool = MySqlPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let repository = MySqlRepository::with_pool(pool);
        repository.migrate().await.unwrap();
        let fill = "CREATE TABLE digits (d BIGINT);
            INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
            CREATE VIEW numbers AS SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n
                FROM digits AS a, digits AS b, digits AS c, digits AS d WHERE d.d < 4;
            INSERT INTO tower_tokens_levels (title) VALUES ('member');
            INSERT INTO tower_tokens_users (id, level_id) SELECT CONCAT(X'02', n), 1 FROM numbers;
            INSERT INTO tower_tokens_tokens (digest, id, user_id, created_at, authenticated_at, ends_at)
                SELECT UNHEX(SHA2(n, 256)), n, CONCAT(X'02', n), n, n, n + 1000 FROM numbers;
            ANALYZE TABLE tower_tokens_users, tower_tokens_tokens";
        sqlx::raw_sql(fill).execute(repository.pool()).await.unwrap();
        repository
    }

    fn bound<'q>(query: Query<'q>, parameters: &str) -> Query<'q> {
        parameters.chars().fold(query, |query, parameter| match parameter {
            'd' => query.bind(TokenKey::new("7").digest().as_bytes().to_vec()),
            'u' => query.bind(b"\x027".to_vec()),
            't' => query.bind("a text"),
            _ => query.bind(7_i64),
        })
    }

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        let repository = filled("plans").await;
        // Parameters: digest, user, text, number.
        let statements = [
            ("insert", INSERT, "dnnnnnnnttu"),
            ("find", FIND, "dn"),
            ("delete", DELETE, "d"),
            ("delete_by_id", DELETE_BY_ID, "nu"),
            ("replace", REPLACE, "dnnnndn"),
            ("touch", TOUCH, "nnnnnnunn"),
            ("delete_by_user", DELETE_BY_USER, "u"),
            ("delete_by_user, but one", DELETE_BY_USER_BUT_ONE, "un"),
            ("list_by_user", LIST_BY_USER, "unnn"),
            ("delete_expired", DELETE_EXPIRED, "nn"),
        ];
        for (name, statement, parameters) in statements {
            let explain = query(AssertSqlSafe(format!("EXPLAIN FORMAT = TRADITIONAL {statement}")));
            let plan = bound(explain, parameters).fetch_all(repository.pool()).await.unwrap();
            // MySQL 9 counts the table that an INSERT adds to as a step, which looks for nothing.
            let steps = plan.iter().filter(|row| row.get::<String, _>("select_type") != "INSERT");
            let steps: Vec<(Option<String>, Option<String>)> =
                steps.map(|row| (row.get("type"), row.get("key"))).collect();
            assert!(steps.iter().any(|(_, key)| key.is_some()), "{name}: {steps:?}");
            for (access, _) in &steps {
                assert!(!matches!(access.as_deref(), Some("ALL" | "index")), "{name}: {steps:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_statement_is_prepared_once_a_connection() {
        let repository = filled("prepared").await;
        let now = Timestamp::from_unix_seconds(0);
        let prepared = async || repository.pool().acquire().await.unwrap().cached_statements_size();
        repository.find(TokenKey::new("first"), now).await.unwrap();
        let after_one = prepared().await;
        for number in 0..20 {
            repository.find(TokenKey::new(&number.to_string()), now).await.unwrap();
        }
        assert_eq!(prepared().await, after_one);
    }
}
