//! What Trongate's tables hold, and what they cannot.

use sqlx::Row;
use sqlx::mysql::MySqlRow;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::token::{Expiry, Lifetime, TokenId, TokenKey, TokenKind, TokenRecord};
use crate::user::{UserId, UserLevel};

/// The length of the column `trongate_tokens.token` in characters; tokens are ASCII.
const MAX_TOKEN_BYTES: usize = 125;

/// The length of the column `trongate_tokens.code` in characters.
const MAX_CODE_CHARS: usize = 3;

/// What the column `trongate_tokens.code` says when there is none: its default.
const NO_CODE: &str = "0";

/// When a token was made, and its user proved who they are, is not in the tables: long ago.
const UNKNOWN_TIME: Timestamp = Timestamp::from_unix_seconds(0);

/// Whether the token column can hold this text, so that it is worth looking for.
pub(super) fn fits(token: TokenKey<'_>) -> bool {
    (1..=MAX_TOKEN_BYTES).contains(&token.as_bytes().len())
}

/// The record as the tables keep it.
pub(super) fn stored(id: i64, expiry_date: i64, code: Option<&str>) -> TokenRecord {
    let record = TokenRecord::new(TokenId::new(id), UNKNOWN_TIME, Lifetime::never_expires())
        .with_absolute_expiry(Expiry::At(Timestamp::from_unix_seconds(expiry_date)));
    match code {
        None | Some("" | NO_CODE) => record,
        Some(code) => record.with_code(code),
    }
}

/// The `expiry_date` of a token with these limits, or why the table cannot hold it.
pub(super) fn expiry_date(absolute: Expiry, has_idle_limit: bool) -> Result<i64, Error> {
    if has_idle_limit {
        return Err(invalid("Trongate's table holds no idle limit: use a lifetime without one"));
    }
    let Some(end) = absolute.at() else {
        return Err(invalid("Trongate's table cannot say never: use a lifetime that ends"));
    };
    let seconds = end.unix_seconds();
    if i32::try_from(seconds).is_err() {
        return Err(invalid("Trongate's expiry_date holds no time after 2038-01-19T03:14:07Z: use a shorter lifetime"));
    }
    Ok(seconds)
}

/// Why the table cannot hold a record of this kind.
pub(super) fn check_kind(record: &TokenRecord) -> Result<(), Error> {
    if record.kind() != TokenKind::Login || record.family().is_some() || !record.abilities().are_all() {
        return Err(invalid(
            "Trongate's table holds logins with all abilities alone: keep other tokens in another store",
        ));
    }
    Ok(())
}

/// The `code` of a record, or why the table cannot hold it.
pub(super) fn code(record: &TokenRecord) -> Result<&str, Error> {
    match record.code() {
        None => Ok(NO_CODE),
        Some(code) if code.chars().count() <= MAX_CODE_CHARS => Ok(code),
        Some(_) => Err(invalid("Trongate's code has at most 3 characters")),
    }
}

/// The token in columns 0 to 2: id, expiry_date, code.
pub(super) fn record(row: &MySqlRow) -> Result<TokenRecord, sqlx::Error> {
    Ok(stored(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// The user id in column 3.
pub(super) fn user_id(row: &MySqlRow) -> Result<UserId, sqlx::Error> {
    row.try_get::<i64, _>(3).map(UserId::from)
}

/// The level in columns 4 and 5. A title that is null is the empty one, which is the column's default.
pub(super) fn level(row: &MySqlRow) -> Result<UserLevel, sqlx::Error> {
    Ok(UserLevel::new(row.try_get(4)?, row.try_get::<Option<&str>, _>(5)?.unwrap_or_default()))
}

pub(super) fn invalid(why: &'static str) -> Error {
    Error::with_source(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::token::Abilities;

    #[test]
    fn an_end_that_the_column_cannot_hold_is_refused() {
        let last = i64::from(i32::MAX);
        let at = |seconds| Expiry::At(Timestamp::from_unix_seconds(seconds));
        assert_eq!(expiry_date(at(last), false).unwrap(), last);
        for (end, has_idle_limit) in [(at(last + 1), false), (Expiry::Never, false), (at(0), true)] {
            assert_eq!(expiry_date(end, has_idle_limit).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn only_logins_with_all_abilities_fit() {
        let login = stored(1, 2, None);
        assert!(check_kind(&login).is_ok());
        let limited = login.clone().with_abilities(Abilities::none());
        for record in [login.clone().with_kind(TokenKind::Api), login.with_family(TokenId::new(2)), limited] {
            assert_eq!(check_kind(&record).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn the_default_code_is_none() {
        for none in [None, Some(""), Some("0")] {
            assert_eq!(stored(1, 2, none).code(), None);
        }
        assert_eq!(stored(1, 2, Some("aaa")).code(), Some("aaa"));
        assert_eq!(code(&stored(1, 2, None)).unwrap(), "0");
        assert!(code(&stored(1, 2, Some("äöü"))).is_ok());
        assert!(code(&stored(1, 2, Some("abcd"))).is_err());
    }

    #[test]
    fn authentication_time_reads_as_unknown() {
        let record = stored(1, 2_000_000_000, None);
        let age = Timestamp::from_unix_seconds(1_900_000_000) - record.authenticated_at();
        assert!(age > Duration::days(365));
    }
}
