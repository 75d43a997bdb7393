//! A statement as a database wants it, and its values.

use std::borrow::Cow;

use sqlx::database::Database;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Encode, SqlSafeStr, SqlStr, Type, query};

use crate::token::{FieldValue, TokenDigest};

/// How a database writes the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::repository) enum Placeholders {
    /// `$1`, `$2`: a value may stand in many places.
    Numbered,
    /// `?`: one value for each place.
    #[cfg(any(feature = "mysql", test))]
    Positional,
}

/// A statement, made once when the store is opened: a clone of its text costs no allocation.
#[derive(Debug)]
pub struct Statement {
    sql: SqlStr,
    /// Which values are bound, in this order.
    order: Vec<usize>,
}

impl Statement {
    /// The statement with this text, in which `$1` is the first value.
    pub(super) fn new(text: &str, placeholders: Placeholders) -> Self {
        let (mut sql, mut order) = (String::with_capacity(text.len()), Vec::new());
        let mut parts = text.split('$');
        sql.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
            let (number, rest) = part.split_at(digits);
            order.extend(number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)));
            match placeholders {
                #[cfg(any(feature = "mysql", test))]
                Placeholders::Positional if !number.is_empty() => sql.extend(["?", rest]),
                _ => sql.extend(["$", number, rest]),
            }
        }
        if placeholders == Placeholders::Numbered {
            order = (0..order.iter().max().map_or(0, |last| last + 1)).collect();
        }
        let sql: std::sync::Arc<str> = sql.into();
        Self { sql: AssertSqlSafe(sql).into_sql_str(), order }
    }

    /// The statement with these values.
    pub(in crate::repository) fn with<DB>(&self, values: &[Value<'_>]) -> Query<'static, DB, DB::Arguments>
    where
        DB: Database,
        Option<i64>: Encode<'static, DB> + Type<DB>,
        bool: Encode<'static, DB> + Type<DB>,
        for<'v> Option<&'v str>: Encode<'v, DB> + Type<DB>,
        for<'v> Option<&'v [u8]>: Encode<'v, DB> + Type<DB>,
    {
        self.bound(values).fold(query(self.sql.clone()), |query, value| match value {
            Value::Integer(number) => query.bind(*number),
            Value::Boolean(is_so) => query.bind(*is_so),
            Value::Text(text) => query.bind(text.as_deref()),
            Value::Bytes(bytes) => query.bind(*bytes),
        })
    }

    /// The values that are bound, in this order.
    pub(in crate::repository) fn bound<'v, 'a>(&self, values: &'v [Value<'a>]) -> impl Iterator<Item = &'v Value<'a>> {
        self.order.iter().filter_map(|place| values.get(*place))
    }

    /// The text.
    pub(in crate::repository) fn sql(&self) -> SqlStr {
        self.sql.clone()
    }
}

/// A value of a statement.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A number.
    Integer(Option<i64>),
    /// Yes or no.
    Boolean(bool),
    /// A text.
    Text(Option<Cow<'a, str>>),
    /// Bytes, such as a digest.
    Bytes(Option<&'a [u8]>),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'a> From<&'a TokenDigest> for Value<'a> {
    fn from(digest: &'a TokenDigest) -> Self {
        Self::Bytes(Some(digest.as_bytes()))
    }
}

impl<'a> From<FieldValue<'a>> for Value<'a> {
    fn from(value: FieldValue<'a>) -> Self {
        match value {
            FieldValue::Integer(number) => Self::Integer(number),
            FieldValue::Text(text) => Self::Text(text.map(Cow::Borrowed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_stands_in_two_places_is_bound_as_the_database_wants_it() {
        let text = "SELECT $2, $1 FROM t WHERE a = $2 AND b > $10";
        let numbered = Statement::new(text, Placeholders::Numbered);
        assert_eq!((numbered.sql().as_str(), &numbered.order[..]), (text, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9][..]));
        let positional = Statement::new(text, Placeholders::Positional);
        assert_eq!(positional.sql().as_str(), "SELECT ?, ? FROM t WHERE a = ? AND b > ?");
        assert_eq!(positional.order, [1, 0, 1, 9]);
    }
}
