//! The application's database: its table of users, and the store of tokens beside it.

use std::error::Error;

use argon2::{Argon2, PasswordHasher};
use sqlx::{AssertSqlSafe, MySqlPool, PgPool, SqlitePool};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MySqlRepository, PostgresRepository, SqliteRepository, UserTable};

/// What handlers know of a user besides id and role.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Profile {
    pub(super) email: String,
}

/// The application's own connections.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Postgres(PgPool),
    MySql(MySqlPool),
    Sqlite(SqlitePool),
}

/// One statement, on whichever database it is.
macro_rules! on_database {
    ($database:expr, $pool:ident => $run:expr) => {
        match $database {
            Database::Postgres($pool) => $run,
            Database::MySql($pool) => $run,
            Database::Sqlite($pool) => $run,
        }
    };
}

/// All that the crate has to know about the application's table.
fn users() -> UserTable {
    UserTable::new("users")
        .id("id")
        .level("role")
        .disabled("banned_at IS NOT NULL")
        .ends_with("password_hash")
        .data::<Profile>(["email"])
        .foreign_key()
}

impl Database {
    /// Connects to the database that this URL names.
    pub(super) async fn open(url: &str, creates_demo: bool) -> Result<(Self, Tokens), Box<dyn Error>> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let repository = SqliteRepository::open(path.trim_start_matches("//")).await?;
            let database = Self::Sqlite(repository.pool().clone());
            database.prepare(creates_demo).await?;
            let repository = repository.with_users(users());
            repository.migrate().await?;
            Ok((database, Tokens::new(repository)))
        } else if url.starts_with("mysql:") || url.starts_with("mariadb:") {
            let repository = MySqlRepository::connect(url).await?;
            let database = Self::MySql(repository.pool().clone());
            database.prepare(creates_demo).await?;
            let repository = repository.with_users(users());
            repository.migrate().await?;
            Ok((database, Tokens::new(repository)))
        } else {
            let repository = PostgresRepository::connect(url).await?;
            let database = Self::Postgres(repository.pool().clone());
            database.prepare(creates_demo).await?;
            let repository = repository.with_users(users());
            repository.migrate().await?;
            Ok((database, Tokens::new(repository)))
        }
    }

    /// The id and password hash of the user with this address who is not banned.
    pub(super) async fn account(&self, email: &str) -> Result<Option<(String, String)>, sqlx::Error> {
        match self {
            Self::Postgres(pool) => {
                let account = "SELECT id::text, password_hash FROM users WHERE email = $1 AND banned_at IS NULL";
                sqlx::query_as(account).bind(email).fetch_optional(pool).await
            }
            Self::MySql(pool) => {
                let account = "SELECT CAST(id AS CHAR), password_hash FROM users WHERE email = ? AND banned_at IS NULL";
                sqlx::query_as(account).bind(email).fetch_optional(pool).await
            }
            Self::Sqlite(pool) => {
                let account = "SELECT id, password_hash FROM users WHERE email = ? AND banned_at IS NULL";
                sqlx::query_as(account).bind(email).fetch_optional(pool).await
            }
        }
    }

    /// The table with its two users, if it is asked for and not there.
    async fn prepare(&self, creates_demo: bool) -> Result<(), Box<dyn Error>> {
        if !creates_demo {
            return Ok(());
        }
        let id = if matches!(self, Self::Postgres(_)) { "uuid" } else { "char(36)" };
        let table = format!(
            "CREATE TABLE IF NOT EXISTS users (
                id {id} NOT NULL PRIMARY KEY,
                email varchar(254) NOT NULL UNIQUE,
                password_hash varchar(200) NOT NULL,
                role varchar(30) NOT NULL,
                banned_at timestamp NULL
            )"
        );
        on_database!(self, pool => sqlx::query(AssertSqlSafe(table)).execute(pool).await.map(drop))?;
        for (number, name, role) in [(1, "anna", "member"), (2, "admin", "admin")] {
            let email = format!("{name}@example.org");
            let count = AssertSqlSafe(format!("SELECT count(*) FROM users WHERE email = '{email}'"));
            let count: i64 = on_database!(self, pool => sqlx::query_scalar(count).fetch_one(pool).await)?;
            if count > 0 {
                continue;
            }
            let hash = Argon2::default().hash_password(format!("{name}-password").as_bytes())?.to_string();
            // Nothing in it comes from outside.
            let user = AssertSqlSafe(format!(
                "INSERT INTO users (id, email, password_hash, role)
                VALUES ('018f4e2a-7c1b-7d32-9a54-{number:012}', '{email}', '{hash}', '{role}')"
            ));
            on_database!(self, pool => sqlx::query(user).execute(pool).await.map(drop))?;
        }
        Ok(())
    }
}
