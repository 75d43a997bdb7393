//! sqlx's errors as this crate's.

use crate::error::Error;
use crate::repository::sql::{mysql_kind, server_failure};

pub(super) fn failure(error: sqlx::Error) -> Error {
    server_failure(error, mysql_kind)
}
