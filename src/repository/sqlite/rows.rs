//! Values to parameters, rows to values.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteRow, SqliteTypeInfo};
use sqlx::{Row, Type, TypeInfo, ValueRef};

use crate::repository::User;
use crate::repository::sql::level;
use crate::user::UserId;

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

pub(super) fn user_id(row: &SqliteRow, column: usize) -> Result<UserId, sqlx::Error> {
    let is_text = row.try_get_raw(column)?.type_info().name() == "TEXT";
    if is_text {
        row.try_get::<&str, _>(column).map(UserId::from)
    } else {
        row.try_get::<i64, _>(column).map(UserId::from)
    }
}

/// The user in columns 0 to 3: id, disabled, level's id, level's title.
pub(super) fn user(row: &SqliteRow) -> Result<User, sqlx::Error> {
    Ok(User { id: user_id(row, 0)?, level: level(row, 2)?, disabled: row.try_get::<i64, _>(1)? != 0 })
}
