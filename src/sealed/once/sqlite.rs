//! Redeemed tokens in an SQLite database.

use async_trait::async_trait;
use sqlx::SqlitePool;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::sealed::once::redemption::{Redemption, RedemptionRepository, ReserveOutcome};
use crate::sqlite::{Query, Writer, sqlite_error};

/// Not among the migrations of the token store: one-time tokens may have a database of their own.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS tower_tokens_redemptions (
    uuid BLOB PRIMARY KEY CHECK (length(uuid) = 16),
    holder BLOB NOT NULL,
    lease_ends_at INTEGER NOT NULL,
    keep_until INTEGER,
    used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID";

const INDEX: &str =
    "CREATE INDEX IF NOT EXISTS tower_tokens_redemptions_by_end ON tower_tokens_redemptions (keep_until)
WHERE keep_until IS NOT NULL";

/// Redeemed tokens in an SQLite database, beside the application's own tables or our
/// [`SqliteRepository`](crate::repository::SqliteRepository)'s: in the table `tower_tokens_redemptions`.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::repository::SqliteRepository;
/// use tower_tokens::sealed::{Key, KeyRing, Sealer, SqliteRedemptions};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("members.db");
/// let repository = SqliteRepository::open(&path).await?;
/// let store = SqliteRedemptions::with_pool(repository.pool().clone()).await?;
/// let sealer = Sealer::new(KeyRing::new(Key::generate("2026-11")?), "voucher")?;
/// let voucher = sealer.seal(&500, Duration::days(30))?;
///
/// let work = async |voucher: tower_tokens::sealed::Opened<i64>| Ok::<_, tower_tokens::error::Error>(voucher.into_payload());
/// assert_eq!(sealer.redeem(voucher.expose_secret(), &store, work).await?, 500);
/// assert!(sealer.redeem(voucher.expose_secret(), &store, work).await.is_err());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteRedemptions(Writer);

impl SqliteRedemptions {
    /// Keeps them in this database, in which the table is created if it is not there.
    ///
    /// Changes use one more connection with the pool's options, except in a database in memory and with
    /// `locking_mode(Exclusive)`: there they share the pool. Each call has 5 seconds, the wait for the lock of other
    /// processes included, and fails as [`TimedOut`](crate::error::ErrorKind::TimedOut) after that.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) or [`TimedOut`](crate::error::ErrorKind::TimedOut) when the
    /// database does not answer.
    pub async fn with_pool(pool: SqlitePool) -> Result<Self, Error> {
        let writer = Writer::beside(pool).await.map_err(sqlite_error)?;
        let mut transaction = writer.begin().await.map_err(sqlite_error)?;
        for statement in [TABLE, INDEX] {
            transaction.run(|connection| sqlx::query(statement).execute(connection)).await.map_err(sqlite_error)?;
        }
        transaction.commit().await?;
        Ok(Self(writer))
    }

    async fn change(&self, query: Query<'_>) -> Result<u64, Error> {
        self.0.change(query).await.map_err(sqlite_error)
    }
}

#[async_trait]
impl RedemptionRepository for SqliteRedemptions {
    async fn reserve(&self, redemption: &Redemption) -> Result<ReserveOutcome, Error> {
        // Of two that race, the second sees what the first has written.
        let reserve = sqlx::query(
            "INSERT INTO tower_tokens_redemptions (uuid, holder, lease_ends_at, keep_until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (uuid) DO UPDATE SET holder = excluded.holder, lease_ends_at = excluded.lease_ends_at,
             keep_until = max(keep_until, excluded.keep_until) -- NULL, which is never, if either is
             WHERE used = 0 AND lease_ends_at <= ?5",
        )
        .bind(redemption.uuid.as_bytes().as_slice())
        .bind(redemption.holder.as_bytes().as_slice())
        .bind(redemption.lease_ends_at.unix_seconds())
        .bind(redemption.keep_until.at().map(Timestamp::unix_seconds))
        .bind(redemption.now.unix_seconds());
        let mut transaction = self.0.begin().await.map_err(sqlite_error)?;
        let reserved = transaction.run(|connection| reserve.execute(connection)).await.map_err(sqlite_error)?;
        if reserved.rows_affected() == 1 {
            transaction.commit().await?;
            return Ok(ReserveOutcome::Reserved);
        }
        let used = sqlx::query_scalar("SELECT used FROM tower_tokens_redemptions WHERE uuid = ?1")
            .bind(redemption.uuid.as_bytes().as_slice());
        let used = transaction.run(|connection| used.fetch_optional(connection)).await.map_err(sqlite_error)?;
        // Gone meanwhile: it was in use when this redemption came.
        Ok(if used.unwrap_or(0_i64) == 1 { ReserveOutcome::Used } else { ReserveOutcome::InUse })
    }

    async fn commit(&self, redemption: &Redemption) -> Result<bool, Error> {
        let used =
            sqlx::query("UPDATE tower_tokens_redemptions SET used = 1 WHERE uuid = ?1 AND holder = ?2 AND used = 0")
                .bind(redemption.uuid.as_bytes().as_slice())
                .bind(redemption.holder.as_bytes().as_slice());
        Ok(self.change(used).await? == 1)
    }

    async fn release(&self, redemption: &Redemption) -> Result<(), Error> {
        let release = sqlx::query("DELETE FROM tower_tokens_redemptions WHERE uuid = ?1 AND holder = ?2 AND used = 0")
            .bind(redemption.uuid.as_bytes().as_slice())
            .bind(redemption.holder.as_bytes().as_slice());
        self.change(release).await.map(drop)
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let deleted = sqlx::query(
            "DELETE FROM tower_tokens_redemptions WHERE uuid IN
             (SELECT uuid FROM tower_tokens_redemptions WHERE keep_until <= ?1 LIMIT ?2)",
        )
        .bind(now.unix_seconds())
        .bind(i64::from(limit));
        self.change(deleted).await
    }
}
