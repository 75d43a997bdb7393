//! [`MySqlLog`]: the table of changes, as one subscription on MySQL or MariaDB reads it.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::mysql::{MySql, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Connection, Decode, Executor, Row as _, Type, query, query_scalar, raw_sql};
use tokio::time::Instant;

use crate::call_timeout::within_call_timeout;
use crate::error::{Error, ErrorKind};
use crate::repository::Notice;
use crate::repository::sql::announced::AnnouncedTable;
use crate::repository::sql::call::Calls;
use crate::repository::sql::changes::mysql_triggers::are_there;
use crate::repository::sql::changes::polled::ChangeLog;
use crate::repository::sql::changes::row::subject;
use crate::repository::sql::changes::window::{Read, Row, Window};
use crate::repository::sql::mysql::SESSION;

/// How many rows one read gives at most. Our choice: more than the numbers that are watched, and a few megabytes.
const ROWS: usize = 20_000;

/// How often old rows are deleted. Our choice.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// The smallest and the largest number of the table, and then the rows.
const DIRTY: &str = "SELECT 0, MIN(number), NULL, NULL, CAST(MAX(number) AS SIGNED) FROM tower_tokens_changes UNION ALL
    (SELECT 1, number, user_id, digest, CAST(UNIX_TIMESTAMP() AS SIGNED) - at FROM tower_tokens_changes
    WHERE {condition} AND number > {after} ORDER BY number LIMIT {rows})";

/// A row's time is when it was inserted, and its number is given then: later rows have higher numbers.
const OLD: &str = "SELECT number FROM tower_tokens_changes WHERE number <= ? AND number <
    (SELECT MAX(number) FROM tower_tokens_changes WHERE at < UNIX_TIMESTAMP() - 600) ORDER BY number LIMIT 1000";

const PRUNE_ROUNDS: usize = 100;

/// The smallest number that is committed, and then those of the rows that are.
const COMMITTED: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SELECT 0, MIN(number) FROM tower_tokens_changes UNION ALL
    SELECT 1, number FROM tower_tokens_changes WHERE {condition} AND number > {after} AND number <= {to}";

/// Servers that write at once give numbers in no order that one of them knows.
const STEP: &str = "SELECT CAST(@@GLOBAL.auto_increment_increment AS SIGNED)";
const GALERA: &str = "SHOW GLOBAL VARIABLES LIKE 'wsrep_on'";

/// A connection of its own, which reads what is not committed yet.
pub(super) struct MySqlLog {
    calls: Calls<MySql>,
    connection: MySqlConnection,
    window: Window,
    pruned: Instant,
}

/// What a dirty read shows.
struct Dirty {
    smallest: Option<i64>,
    largest: Option<i64>,
    rows: Vec<Row>,
}

impl MySqlLog {
    /// Begins to read, and says what is pending.
    pub(super) async fn open(calls: Calls<MySql>, tables: &[AnnouncedTable]) -> Result<(Self, Vec<Notice>), Error> {
        within_call_timeout(async {
            let failure = calls.failure;
            let options = calls.pool.connect_options();
            let mut connection = MySqlConnection::connect_with(&options).await.map_err(failure)?;
            let session = format!("{SESSION}; SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
            connection.execute(raw_sql(AssertSqlSafe(session))).await.map_err(failure)?;
            refuse_several_writers(&mut connection, failure).await?;
            if !are_there(&mut connection, tables).await.map_err(failure)? {
                let why = "triggers that announce changes are missing: migrate with an account that has the privilege TRIGGER";
                return Err(Error::with_source(ErrorKind::Configuration, why));
            }
            let mut log = Self { calls, connection, window: Window::new(0), pruned: Instant::now() };
            let smallest = log.dirty(0, 1).await?.smallest;
            log.window = Window::new(smallest.unwrap_or_default());
            log.read().await?;
            log.window.begin();
            let pending = log.window.pending();
            Ok((log, pending))
        })
        .await
    }

    async fn read(&mut self) -> Result<Vec<Notice>, Error> {
        let (mut after, mut notices) = (0, Vec::new());
        loop {
            let sent = Instant::now();
            let condition = self.window.condition();
            let dirty = self.dirty(after, ROWS).await?;
            let answered = Instant::now();
            self.window.check_largest(dirty.largest)?;
            let is_whole = dirty.rows.len() < ROWS;
            let last = dirty.rows.last().map(|row| row.number);
            let committed = match last {
                Some(last) => self.committed(&condition, after, last).await?,
                None => HashSet::new(),
            };
            let to = last.filter(|_| !is_whole).unwrap_or(i64::MAX);
            let read = Read { after, to, sent, answered };
            notices.extend(self.window.apply(read, dirty.rows, &committed)?);
            if is_whole {
                return Ok(notices);
            }
            after = to;
        }
    }

    async fn dirty(&mut self, after: i64, rows: usize) -> Result<Dirty, Error> {
        let sql = DIRTY
            .replace("{condition}", &self.window.condition())
            .replace("{after}", &after.to_string())
            .replace("{rows}", &rows.to_string());
        let failure = self.calls.failure;
        let all = self.all(sql).await?;
        let mut answer = Dirty { smallest: None, largest: None, rows: Vec::with_capacity(all.len()) };
        for row in &all {
            let (is_row, number, last): (i64, Option<i64>, Option<i64>) =
                (get(row, 0, failure)?, get(row, 1, failure)?, get(row, 4, failure)?);
            match (is_row, number) {
                (0, _) => (answer.smallest, answer.largest) = (number, last),
                (_, Some(number)) => {
                    let (user, digest): (Option<&str>, Option<&[u8]>) = (get(row, 2, failure)?, get(row, 3, failure)?);
                    let age = last.unwrap_or_default();
                    answer.rows.push(Row { number, subject: subject(user, digest), age });
                }
                _ => {}
            }
        }
        Ok(answer)
    }

    async fn committed(&mut self, condition: &str, after: i64, to: i64) -> Result<HashSet<i64>, Error> {
        let sql = COMMITTED
            .replace("{condition}", condition)
            .replace("{after}", &after.to_string())
            .replace("{to}", &to.to_string());
        let failure = self.calls.failure;
        let mut committed = HashSet::new();
        for row in &self.all(sql).await? {
            let (is_row, number): (i64, Option<i64>) = (get(row, 0, failure)?, get(row, 1, failure)?);
            if is_row == 0 {
                self.window.check_smallest(number)?;
            } else {
                committed.extend(number);
            }
        }
        Ok(committed)
    }

    /// One round trip, whatever the statements are.
    async fn all(&mut self, sql: String) -> Result<Vec<MySqlRow>, Error> {
        raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await.map_err(self.calls.failure)
    }
}

impl ChangeLog for MySqlLog {
    async fn poll(&mut self) -> Result<Vec<Notice>, Error> {
        let notices = within_call_timeout(self.read()).await?;
        if self.pruned.elapsed() >= PRUNE_INTERVAL {
            self.pruned = Instant::now();
            let (calls, settled) = (self.calls.clone(), self.window.settled());
            // It waits for locks, and no poll waits for it.
            tokio::spawn(async move { prune(&calls, settled).await });
        }
        Ok(notices)
    }
}

/// Deletes rows that every node has read, which are those below one that is ten minutes old, up to this number. So one that old stays:
/// a node that finds none as old as what it read last knows that it missed something.
pub(crate) async fn prune(calls: &Calls<MySql>, up_to: i64) -> Result<(), Error> {
    for _ in 0..PRUNE_ROUNDS {
        let rows = calls.rows(query(OLD).bind(up_to)).await?;
        let numbers: Vec<i64> =
            rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(calls.failure)?;
        if numbers.is_empty() {
            return Ok(());
        }
        // By their numbers, so that no other row is locked.
        let list: Vec<_> = numbers.iter().map(i64::to_string).collect();
        let delete = format!("DELETE FROM tower_tokens_changes WHERE number IN ({})", list.join(", "));
        calls.change(query(AssertSqlSafe(delete)).persistent(false)).await?;
    }
    Ok(())
}

fn get<'r, T>(row: &'r MySqlRow, column: usize, failure: fn(sqlx::Error) -> Error) -> Result<T, Error>
where
    T: Decode<'r, MySql> + Type<MySql>,
{
    row.try_get(column).map_err(failure)
}

async fn refuse_several_writers(
    connection: &mut MySqlConnection,
    failure: fn(sqlx::Error) -> Error,
) -> Result<(), Error> {
    let step: i64 = query_scalar(STEP).fetch_one(&mut *connection).await.map_err(failure)?;
    let galera = raw_sql(GALERA).fetch_optional(connection).await.map_err(failure)?;
    let galera: Option<&str> = galera.as_ref().map(|row| row.try_get(1)).transpose().map_err(failure)?;
    if step == 1 && !galera.is_some_and(|on| on.eq_ignore_ascii_case("on")) {
        return Ok(());
    }
    let why = "several servers of a cluster number the changes: use a bus beside the store";
    Err(Error::with_source(ErrorKind::Configuration, why))
}
