//! [`Users`]: where the users of tokens are. [`OurUsers`]: in our own tables.

use std::sync::Arc;

use crate::error::Error;
use crate::repository::Found;
use crate::repository::sql::announced::AnnouncedTable;
use crate::repository::sql::dialect::Dialect;
use crate::repository::sql::rows::{level, record};
use crate::repository::sql::statement::Value;
use crate::repository::sql::statements::{Tables, Texts, TokenStatements, UserStatements};
use crate::token::TokenRecord;
use crate::user::UserId;

/// The column after those of a record.
const USER: usize = TokenRecord::FIELDS.len();

/// What a token keeps of a value of its user's row.
pub(super) type Fingerprint = [u8; 32];

/// Where the users of tokens are. Only this crate implements it.
pub trait Users<D: Dialect>: Clone + Send + Sync + 'static {
    /// The statements of tokens of these users.
    fn statements(&self) -> Result<&TokenStatements, Error>;

    /// A user id as its column holds it, or `None` if the column cannot hold it.
    fn id<'v>(&self, user: &'v UserId) -> Option<Value<'v>>;

    /// The user id in this column.
    fn read_id(&self, row: &D::Row, column: usize) -> Result<UserId, sqlx::Error>;

    /// What a row of a look-up says, or `None` if it is not a valid token after all.
    fn found(&self, row: &D::Row) -> Result<Option<Found>, Error>;

    /// The fingerprint of a value of a user's row, where users have one.
    fn fingerprint(&self, value: Option<&str>) -> Option<Fingerprint> {
        let _ = value;
        None
    }

    /// The tables whose changes are announced. `None`: not all are in which something about these users can change.
    fn announced(&self) -> Option<Vec<AnnouncedTable>>;
}

/// Users in our own tables, for [`SqlRepository`](super::SqlRepository).
#[derive(Debug, Clone)]
pub struct OurUsers {
    statements: Arc<(TokenStatements, UserStatements)>,
}

impl OurUsers {
    pub(super) fn new(texts: &Texts) -> Self {
        let tables = Tables::ours(texts);
        Self { statements: Arc::new((TokenStatements::new(texts, &tables), UserStatements::new(texts, &tables))) }
    }

    /// The statements of the users themselves.
    pub(in crate::repository) fn statements(&self) -> &UserStatements {
        &self.statements.1
    }

    /// All statements, for tests of plans.
    #[cfg(test)]
    pub(in crate::repository) fn of_tokens(&self) -> &TokenStatements {
        &self.statements.0
    }
}

impl<D: Dialect> Users<D> for OurUsers {
    fn statements(&self) -> Result<&TokenStatements, Error> {
        Ok(&self.statements.0)
    }

    fn id<'v>(&self, user: &'v UserId) -> Option<Value<'v>> {
        Some(D::id(user))
    }

    fn read_id(&self, row: &D::Row, column: usize) -> Result<UserId, sqlx::Error> {
        D::read_id(row, column)
    }

    fn found(&self, row: &D::Row) -> Result<Option<Found>, Error> {
        let read = || {
            let (user, level) = (D::read_id(row, USER)?, level(row, USER + 1)?);
            Ok(Some(Found::new(user, level, record(row)?)))
        };
        read().map_err(D::failure)
    }

    fn announced(&self) -> Option<Vec<AnnouncedTable>> {
        Some(AnnouncedTable::ours())
    }
}
