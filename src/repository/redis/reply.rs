//! Values to arguments, replies to values.

use time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::{User, user_id_column};
use crate::token::{Expiry, Lifetime, TokenId, TokenRecord};
use crate::user::{UserId, UserLevel};

const SIGN: u64 = 1 << 63;

/// A row of a reply. What is not there is `None`.
pub(super) type Row = Vec<Option<Vec<u8>>>;

/// A record id as 8 bytes that sort as ids do.
pub(super) fn id_bytes(id: TokenId) -> [u8; 8] {
    (id.get().cast_unsigned() ^ SIGN).to_be_bytes()
}

/// A time as an argument: Unix seconds.
pub(super) fn seconds(time: impl Into<Timestamp>) -> String {
    time.into().unix_seconds().to_string()
}

/// An end as an argument: Unix seconds, or nothing for never.
pub(super) fn end(end: Expiry) -> String {
    end.at().map(seconds).unwrap_or_default()
}

/// An idle limit as an argument: seconds, or nothing for none.
pub(super) fn idle_limit(record: &TokenRecord) -> String {
    record.idle_limit().map(|limit| limit.whole_seconds().to_string()).unwrap_or_default()
}

/// The record in columns 0 to 7: id, created, authenticated, used, absolute, idle, name, code.
pub(super) fn record(row: &Row) -> Result<TokenRecord, Error> {
    let id = bytes(row, 0)?.try_into().map_err(|_| ErrorKind::Corrupt)?;
    let id = TokenId::new((u64::from_be_bytes(id) ^ SIGN).cast_signed());
    let time = |column| Ok::<_, Error>(optional_integer(row, column)?.map(Timestamp::from_unix_seconds));
    let mut lifetime = Lifetime::never_expires();
    if let Some(limit) = optional_integer(row, 5)? {
        lifetime = lifetime.with_idle_limit(Duration::seconds(limit));
    }
    let mut record = TokenRecord::new(id, time(1)?.ok_or(ErrorKind::Corrupt)?, lifetime)
        .with_authenticated_at(time(2)?.ok_or(ErrorKind::Corrupt)?)
        .with_last_used_at(time(3)?)
        .with_absolute_expiry(Expiry::from(time(4)?));
    if let Some(name) = optional_text(row, 6)? {
        record = record.with_name(name);
    }
    if let Some(code) = optional_text(row, 7)? {
        record = record.with_code(code);
    }
    Ok(record)
}

pub(super) fn user_id(row: &Row, column: usize) -> Result<UserId, Error> {
    user_id_column::parse(bytes(row, column)?).ok_or_else(|| ErrorKind::Corrupt.into())
}

/// The level in columns `column` (id) and `column + 1` (title).
pub(super) fn level(row: &Row, column: usize) -> Result<UserLevel, Error> {
    let id = optional_integer(row, column)?.ok_or(ErrorKind::Corrupt)?;
    Ok(UserLevel::new(id, optional_text(row, column + 1)?.ok_or(ErrorKind::Corrupt)?))
}

/// The user in columns 0 to 3: id, disabled, level's id, level's title.
pub(super) fn user(row: &Row) -> Result<User, Error> {
    Ok(User { id: user_id(row, 0)?, level: level(row, 2)?, disabled: bytes(row, 1)? != b"0" })
}

fn bytes(row: &Row, column: usize) -> Result<&[u8], Error> {
    optional_bytes(row, column).ok_or_else(|| ErrorKind::Corrupt.into())
}

fn optional_bytes(row: &Row, column: usize) -> Option<&[u8]> {
    row.get(column)?.as_deref()
}

fn optional_text(row: &Row, column: usize) -> Result<Option<&str>, Error> {
    optional_bytes(row, column).map(std::str::from_utf8).transpose().map_err(|_| ErrorKind::Corrupt.into())
}

fn optional_integer(row: &Row, column: usize) -> Result<Option<i64>, Error> {
    optional_text(row, column)?.map(str::parse).transpose().map_err(|_| ErrorKind::Corrupt.into())
}
