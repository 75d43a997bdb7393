//! Rows to values, whichever database they come from.

use sqlx::{ColumnIndex, Decode, Row, Type};

use crate::token::{FieldReader, TokenRecord};
use crate::user::UserLevel;

/// A row that gives numbers, texts and yes or no by column number: a row of any of our databases.
pub trait SqlRow: Send + Sync {
    /// A number.
    fn integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error>;
    /// A text.
    fn text(&self, column: usize) -> Result<Option<&str>, sqlx::Error>;
    /// Yes or no.
    fn boolean(&self, column: usize) -> Result<bool, sqlx::Error>;
    /// A floating-point number.
    fn float(&self, column: usize) -> Result<Option<f64>, sqlx::Error>;
    /// Bytes.
    fn bytes(&self, column: usize) -> Result<Option<&[u8]>, sqlx::Error>;
}

impl<R> SqlRow for R
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> bool: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> f64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    fn integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn text(&self, column: usize) -> Result<Option<&str>, sqlx::Error> {
        self.try_get(column)
    }

    fn boolean(&self, column: usize) -> Result<bool, sqlx::Error> {
        self.try_get(column)
    }

    fn float(&self, column: usize) -> Result<Option<f64>, sqlx::Error> {
        self.try_get(column)
    }

    fn bytes(&self, column: usize) -> Result<Option<&[u8]>, sqlx::Error> {
        self.try_get(column)
    }
}

/// The first columns of a row, which are those of a record.
struct RecordColumns<'r, R>(&'r R);

impl<R: SqlRow> FieldReader for RecordColumns<'_, R> {
    type Error = sqlx::Error;

    fn integer(&self, field: usize) -> Result<Option<i64>, sqlx::Error> {
        self.0.integer(field)
    }

    fn text(&self, field: usize) -> Result<Option<&str>, sqlx::Error> {
        self.0.text(field)
    }

    fn missing(&self, field: usize) -> sqlx::Error {
        empty(field)
    }
}

/// The record in the first columns.
pub(super) fn record(row: &impl SqlRow) -> Result<TokenRecord, sqlx::Error> {
    TokenRecord::from_fields(&RecordColumns(row))
}

/// The level in columns `column` (id) and `column + 1` (title).
pub(super) fn level(row: &impl SqlRow, column: usize) -> Result<UserLevel, sqlx::Error> {
    let title = row.text(column + 1)?.ok_or_else(|| empty(column + 1))?;
    Ok(UserLevel::new(integer(row, column)?, title))
}

/// The number in this column, which is never empty.
pub(super) fn integer(row: &impl SqlRow, column: usize) -> Result<i64, sqlx::Error> {
    row.integer(column)?.ok_or_else(|| empty(column))
}

fn empty(column: usize) -> sqlx::Error {
    sqlx::Error::Decode(format!("column {column} is empty").into())
}
