//! The site's own table, beside the tokens in the same database file: user names, e-mail addresses, password hashes.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqlitePool};
use tower_tokens::repository::{SqliteRepository, WriteTransaction};
use tower_tokens::user::UserId;

use super::failure::Failure;

/// One person, as the site knows them. Levels and bans are the crate's.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) user_id: UserId,
    pub(super) username: String,
    pub(super) email: String,
}

/// The table of accounts.
#[derive(Debug, Clone)]
pub(super) struct Accounts {
    users: SqliteRepository,
    /// For reading. What changes something is a transaction of `users`, which waits for other processes without keeping
    /// a connection that others need.
    pool: SqlitePool,
}

/// Why an account was not inserted.
#[derive(Debug)]
pub(super) enum InsertError {
    UsernameTaken,
    Database(Failure),
}

impl Accounts {
    /// The table in this database, created if it is not there.
    pub(super) async fn open(users: SqliteRepository) -> Result<Self, Failure> {
        let mut transaction = users.begin().await?;
        // User names are ASCII (see `registration`), so NOCASE compares them as people do.
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS members_area_accounts (
                 user_id INTEGER PRIMARY KEY REFERENCES tower_tokens_users (id) ON DELETE CASCADE,
                 username TEXT NOT NULL UNIQUE COLLATE NOCASE,
                 email TEXT NOT NULL,
                 password_hash TEXT NOT NULL
             ) STRICT",
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "CREATE INDEX IF NOT EXISTS members_area_accounts_by_email ON members_area_accounts (email COLLATE NOCASE)",
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Self { pool: users.pool().clone(), users })
    }

    /// Whether there is no account yet.
    pub(super) async fn is_empty(&self) -> Result<bool, sqlx::Error> {
        let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM members_area_accounts)").fetch_one(&self.pool).await?;
        Ok(row.try_get::<i64, _>(0)? == 0)
    }

    /// Inserts the account in the transaction that created its user.
    pub(super) async fn insert(
        transaction: &mut WriteTransaction,
        account: &Account,
        password_hash: &str,
    ) -> Result<(), InsertError> {
        sqlx::query("INSERT INTO members_area_accounts (user_id, username, email, password_hash) VALUES (?, ?, ?, ?)")
            .bind(account.user_id.as_integer())
            .bind(&account.username)
            .bind(&account.email)
            .bind(password_hash)
            .execute(&mut **transaction)
            .await
            .map_err(|error| match error.as_database_error() {
                Some(database) if database.is_unique_violation() => InsertError::UsernameTaken,
                _ => InsertError::Database(error.into()),
            })?;
        Ok(())
    }

    /// The account with this user name, in any case, and its password hash.
    pub(super) async fn by_username(&self, username: &str) -> Result<Option<(Account, String)>, sqlx::Error> {
        sqlx::query("SELECT user_id, username, email, password_hash FROM members_area_accounts WHERE username = ?")
            .bind(username)
            .fetch_optional(&self.pool)
            .await?
            .map(|row| account_with_password(&row))
            .transpose()
    }

    /// The accounts with this user name or e-mail address, in any case, the oldest first, and their password hashes. Several
    /// accounts may have one address, but no one may fill another's mailbox with e-mails.
    pub(super) async fn by_username_or_email(&self, text: &str) -> Result<Vec<(Account, String)>, sqlx::Error> {
        sqlx::query(
            "SELECT user_id, username, email, password_hash FROM members_area_accounts
             WHERE username = ?1 OR email = ?1 COLLATE NOCASE ORDER BY user_id LIMIT 5",
        )
        .bind(text)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(account_with_password)
        .collect()
    }

    /// The account of this user, and its password hash.
    pub(super) async fn by_user_with_password(&self, user: &UserId) -> Result<Option<(Account, String)>, sqlx::Error> {
        sqlx::query("SELECT user_id, username, email, password_hash FROM members_area_accounts WHERE user_id = ?")
            .bind(user.as_integer())
            .fetch_optional(&self.pool)
            .await?
            .map(|row| account_with_password(&row))
            .transpose()
    }

    /// Replaces this password hash. `false`: the user has another one by now, or is gone.
    pub(super) async fn change_password(&self, user: &UserId, old: &str, new: &str) -> Result<bool, Failure> {
        let mut transaction = self.users.begin().await?;
        let changed =
            sqlx::query("UPDATE members_area_accounts SET password_hash = ? WHERE user_id = ? AND password_hash = ?")
                .bind(new)
                .bind(user.as_integer())
                .bind(old)
                .execute(&mut *transaction)
                .await?;
        transaction.commit().await?;
        Ok(changed.rows_affected() == 1)
    }

    pub(super) async fn by_user(&self, user: &UserId) -> Result<Option<Account>, sqlx::Error> {
        sqlx::query("SELECT user_id, username, email FROM members_area_accounts WHERE user_id = ?")
            .bind(user.as_integer())
            .fetch_optional(&self.pool)
            .await?
            .map(|row| account(&row))
            .transpose()
    }
}

fn account(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    Ok(Account {
        user_id: row.try_get::<i64, _>("user_id")?.into(),
        username: row.try_get("username")?,
        email: row.try_get("email")?,
    })
}

fn account_with_password(row: &SqliteRow) -> Result<(Account, String), sqlx::Error> {
    Ok((account(row)?, row.try_get("password_hash")?))
}
