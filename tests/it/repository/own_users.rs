//! Stores whose users are in a table of the application's own: three databases, three types of id.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, MySqlPool, PgPool};
use tower_tokens::clock::Timestamp;
use tower_tokens::conformance::{StoreUnderTest, an_outage_is_an_error_and_never_none};
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{
    ChangeBus, Ended, Found, Lookup, MySqlRepository, NewToken, Page, PageRequest, PostgresRepository, Regenerated,
    Replacement, Rotation, SqliteRepository, Supersession, TokenRepository, UserTable,
};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::{mysql, postgres};

/// How the ids of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    Integer,
    Uuid,
    Text,
}

/// A database of the application, in which plain SQL is run.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Postgres(PgPool),
    MySql(MySqlPool),
    Sqlite(SqlitePool),
}

impl Database {
    pub(super) async fn run(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Postgres(pool) => sql.execute(pool).await.map(drop),
            Self::MySql(pool) => sql.execute(pool).await.map(drop),
            Self::Sqlite(pool) => sql.execute(pool).await.map(drop),
        }
    }

    /// Drops what announces changes.
    pub(super) async fn drop_triggers(&self) {
        let names: Vec<String> = match self {
            Self::Sqlite(pool) => {
                let names = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
                sqlx::query_scalar(names).fetch_all(pool).await.unwrap()
            }
            Self::MySql(pool) => {
                let names = "SELECT CONVERT(trigger_name USING utf8mb4) FROM information_schema.triggers
                    WHERE event_object_schema = DATABASE()";
                sqlx::query_scalar(names).fetch_all(pool).await.unwrap()
            }
            Self::Postgres(_) => Vec::new(),
        };
        for name in names {
            self.run(&format!("DROP TRIGGER {name}")).await.unwrap();
        }
    }

    /// The type of an id, as applications write it.
    fn id_type(&self, ids: Ids) -> &'static str {
        match (self, ids) {
            (Self::Sqlite(_), Ids::Integer) => "INTEGER",
            (_, Ids::Integer) => "INT",
            (Self::Postgres(_), Ids::Uuid) => "uuid",
            (_, Ids::Uuid) => "CHAR(36)",
            (Self::Postgres(_), Ids::Text) => "text",
            (_, Ids::Text) => "VARCHAR(100)",
        }
    }

    /// The application's tables.
    pub(super) async fn create_users(&self, ids: Ids) {
        let id = self.id_type(ids);
        let key = if matches!((self, ids), (Self::Sqlite(_), Ids::Integer)) {
            "PRIMARY KEY AUTOINCREMENT"
        } else {
            "NOT NULL PRIMARY KEY"
        };
        let users = format!(
            "CREATE TABLE users (id {id} {key}, email VARCHAR(100), name VARCHAR(100), password_hash VARCHAR(200),
                role VARCHAR(30), banned_at TIMESTAMP NULL, created_at INT NULL)"
        );
        self.run(&users).await.unwrap();
    }
}

/// A store under test beside its application.
#[derive(Debug)]
pub(super) struct Site<S> {
    pub(super) store: S,
    pub(super) database: Database,
    ids: Ids,
    next: AtomicU64,
}

impl<S> Deref for Site<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.store
    }
}

impl<S> Site<S> {
    pub(super) fn new(store: S, database: Database, ids: Ids) -> Self {
        Self { store, database, ids, next: AtomicU64::new(1) }
    }

    fn next_id(&self) -> UserId {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        match self.ids {
            Ids::Integer => UserId::from(number as i64),
            Ids::Uuid => UserId::from(format!("018f4e2a-7c1b-7d32-9a54-{number:012x}")),
            Ids::Text => UserId::from(format!("user {number}")),
        }
    }

    pub(super) async fn change(&self, user: &UserId, what: &str) -> Result<(), Error> {
        self.run(&format!("UPDATE users SET {what} WHERE id = {}", literal(user))).await
    }

    pub(super) async fn run(&self, sql: &str) -> Result<(), Error> {
        self.database.run(sql).await.map_err(|error| Error::with_source(ErrorKind::Unavailable, error))
    }
}

pub(super) fn literal(user: &UserId) -> String {
    user.as_integer().map_or_else(|| format!("'{}'", user.as_text().unwrap_or_default()), |number| number.to_string())
}

#[async_trait]
impl<S: TokenRepository + Debug> TokenRepository for Site<S> {
    fn change_bus(&self) -> Option<Arc<dyn ChangeBus>> {
        self.store.change_bus()
    }

    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        self.store.insert(token).await
    }

    fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Lookup> {
        self.store.find_now(token, now)
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        self.store.find(token, now).await
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        self.store.delete(token).await
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.store.delete_by_id(user, id).await
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        self.store.replace(replacement).await
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        self.store.touch(user, id, now).await
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        self.store.delete_by_user(user, kinds, keep).await
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        self.store.list_by_user(user, kinds, page, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.store.delete_expired(now, limit).await
    }

    async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
        self.store.supersede(supersession).await
    }

    async fn rotation(&self, token: TokenKey<'_>) -> Result<Option<String>, Error> {
        self.store.rotation(token).await
    }

    async fn rotate(&self, rotation: Rotation<'_>) -> Result<bool, Error> {
        self.store.rotate(rotation).await
    }
}

#[async_trait]
impl<S: TokenRepository + Debug> StoreUnderTest for Site<S> {
    async fn add_user(&self, level: &str) -> Result<UserId, Error> {
        let user = self.next_id();
        let values = format!("({}, 'ann@example.org', 'hash', '{level}')", literal(&user));
        self.run(&format!("INSERT INTO users (id, email, password_hash, role) VALUES {values}")).await?;
        Ok(user)
    }

    async fn move_user(&self, user: &UserId, level: &str) -> Result<(), Error> {
        self.change(user, &format!("role = '{level}'")).await
    }

    async fn shut_out_user(&self, user: &UserId, shut_out: bool) -> Result<(), Error> {
        self.change(user, if shut_out { "banned_at = CURRENT_TIMESTAMP" } else { "banned_at = NULL" }).await
    }

    async fn remove_user(&self, user: &UserId) -> Result<(), Error> {
        self.run(&format!("DELETE FROM users WHERE id = {}", literal(user))).await
    }

    fn absent_user(&self) -> UserId {
        match self.ids {
            Ids::Integer => UserId::from(424_242_424),
            Ids::Uuid => UserId::from("ffffffff-ffff-ffff-ffff-ffffffffffff"),
            Ids::Text => UserId::from("absent"),
        }
    }
}

/// What the application says about its users.
pub(super) fn users() -> UserTable {
    UserTable::new("users").id("id").level("role").disabled("banned_at IS NOT NULL")
}

/// The same of users whose ids are like these, and the setting that goes with each.
fn users_with(ids: Ids) -> UserTable {
    match ids {
        Ids::Integer => users(),
        Ids::Uuid => users().ends_with("password_hash").foreign_key(),
        Ids::Text => users().foreign_key(),
    }
}

macro_rules! sites {
    ($module:ident, $repository:ty, $variant:ident, $open:expr) => {
        pub(super) mod $module {
            use super::*;

            pub(in crate::repository) type Store = Site<
                tower_tokens::repository::SqlRepository<
                    tower_tokens::repository::$variant,
                    tower_tokens::repository::OwnUsers,
                >,
            >;

            /// A store of an application whose users have ids like these, and say this about themselves.
            pub(in crate::repository) async fn with(ids: Ids, users: UserTable) -> (Store, impl Send) {
                let (repository, kept): ($repository, _) = $open.await;
                (in_database_of(repository, ids, users).await, kept)
            }

            async fn in_database_of(repository: $repository, ids: Ids, users: UserTable) -> Store {
                let database = Database::$variant(repository.pool().clone());
                database.create_users(ids).await;
                let store = repository.with_users(users);
                store.migrate().await.unwrap();
                Site::new(store, database, ids)
            }

            async fn integer() -> (Store, impl Send) {
                with(Ids::Integer, users_with(Ids::Integer)).await
            }

            async fn uuid() -> (Store, impl Send) {
                with(Ids::Uuid, users_with(Ids::Uuid)).await
            }

            async fn text() -> (Store, impl Send) {
                with(Ids::Text, users_with(Ids::Text)).await
            }

            tower_tokens::repository_conformance!(integer_ids, super::integer());
            tower_tokens::family_conformance!(families, super::integer());
            tower_tokens::repository_conformance!(uuid_ids, super::uuid());
            tower_tokens::repository_conformance!(text_ids, super::text());

            #[tokio::test]
            async fn a_second_migration_does_no_harm_and_the_default_tables_may_lie_beside() {
                for ids in [Ids::Integer, Ids::Uuid, Ids::Text] {
                    let (repository, _kept): ($repository, _) = $open.await;
                    repository.migrate().await.unwrap();
                    let store = in_database_of(repository.clone(), ids, users_with(ids)).await;
                    let user = store.add_user("member").await.unwrap();
                    let (key, now) = (TokenKey::new("token"), Timestamp::from_unix_seconds(10));
                    let record = TokenRecord::new(TokenId::new(1), now, Lifetime::hours(1));
                    store.insert(NewToken { key, user: &user, record }).await.unwrap();
                    store.store.migrate().await.expect("a second time does no harm");
                    repository.migrate().await.expect("nor here");
                    assert_eq!(*store.find(key, now).await.unwrap().expect("the token is there").user(), user);
                }
            }

            #[tokio::test]
            async fn an_outage_is_an_error() {
                let (store, _kept) = integer().await;
                an_outage_is_an_error_and_never_none(store, async |store: &Store| store.pool().close().await).await;
            }
        }
    };
}

async fn sqlite() -> (SqliteRepository, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let repository = SqliteRepository::open(directory.path().join("app.db")).await.unwrap();
    (repository, directory)
}

async fn postgres() -> (PostgresRepository, ()) {
    (PostgresRepository::with_pool(postgres::fresh_pool().await), ())
}

async fn mysql() -> (MySqlRepository, ()) {
    (MySqlRepository::with_pool(mysql::fresh_pool().await), ())
}

sites!(on_sqlite, SqliteRepository, Sqlite, sqlite());
sites!(on_postgres, PostgresRepository, Postgres, postgres());
sites!(on_mysql, MySqlRepository, MySql, mysql());
