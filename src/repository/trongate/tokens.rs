//! The ten clauses as SQL, as far as Trongate's tables can keep them.
//!
//! Each statement compares a token twice: once in the column's collation, which can use an index, and once byte
//! for byte, which is right.
//!
//! Rows are looked for first, without a lock, and then changed by their number if they are still the ones: a `DELETE` or
//! `UPDATE` that has to look for its rows itself locks the whole table meanwhile, and with it the site.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, MySqlConnection, Row, query, query_scalar};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::sql::{BoxFuture, MySqlBus, prune};
use crate::repository::trongate::TrongateRepository;
use crate::repository::trongate::changes::tables;
use crate::repository::trongate::error::failure;
use crate::repository::trongate::rows;
use crate::repository::trongate::store::Query;
use crate::repository::{
    ChangeBus, Ended, Found, Lookup, NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository,
    prunable_end,
};
use crate::token::{TokenId, TokenKey, TokenKind, TokenKinds, TokenRecord};
use crate::user::UserId;

const INSERT: &str = "INSERT INTO trongate_tokens (token, user_id, expiry_date, code)
    SELECT ?, id, CAST(? AS SIGNED), ? FROM trongate_users WHERE id = ?";

const FIND: &str = "SELECT CAST(t.id AS SIGNED), CAST(t.expiry_date AS SIGNED), t.code,
    CAST(u.id AS SIGNED), CAST(l.id AS SIGNED), l.level_title
    FROM trongate_tokens AS t
    JOIN trongate_users AS u ON u.id = t.user_id
    JOIN trongate_user_levels AS l ON l.id = u.user_level_id
    WHERE t.token = ? AND CAST(t.token AS BINARY) = CAST(? AS BINARY) AND t.expiry_date > ?
    LIMIT 2";

const TOKEN_EXISTS: &str = "SELECT EXISTS
    (SELECT 1 FROM trongate_tokens WHERE token = ? AND CAST(token AS BINARY) = CAST(? AS BINARY))";

const NUMBERS: &str = "SELECT CAST(id AS SIGNED) FROM trongate_tokens
    WHERE token = ? AND CAST(token AS BINARY) = CAST(? AS BINARY)";

/// A token that belongs to no user has 0, the column's default.
const OWNERS: &str = "SELECT CAST(id AS SIGNED), CAST(COALESCE(user_id, 0) AS SIGNED) FROM trongate_tokens
    WHERE token = ? AND CAST(token AS BINARY) = CAST(? AS BINARY)";

const DELETE: &str = "DELETE FROM trongate_tokens WHERE id = ? AND CAST(token AS BINARY) = CAST(? AS BINARY)";

const DELETE_BY_ID: &str = "DELETE FROM trongate_tokens WHERE id = ? AND user_id = ?";

const REPLACE: &str = "UPDATE trongate_tokens SET token = ?, expiry_date = ?
    WHERE id = ? AND CAST(token AS BINARY) = CAST(? AS BINARY) AND expiry_date > ?
    AND EXISTS (SELECT 1 FROM trongate_users AS u JOIN trongate_user_levels AS l ON l.id = u.user_level_id
        WHERE u.id = trongate_tokens.user_id)";

const NUMBERS_OF_USER: &str = "SELECT CAST(id AS SIGNED) FROM trongate_tokens WHERE user_id = ? AND id <> ?";

const LIST_BY_USER: &str = "SELECT CAST(id AS SIGNED), CAST(expiry_date AS SIGNED), code
    FROM trongate_tokens WHERE user_id = ? AND expiry_date > ? AND token IS NOT NULL
    ORDER BY id DESC LIMIT ? OFFSET ?";

const EXPIRED: &str = "SELECT CAST(id AS SIGNED) FROM trongate_tokens WHERE expiry_date <= ? ORDER BY id LIMIT ?";

const LOCK: &str = "SELECT CAST(GET_LOCK(?, 3) AS SIGNED)";

const UNLOCK: &str = "DO RELEASE_LOCK(?)";

/// How many rows one statement deletes at most. Our choice: few enough to lock nothing for long.
const BATCH: u32 = 1_000;

#[async_trait]
impl TokenRepository for TrongateRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let NewToken { key, user, record } = token;
        record.check_bounds()?;
        if !rows::fits(key) {
            return Err(rows::invalid("Trongate's table holds tokens of 1 to 125 bytes"));
        }
        rows::check_kind(&record)?;
        let expiry_date = rows::expiry_date(record.absolute_expiry(), record.idle_limit().is_some())?;
        let code = rows::code(&record)?;
        let user = user.as_integer().ok_or(ErrorKind::UserNotFound)?;
        let text = key.expose_secret();
        let token = OneToken {
            lock: lock_name(&key),
            text: Zeroizing::new(text.to_owned()),
            user,
            expiry_date,
            code: code.to_owned(),
        };
        self.calls().work(Arc::new(token), insert_once).await?
    }

    fn change_bus(&self) -> Option<Arc<dyn ChangeBus>> {
        self.is_announced().then(|| Arc::new(MySqlBus::new(self.calls().clone(), tables())) as Arc<dyn ChangeBus>)
    }

    fn find_now(&self, _token: TokenKey<'_>, _now: Timestamp) -> Option<Lookup> {
        None
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        if !rows::fits(token) {
            return Ok(None);
        }
        let text = token.expose_secret();
        let found = self.all(query(FIND).bind(text).bind(text).bind(now.unix_seconds())).await?;
        let users = found
            .iter()
            .map(|row| Ok(Found::new(rows::user_id(row)?, rows::level(row)?, rows::record(row)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failure)?;
        if users.windows(2).any(|pair| pair[0].user() != pair[1].user()) {
            return Err(Error::with_source(ErrorKind::Corrupt, "one token is in the table twice, with two users"));
        }
        Ok(users.into_iter().next())
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        let text = token.expose_secret();
        let mut ended = None;
        for row in self.all(query(OWNERS).bind(text).bind(text)).await? {
            let (id, user): (i64, i64) = row.try_get(0).and_then(|id| Ok((id, row.try_get(1)?))).map_err(failure)?;
            if self.change(|| query(DELETE).bind(id).bind(text)).await? > 0 {
                ended.get_or_insert(Ended {
                    user: UserId::from(user),
                    id: TokenId::new(id),
                    kind: TokenKind::Login,
                    family: None,
                });
            }
        }
        Ok(ended)
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let user = user.as_integer();
        Ok(self.change(|| query(DELETE_BY_ID).bind(id.get()).bind(user)).await? > 0)
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, authenticated_at, now } = replacement;
        if !rows::fits(new) {
            return Err(rows::invalid("Trongate's table holds tokens of 1 to 125 bytes"));
        }
        let Some(found) = self.find(old, now).await? else { return Ok(None) };
        let record = found.record().clone().regenerated(now, limits, authenticated_at);
        let expiry_date = rows::expiry_date(record.absolute_expiry(), record.idle_limit().is_some())?;
        let (old, new) = (old.expose_secret(), new.expose_secret());
        if !self.numbers(query(NUMBERS).bind(new).bind(new)).await?.is_empty() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let id = found.record().id().get();
        let replace = || query(REPLACE).bind(new).bind(expiry_date).bind(id).bind(old).bind(now.unix_seconds());
        let replaced = self.change(replace).await?;
        let record = rows::stored(id, expiry_date, found.record().code());
        Ok((replaced > 0).then_some(Regenerated { user: found.user().clone(), record }))
    }

    async fn touch(&self, _user: &UserId, _id: TokenId, _now: Timestamp) -> Result<bool, Error> {
        Ok(false)
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        if !kinds.contains(TokenKind::Login) {
            return Ok(0);
        }
        let (user, keep) = (user.as_integer(), keep.map_or(i64::MIN, TokenId::get));
        let numbers = self.numbers(query(NUMBERS_OF_USER).bind(user).bind(keep)).await?;
        let mut total = 0;
        for batch in numbers.chunks(BATCH as usize) {
            total += self.delete_numbers(batch, "user_id = ?", user).await?;
        }
        Ok(total)
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        if !kinds.contains(TokenKind::Login) {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let list = query(LIST_BY_USER)
            .bind(user.as_integer())
            .bind(now.unix_seconds())
            .bind(i64::from(page.limit()) + 1)
            .bind(i64::from(page.offset()));
        let found = self.all(list).await?;
        let records = found.iter().map(rows::record).collect::<Result<_, _>>().map_err(failure)?;
        Ok(Page::from_limit_plus_one(records, page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let now = prunable_end(now).unix_seconds();
        let mut total = 0;
        while total < u64::from(limit) {
            let batch = u64::from(BATCH).min(u64::from(limit) - total);
            let expired = query(EXPIRED).bind(now).bind(i64::try_from(batch).unwrap_or(i64::MAX));
            let numbers = self.numbers(expired).await?;
            if numbers.is_empty() {
                break;
            }
            total += self.delete_numbers(&numbers, "expiry_date <= ?", Some(now)).await?;
            if (numbers.len() as u64) < batch {
                break;
            }
        }
        if self.is_announced() {
            // The tokens are gone, whatever becomes of this.
            _ = prune(self.calls(), i64::MAX).await;
        }
        Ok(total)
    }
}

impl TrongateRepository {
    /// The numbers of the rows that a statement finds.
    async fn numbers(&self, query: Query<'static>) -> Result<Vec<i64>, Error> {
        self.all(query).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failure)
    }

    /// Deletes the rows with these numbers of which the condition still holds.
    async fn delete_numbers(&self, numbers: &[i64], condition: &str, value: Option<i64>) -> Result<u64, Error> {
        let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
        let statement = format!("DELETE FROM trongate_tokens WHERE id IN ({}) AND {condition}", numbers.join(", "));
        self.change(|| query(AssertSqlSafe(statement.as_str())).bind(value).persistent(false)).await
    }
}

/// A token that is to be inserted once.
struct OneToken {
    lock: String,
    text: Zeroizing<String>,
    user: i64,
    expiry_date: i64,
    code: String,
}

type Inserted = Result<Result<TokenRecord, Error>, sqlx::Error>;

/// Inserts a token if there is none like it. Trongate's table has no unique key that would decide a race, so a lock of
/// this name does, for which only those wait who insert the same token.
fn insert_once(connection: &mut MySqlConnection, token: Arc<OneToken>) -> BoxFuture<'_, Inserted> {
    Box::pin(async move {
        let inserted = insert(connection, &token).await;
        // The end of the connection is the end of its locks.
        let unlocked = query(UNLOCK).bind(&token.lock).execute(connection).await;
        unlocked.map_err(|error| sqlx::Error::Protocol(format!("the lock could not be given back: {error}")))?;
        inserted
    })
}

async fn insert(connection: &mut MySqlConnection, token: &OneToken) -> Inserted {
    let OneToken { lock, text, user, expiry_date, code } = token;
    let (text, code) = (text.as_str(), code.as_str());
    let locked: Option<i64> = query_scalar(LOCK).bind(lock).fetch_one(&mut *connection).await?;
    if locked != Some(1) {
        return Ok(Err(Error::with_source(ErrorKind::TimedOut, "somebody else inserts the same token")));
    }
    let exists = query_scalar(TOKEN_EXISTS).bind(text).bind(text);
    if exists.fetch_one(&mut *connection).await? {
        return Ok(Err(ErrorKind::AlreadyExists.into()));
    }
    let inserted = query(INSERT).bind(text).bind(expiry_date).bind(code).bind(user).execute(connection).await?;
    if inserted.rows_affected() == 0 {
        return Ok(Err(ErrorKind::UserNotFound.into()));
    }
    Ok(match i64::try_from(inserted.last_insert_id()) {
        Ok(id) if id > 0 => Ok(rows::stored(id, *expiry_date, Some(code))),
        _ => Err(Error::with_source(ErrorKind::Configuration, "trongate_tokens.id is not AUTO_INCREMENT")),
    })
}

/// The name of the lock for this token, at most 64 characters. No token can be found by half of its digest.
fn lock_name(token: &TokenKey<'_>) -> String {
    let digest = token.digest();
    let (half, _) = digest.as_bytes().split_at(16);
    half.iter().fold("tower_tokens ".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}
