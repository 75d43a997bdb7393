//! What a site's database should have.

use std::fmt;

use sqlx::{query_as, query_scalar};

use crate::call_timeout::within_call_timeout;
use crate::error::{Error, ErrorKind};
use crate::repository::trongate::TrongateRepository;
use crate::repository::trongate::error::{failure, is_duplicate_key_name};

/// `LOCK = NONE`: the site goes on reading and writing meanwhile. InnoDB can do that.
const CREATE_INDEX_ONLINE: &str =
    "CREATE INDEX trongate_tokens_token ON trongate_tokens (token) ALGORITHM = INPLACE LOCK = NONE";

/// Other engines, such as MyISAM, copy the table, and its writers wait.
const CREATE_INDEX: &str = "CREATE INDEX trongate_tokens_token ON trongate_tokens (token)";

const ENGINE: &str = "SELECT CAST(engine AS CHAR) FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'trongate_tokens'";

const COLUMNS: &str = "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR) FROM information_schema.columns
    WHERE table_schema = DATABASE()
    AND table_name IN ('trongate_tokens', 'trongate_users', 'trongate_user_levels')";

const TOKEN_INDEXES: &str = "SELECT COUNT(*) FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'trongate_tokens'
    AND column_name = 'token' AND seq_in_index = 1 AND index_type = 'BTREE'";

const NEEDED: [(&str, &str); 9] = [
    ("trongate_tokens", "id"),
    ("trongate_tokens", "token"),
    ("trongate_tokens", "user_id"),
    ("trongate_tokens", "expiry_date"),
    ("trongate_tokens", "code"),
    ("trongate_users", "id"),
    ("trongate_users", "user_level_id"),
    ("trongate_user_levels", "id"),
    ("trongate_user_levels", "level_title"),
];

/// The report that the token column has no index, as Trongate leaves it: every request reads the whole table, on both
/// sides. `Display` says so, and what to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingIndex {
    statement: &'static str,
}

impl MissingIndex {
    /// The exact statement that creates it. On InnoDB, which Trongate uses, the site goes on meanwhile; on another engine
    /// its writers wait until the table has been copied.
    #[must_use]
    pub const fn statement(self) -> &'static str {
        self.statement
    }
}

impl fmt::Display for MissingIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "trongate_tokens.token has no index, so every request reads the whole table; run: {};",
            self.statement()
        )
    }
}

impl TrongateRepository {
    /// Looks whether the site's tables are there, and whether the token column has an index. Changes nothing.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when a table or a column is missing; the source names it.
    /// [`Unavailable`](ErrorKind::Unavailable) when the database does not answer.
    pub async fn check(&self) -> Result<Option<MissingIndex>, Error> {
        let columns = async { query_as(COLUMNS).fetch_all(self.pool()).await.map_err(failure) };
        let columns: Vec<(String, String)> = within_call_timeout(columns).await?;
        let is_there = |(table, column): (&str, &str)| {
            columns.iter().any(|(t, c)| t.eq_ignore_ascii_case(table) && c.eq_ignore_ascii_case(column))
        };
        if let Some((table, column)) = NEEDED.into_iter().find(|needed| !is_there(*needed)) {
            let source = format!("this is no Trongate database: there is no column {table}.{column}");
            return Err(Error::with_source(ErrorKind::Configuration, source));
        }
        let indexes = async { query_scalar(TOKEN_INDEXES).fetch_one(self.pool()).await.map_err(failure) };
        let indexes: i64 = within_call_timeout(indexes).await?;
        if indexes > 0 {
            return Ok(None);
        }
        let engine = async { query_scalar(ENGINE).fetch_one(self.pool()).await.map_err(failure) };
        let engine: Option<String> = within_call_timeout(engine).await?;
        let is_online = engine.is_some_and(|engine| engine.eq_ignore_ascii_case("InnoDB"));
        Ok(Some(MissingIndex { statement: if is_online { CREATE_INDEX_ONLINE } else { CREATE_INDEX } }))
    }

    /// Creates the index that [`check`](Self::check) reports as missing. With [`announce_changes`](Self::announce_changes) it is all that
    /// this crate ever changes of the schema, and only when it is called. `false`: it was there.
    ///
    /// With InnoDB the site goes on working meanwhile. The database user needs the privilege `INDEX`.
    ///
    /// # Errors
    /// As [`check`](Self::check), also when the privilege is missing.
    pub async fn create_index(&self) -> Result<bool, Error> {
        let Some(missing) = self.check().await? else { return Ok(false) };
        match sqlx::query(missing.statement()).execute(self.pool()).await {
            Ok(_) => Ok(true),
            // Somebody else was faster.
            Err(error) if is_duplicate_key_name(&error) => Ok(false),
            Err(error) => Err(failure(error)),
        }
    }
}
