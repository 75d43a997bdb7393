//! Values to parameters, rows to values.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteRow, SqliteTypeInfo};
use sqlx::{Row, Type, TypeInfo, ValueRef};
use time::Duration;

use crate::clock::Timestamp;
use crate::repository::User;
use crate::token::{Expiry, Lifetime, TokenId, TokenRecord};
use crate::user::{UserId, UserLevel};

/// A user id as a parameter: an integer stays one, a text stays one.
pub(super) struct IdParameter<'a>(pub(super) &'a UserId);

impl<'q> Encode<'q, Sqlite> for IdParameter<'_> {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        match (self.0.as_integer(), self.0.as_text()) {
            (Some(number), _) => Encode::<Sqlite>::encode_by_ref(&number, buffer),
            (None, text) => Encode::<Sqlite>::encode_by_ref(&text, buffer),
        }
    }
}

impl Type<Sqlite> for IdParameter<'_> {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
}

/// The record in columns 0 to 7: id, created_at, authenticated_at, last_used_at, absolute_end, idle_limit, name, code.
pub(super) fn record(row: &SqliteRow) -> Result<TokenRecord, sqlx::Error> {
    let time = Timestamp::from_unix_seconds;
    let mut lifetime = Lifetime::never_expires();
    if let Some(limit) = row.try_get::<Option<i64>, _>(5)? {
        lifetime = lifetime.with_idle_limit(Duration::seconds(limit));
    }
    let mut record = TokenRecord::new(TokenId::new(row.try_get(0)?), time(row.try_get(1)?), lifetime)
        .with_authenticated_at(time(row.try_get(2)?))
        .with_last_used_at(row.try_get::<Option<i64>, _>(3)?.map(time))
        .with_absolute_expiry(Expiry::from(row.try_get::<Option<i64>, _>(4)?.map(time)));
    if let Some(name) = row.try_get::<Option<&str>, _>(6)? {
        record = record.with_name(name);
    }
    if let Some(code) = row.try_get::<Option<&str>, _>(7)? {
        record = record.with_code(code);
    }
    Ok(record)
}

pub(super) fn user_id(row: &SqliteRow, column: usize) -> Result<UserId, sqlx::Error> {
    let is_text = row.try_get_raw(column)?.type_info().name() == "TEXT";
    if is_text {
        row.try_get::<&str, _>(column).map(UserId::from)
    } else {
        row.try_get::<i64, _>(column).map(UserId::from)
    }
}

/// The level in columns `column` (id) and `column + 1` (title).
pub(super) fn level(row: &SqliteRow, column: usize) -> Result<UserLevel, sqlx::Error> {
    Ok(UserLevel::new(row.try_get(column)?, row.try_get(column + 1)?))
}

/// The user in columns 0 to 3: id, disabled, level's id, level's title.
pub(super) fn user(row: &SqliteRow) -> Result<User, sqlx::Error> {
    Ok(User { id: user_id(row, 0)?, level: level(row, 2)?, disabled: row.try_get::<i64, _>(1)? != 0 })
}

pub(super) fn seconds(end: Expiry) -> Option<i64> {
    end.timestamp().map(Timestamp::unix_seconds)
}

pub(super) fn idle_seconds(record: &TokenRecord) -> Option<i64> {
    record.idle_limit().map(Duration::whole_seconds)
}
