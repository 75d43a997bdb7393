//! Rows to values, whichever database they come from.

use sqlx::{ColumnIndex, Decode, Row, Type};
use time::Duration;

use crate::clock::Timestamp;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::repository::{User, user_id_column};
use crate::token::{Expiry, Lifetime, TokenId, TokenRecord};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::user::UserId;
use crate::user::UserLevel;

/// A row that gives integers, texts and bytes by column number: a row of any of our databases.
pub(in crate::repository) trait SqlRow {
    fn integer(&self, column: usize) -> Result<i64, sqlx::Error>;
    fn optional_integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error>;
    fn text(&self, column: usize) -> Result<&str, sqlx::Error>;
    fn optional_text(&self, column: usize) -> Result<Option<&str>, sqlx::Error>;
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn bytes(&self, column: usize) -> Result<&[u8], sqlx::Error>;
}

impl<R> SqlRow for R
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    fn integer(&self, column: usize) -> Result<i64, sqlx::Error> {
        self.try_get(column)
    }

    fn optional_integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn text(&self, column: usize) -> Result<&str, sqlx::Error> {
        self.try_get(column)
    }

    fn optional_text(&self, column: usize) -> Result<Option<&str>, sqlx::Error> {
        self.try_get(column)
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn bytes(&self, column: usize) -> Result<&[u8], sqlx::Error> {
        self.try_get(column)
    }
}

/// The record in columns 0 to 7: id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, name, code.
pub(in crate::repository) fn record(row: &impl SqlRow) -> Result<TokenRecord, sqlx::Error> {
    let time = Timestamp::from_unix_seconds;
    let mut lifetime = Lifetime::never_expires();
    if let Some(limit) = row.optional_integer(5)? {
        lifetime = lifetime.with_idle_limit(Duration::seconds(limit));
    }
    let mut record = TokenRecord::new(TokenId::new(row.integer(0)?), time(row.integer(1)?), lifetime)
        .with_authenticated_at(time(row.integer(2)?))
        .with_last_used_at(row.optional_integer(3)?.map(time))
        .with_absolute_expiry(Expiry::from(row.optional_integer(4)?.map(time)));
    if let Some(name) = row.optional_text(6)? {
        record = record.with_name(name);
    }
    if let Some(code) = row.optional_text(7)? {
        record = record.with_code(code);
    }
    Ok(record)
}

/// The level in columns `column` (id) and `column + 1` (title).
pub(in crate::repository) fn level(row: &impl SqlRow, column: usize) -> Result<UserLevel, sqlx::Error> {
    Ok(UserLevel::new(row.integer(column)?, row.text(column + 1)?))
}

/// The user id that is kept as a [`UserIdColumn`](user_id_column::UserIdColumn) in this column.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(in crate::repository) fn user_id(row: &impl SqlRow, column: usize) -> Result<UserId, sqlx::Error> {
    user_id_column::parse(row.bytes(column)?).ok_or_else(|| sqlx::Error::Decode("not the key of a user".into()))
}

/// The user in columns 0 to 3: id, disabled, level's id, level's title.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(in crate::repository) fn user(row: &impl SqlRow) -> Result<User, sqlx::Error> {
    Ok(User { id: user_id(row, 0)?, level: level(row, 2)?, disabled: row.integer(1)? != 0 })
}

/// An end as a column holds it.
pub(in crate::repository) fn seconds(end: Expiry) -> Option<i64> {
    end.at().map(Timestamp::unix_seconds)
}

/// An idle limit as a column holds it.
pub(in crate::repository) fn idle_seconds(record: &TokenRecord) -> Option<i64> {
    record.idle_limit().map(Duration::whole_seconds)
}
