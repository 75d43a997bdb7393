//! Values to arguments, replies to values.

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::User;
use crate::repository::redis::user_key;
use crate::token::{Expiry, FieldReader, TokenId, TokenKind, TokenKinds, TokenRecord};
use crate::user::{UserId, UserLevel};

const SIGN: u64 = 1 << 63;

/// The column after those of a record, in which its user is.
pub(super) const USER: usize = TokenRecord::FIELDS.len();

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

/// The kind in this column. A token of a time before there were kinds has none.
pub(super) fn kind(row: &Row, column: usize) -> Result<TokenKind, Error> {
    let kind = optional_text(row, column)?.map_or(Some(TokenKind::Login), TokenKind::from_stored);
    kind.ok_or_else(|| ErrorKind::Corrupt.into())
}

/// Kinds as an argument: their names between commas, or nothing for all.
pub(super) fn kinds(kinds: TokenKinds) -> String {
    if kinds == TokenKinds::ALL {
        return String::new();
    }
    kinds.iter().fold(",".to_owned(), |names, kind| names + kind.as_str() + ",")
}

/// The first columns of a row, which are those of a record.
struct RecordColumns<'r>(&'r Row);

impl FieldReader for RecordColumns<'_> {
    type Error = Error;

    fn integer(&self, field: usize) -> Result<Option<i64>, Error> {
        if matches!(TokenRecord::FIELDS[field], "id" | "family") {
            return optional_id(self.0, field).map(|id| id.map(TokenId::get));
        }
        optional_integer(self.0, field)
    }

    fn text(&self, field: usize) -> Result<Option<&str>, Error> {
        optional_text(self.0, field)
    }

    fn missing(&self, _field: usize) -> Error {
        ErrorKind::Corrupt.into()
    }
}

/// The record in the first columns.
pub(super) fn record(row: &Row) -> Result<TokenRecord, Error> {
    TokenRecord::from_fields(&RecordColumns(row))
}

pub(super) fn token_id(row: &Row, column: usize) -> Result<TokenId, Error> {
    optional_id(row, column)?.ok_or_else(|| ErrorKind::Corrupt.into())
}

pub(super) fn optional_id(row: &Row, column: usize) -> Result<Option<TokenId>, Error> {
    let Some(bytes) = optional_bytes(row, column) else { return Ok(None) };
    let id = bytes.try_into().map_err(|_| ErrorKind::Corrupt)?;
    Ok(Some(TokenId::new((u64::from_be_bytes(id) ^ SIGN).cast_signed())))
}

pub(super) fn user_id(row: &Row, column: usize) -> Result<UserId, Error> {
    user_key::parse(bytes(row, column)?).ok_or_else(|| ErrorKind::Corrupt.into())
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
