//! What a row of the application's own table says holds at the next look-up; what it cannot say is a clear error.

use std::fmt::Debug;

use serde::Deserialize;
use tower_tokens::clock::Timestamp;
use tower_tokens::conformance::StoreUnderTest as _;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{
    Found, NewToken, PageRequest, Replacement, SqliteRepository, Supersession, TokenRepository, UserTable,
};
use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKind, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::own_users::{Database, Ids, Site, literal, on_mysql, on_postgres, on_sqlite, users};
use crate::repository::{mysql, postgres};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

fn record(id: i64) -> TokenRecord {
    TokenRecord::new(TokenId::new(id), NOW, Lifetime::hours(1))
}

async fn insert<S: TokenRepository + Debug>(site: &Site<S>, text: &str, user: &UserId, id: i64) {
    site.insert(NewToken { key: TokenKey::new(text), user, record: record(id) }).await.unwrap();
}

async fn find<S: TokenRepository + Debug>(site: &Site<S>, text: &str) -> Option<Found> {
    site.find(TokenKey::new(text), NOW).await.unwrap()
}

fn source(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

/// Role, ban, password and deletion, by plain SQL.
async fn a_change_of_the_row_holds_at_once<S: TokenRepository + Debug>(site: &Site<S>) {
    let (ann, bob) = (site.add_user("member").await.unwrap(), site.add_user("admin").await.unwrap());
    insert(site, "ann", &ann, 1).await;
    insert(site, "bob", &bob, 2).await;
    let found = find(site, "ann").await.expect("the token is valid");
    assert_eq!((found.user(), found.level().title(), found.data()), (&ann, "member", None));
    let admin = find(site, "bob").await.unwrap().level().clone();

    site.change(&ann, "role = 'admin'").await.unwrap();
    assert_eq!(*find(site, "ann").await.unwrap().level(), admin, "equal titles are one level");
    site.change(&ann, "role = NULL").await.unwrap();
    assert_eq!(find(site, "ann").await, None, "a user without a level");
    let replacement = Replacement {
        old: TokenKey::new("ann"),
        new: TokenKey::new("new"),
        limits: NewLimits::Keep,
        authenticated_at: None,
        now: NOW,
    };
    assert_eq!(site.replace(replacement.clone()).await.unwrap(), None);
    assert!(!site.touch(&ann, TokenId::new(1), NOW).await.unwrap());
    site.change(&ann, "role = 'member', banned_at = CURRENT_TIMESTAMP").await.unwrap();
    assert_eq!(find(site, "ann").await, None, "banned");
    assert!(!site.touch(&ann, TokenId::new(1), NOW).await.unwrap());
    site.change(&ann, "banned_at = NULL").await.unwrap();
    assert!(find(site, "ann").await.is_some());

    // A token that is regenerated between two changes of the password.
    assert!(site.replace(replacement).await.unwrap().is_some());
    site.change(&ann, "password_hash = 'another'").await.unwrap();
    assert_eq!(find(site, "new").await, None, "another password");
    let listed =
        async || site.list_by_user(&ann, TokenKinds::ALL, PageRequest::default(), NOW).await.unwrap().items.len();
    assert_eq!(listed().await, 0, "what is over is not listed");
    insert(site, "later", &ann, 3).await;
    assert_eq!(listed().await, 1);
    site.change(&ann, "password_hash = NULL").await.unwrap();
    assert_eq!(find(site, "later").await, None, "no password is another one too");
    insert(site, "without", &ann, 4).await;
    assert!(find(site, "without").await.is_some());
    site.change(&ann, "email = 'other@example.org'").await.unwrap();
    assert!(find(site, "without").await.is_some(), "no other column ends a token");

    site.remove_user(&ann).await.unwrap();
    assert_eq!(find(site, "without").await, None);
    site.run(&format!("INSERT INTO users (id, role) VALUES ({}, 'admin')", literal(&ann))).await.unwrap();
    assert_eq!(find(site, "without").await, None, "a foreign key took the token along");
    assert!(find(site, "bob").await.is_some(), "others stay");
}

/// A new password ends logins and pairs, and no script.
async fn a_new_password_ends_logins_and_pairs_and_no_api_token<S: TokenRepository + Debug>(site: &Site<S>) {
    let ann = site.add_user("member").await.unwrap();
    let kinds = [(1, TokenKind::Login), (2, TokenKind::Api), (3, TokenKind::Refresh), (4, TokenKind::Access)];
    for (id, kind) in kinds {
        let mut record = record(id).with_kind(kind);
        if kind == TokenKind::Access {
            record = record.with_family(TokenId::new(3));
        }
        site.insert(NewToken { key: TokenKey::new(kind.as_str()), user: &ann, record }).await.unwrap();
    }
    for (_, kind) in kinds {
        assert!(find(site, kind.as_str()).await.is_some(), "{kind}");
    }
    site.change(&ann, "password_hash = 'another'").await.unwrap();
    for (_, kind) in kinds {
        assert_eq!(find(site, kind.as_str()).await.is_some(), kind == TokenKind::Api, "{kind}");
    }
    let listed = site.list_by_user(&ann, TokenKinds::ALL, PageRequest::default(), NOW).await.unwrap().items;
    assert_eq!(listed.iter().map(TokenRecord::kind).collect::<Vec<_>>(), [TokenKind::Api]);
    let (id, successor) = (TokenId::new(2), TokenId::new(5));
    let supersession = Supersession { user: &ann, id, successor, until: NOW + time::Duration::MINUTE, now: NOW };
    assert!(site.supersede(supersession).await.unwrap(), "and it can be rotated");
}

#[tokio::test]
async fn a_new_password_ends_no_api_token_on_sqlite() {
    a_new_password_ends_logins_and_pairs_and_no_api_token(&on_sqlite::with(Ids::Text, all_settings()).await.0).await;
}

#[tokio::test]
async fn a_new_password_ends_no_api_token_on_postgres() {
    a_new_password_ends_logins_and_pairs_and_no_api_token(&on_postgres::with(Ids::Uuid, all_settings()).await.0).await;
}

#[tokio::test]
async fn a_new_password_ends_no_api_token_on_mysql() {
    a_new_password_ends_logins_and_pairs_and_no_api_token(&on_mysql::with(Ids::Integer, all_settings()).await.0).await;
}

fn all_settings() -> UserTable {
    users().ends_with("password_hash").foreign_key()
}

#[tokio::test]
async fn a_change_of_the_row_holds_at_once_on_sqlite() {
    a_change_of_the_row_holds_at_once(&on_sqlite::with(Ids::Text, all_settings()).await.0).await;
}

#[tokio::test]
async fn a_change_of_the_row_holds_at_once_on_postgres() {
    a_change_of_the_row_holds_at_once(&on_postgres::with(Ids::Uuid, all_settings()).await.0).await;
}

#[tokio::test]
async fn a_change_of_the_row_holds_at_once_on_mysql() {
    a_change_of_the_row_holds_at_once(&on_mysql::with(Ids::Integer, all_settings()).await.0).await;
}

#[derive(Debug, PartialEq, Deserialize)]
struct Profile {
    email: String,
    name: Option<String>,
    created_at: Option<i32>,
    banned_at: Option<String>,
}

/// Columns of several types come along, and what is wrong is an error and never a user without data.
async fn columns_come_along<S: TokenRepository + Debug>(site: &Site<S>) {
    let ann = site.add_user("member").await.unwrap();
    insert(site, "ann", &ann, 1).await;
    let profile = async || find(site, "ann").await.unwrap().data().cloned().expect("there is data");
    let expected = Profile { email: "ann@example.org".to_owned(), name: None, created_at: None, banned_at: None };
    assert_eq!(profile().await.get::<Profile>(), Some(&expected));
    assert!(profile().await.get::<String>().is_none(), "of another type");
    site.change(&ann, "name = 'Ann', created_at = 7, email = 'new@example.org'").await.unwrap();
    let data = profile().await;
    let found = data.get::<Profile>().unwrap();
    assert_eq!(
        (found.email.as_str(), found.name.as_deref(), found.created_at),
        ("new@example.org", Some("Ann"), Some(7))
    );
    site.change(&ann, "email = NULL").await.unwrap();
    let error = site.find(TokenKey::new("ann"), NOW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!format!("{error:?}").contains("Ann"), "no data stands in an error: {error:?}");
}

fn with_data() -> UserTable {
    users().foreign_key().data::<Profile>(["email", "name", "created_at", "banned_at"])
}

#[tokio::test]
async fn columns_come_along_on_sqlite() {
    columns_come_along(&on_sqlite::with(Ids::Integer, with_data()).await.0).await;
}

#[tokio::test]
async fn columns_come_along_on_postgres() {
    columns_come_along(&on_postgres::with(Ids::Uuid, with_data()).await.0).await;
}

#[tokio::test]
async fn columns_come_along_on_mysql() {
    columns_come_along(&on_mysql::with(Ids::Text, with_data()).await.0).await;
}

#[derive(Debug, PartialEq, Deserialize)]
struct Everything {
    small: i16,
    big: i64,
    share: f64,
    is_new: bool,
    bytes: Vec<u8>,
    price: String,
    note: String,
}

#[tokio::test]
async fn every_type_of_postgres_comes_as_it_is_said() {
    let (repository, ()) = postgres::fresh().await;
    let tables = "CREATE TYPE role AS ENUM ('member', 'admin');
        CREATE TABLE people (id uuid PRIMARY KEY, small smallint, big bigint, share real, is_new boolean, bytes bytea,
            price numeric(8, 2), note json, role role);
        INSERT INTO people VALUES ('018f4e2a-7c1b-7d32-9a54-0123456789ab', -3, 9000000000, 0.5, true, '\\x0102', 12.50,
            '{\"a\":1}', 'admin')";
    sqlx::raw_sql(tables).execute(repository.pool()).await.unwrap();
    let people = UserTable::new("people").level("role").disabled("NOT is_new");
    let people = people.data::<Everything>(["small", "big", "share", "is_new", "bytes", "price", "note"]);
    let store = repository.with_users(people);
    store.migrate().await.unwrap();
    let user = UserId::from("018f4e2a-7c1b-7d32-9a54-0123456789ab");
    store.insert(NewToken { key: TokenKey::new("t"), user: &user, record: record(1) }).await.unwrap();
    let found = store.find(TokenKey::new("t"), NOW).await.unwrap().unwrap();
    assert_eq!((found.user(), found.level().title()), (&user, "admin"), "an enum is a title");
    let expected = Everything {
        small: -3,
        big: 9_000_000_000,
        share: 0.5,
        is_new: true,
        bytes: vec![1, 2],
        price: "12.50".to_owned(),
        note: "{\"a\":1}".to_owned(),
    };
    assert_eq!(found.data().unwrap().get::<Everything>(), Some(&expected));
    sqlx::raw_sql("UPDATE people SET is_new = NULL").execute(store.pool()).await.unwrap();
    assert_eq!(store.find(TokenKey::new("t"), NOW).await.unwrap(), None, "a condition that is not known holds");
}

#[tokio::test]
async fn every_type_of_mysql_comes_as_it_is_said() {
    let (repository, ()) = mysql::fresh().await;
    let tables =
        "CREATE TABLE people (id CHAR(36) CHARACTER SET ascii PRIMARY KEY, small SMALLINT, big BIGINT UNSIGNED,
            share FLOAT, is_new BOOLEAN, bytes VARBINARY(9), price DECIMAL(8, 2), note LONGTEXT,
            role ENUM('member', 'admin'));
        INSERT INTO people VALUES ('018f4e2a-7c1b-7d32-9a54-0123456789ab', -3, 9000000000, 0.5, true, X'0102', 12.50,
            'é', 'admin')";
    sqlx::raw_sql(tables).execute(repository.pool()).await.unwrap();
    let people = UserTable::new("people").level("role").disabled("NOT is_new");
    let people = people.data::<Everything>(["small", "big", "share", "is_new", "bytes", "price", "note"]);
    let store = repository.with_users(people);
    store.migrate().await.unwrap();
    let user = UserId::from("018f4e2a-7c1b-7d32-9a54-0123456789ab");
    store.insert(NewToken { key: TokenKey::new("t"), user: &user, record: record(1) }).await.unwrap();
    let found = store.find(TokenKey::new("t"), NOW).await.unwrap().unwrap();
    assert_eq!((found.user(), found.level().title()), (&user, "admin"), "an enum is a title");
    let data = found.data().unwrap();
    let found = data.get::<Everything>().unwrap();
    assert_eq!((found.small, found.big, found.share, found.is_new), (-3, 9_000_000_000, 0.5, true));
    assert_eq!((&found.bytes[..], found.price.as_str(), found.note.as_str()), (&[1, 2][..], "12.50", "é"));
}

/// Levels as numbers and in a table of their own.
async fn levels_are_numbers_or_in_a_table<S: TokenRepository + Debug>(
    database: &Database,
    open: impl AsyncFn(UserTable) -> S,
) {
    let tables = "CREATE TABLE roles (role_id INT NOT NULL PRIMARY KEY, title VARCHAR(30));
        INSERT INTO roles VALUES (1, 'admin'), (2, 'member'), (3, NULL);
        CREATE TABLE clients (id INT NOT NULL PRIMARY KEY, role INT, rank_of INT);
        INSERT INTO clients VALUES (1, 2, 70), (2, 3, NULL), (3, NULL, 5), (4, 9, 6)";
    database.run(tables).await.unwrap();
    let store = open(UserTable::new("clients").level_table("role", "roles", "role_id", "title")).await;
    let find = async |number: i64| {
        let text = format!("token {number}");
        store.find(TokenKey::new(&text), NOW).await.unwrap().map(|found| found.level().clone())
    };
    for number in 1..=4 {
        let (text, user) = (format!("token {number}"), UserId::from(number));
        store.insert(NewToken { key: TokenKey::new(&text), user: &user, record: record(number) }).await.unwrap();
    }
    let level = find(1).await.expect("the token is valid");
    assert_eq!((level.id(), level.title()), (2, "member"));
    for without in 2..=4 {
        assert_eq!(find(without).await, None, "no title, no level, a level that is not there");
        assert!(!store.touch(&UserId::from(without), TokenId::new(without), NOW).await.unwrap());
    }
    database.run("UPDATE clients SET role = 1 WHERE id = 1").await.unwrap();
    assert_eq!(find(1).await.unwrap().title(), "admin");

    let store = open(UserTable::new("clients").level("rank_of").token_table("by_rank")).await;
    let user = UserId::from(1);
    store.insert(NewToken { key: TokenKey::new("rank"), user: &user, record: record(1) }).await.unwrap();
    let level = store.find(TokenKey::new("rank"), NOW).await.unwrap().unwrap().level().clone();
    assert_eq!((level.id(), level.title()), (70, "70"));
    let store = open(UserTable::new("clients").token_table("all_alike")).await;
    store.insert(NewToken { key: TokenKey::new("alike"), user: &user, record: record(1) }).await.unwrap();
    assert_eq!(store.find(TokenKey::new("alike"), NOW).await.unwrap().unwrap().level().title(), "user");
}

#[tokio::test]
async fn levels_are_numbers_or_in_a_table_on_every_database() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteRepository::open(directory.path().join("app.db")).await.unwrap();
    let database = Database::Sqlite(sqlite.pool().clone());
    levels_are_numbers_or_in_a_table(&database, async |table| {
        let store = sqlite.clone().with_users(table);
        store.migrate().await.unwrap();
        store
    })
    .await;
    let (postgres, ()) = postgres::fresh().await;
    let database = Database::Postgres(postgres.pool().clone());
    levels_are_numbers_or_in_a_table(&database, async |table| {
        let store = postgres.clone().with_users(table);
        store.migrate().await.unwrap();
        store
    })
    .await;
    let (mysql, ()) = mysql::fresh().await;
    let database = Database::MySql(mysql.pool().clone());
    levels_are_numbers_or_in_a_table(&database, async |table| {
        let store = mysql.clone().with_users(table);
        store.migrate().await.unwrap();
        store
    })
    .await;
}

/// What is wrong in the application's settings, and what the error names.
fn wrong() -> Vec<(UserTable, &'static str)> {
    vec![
        (UserTable::new("accounts"), "there is no table accounts"),
        (users().id("user_id"), "there is no column users.user_id"),
        (users().level("rolle"), "there is no column users.rolle"),
        (users().ends_with("pasword"), "there is no column users.pasword"),
        (users().data::<Profile>(["email", "nam"]), "there is no column users.nam"),
        (users().id("email"), "users.email has no unique index of its own"),
        (users().id("banned_at"), "users.banned_at is not an integer, a UUID or a text"),
        (users().level_table("role", "roles", "id", "title"), "there is no table roles"),
        (users().level_table("role", "users", "email", "name"), "users.email is not an integer"),
        (users().disabled("bannd_at IS NOT NULL"), "bannd_at"),
        (users().disabled("banned_at IS NOT"), "the database says"),
        (users().id("id\""), "cannot be the name"),
        (users().disabled("role = ?"), "is not a condition without parameters"),
    ]
}

#[tokio::test]
async fn a_wrong_setting_is_a_clear_error_at_the_start() {
    let (sqlite, _directory) = on_sqlite::with(Ids::Integer, users()).await;
    let (postgres, _) = on_postgres::with(Ids::Uuid, users()).await;
    let (mysql, _) = on_mysql::with(Ids::Text, users()).await;
    for (table, named) in wrong() {
        let errors = [
            SqliteRepository::with_pool(sqlite.pool().clone()).await.unwrap().with_users(table.clone()).migrate().await,
            tower_tokens::repository::PostgresRepository::with_pool(postgres.pool().clone())
                .with_users(table.clone())
                .migrate()
                .await,
            tower_tokens::repository::MySqlRepository::with_pool(mysql.pool().clone())
                .with_users(table)
                .migrate()
                .await,
        ];
        for error in errors {
            let error = error.expect_err(named);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{named}");
            assert!(source(&error).contains(named), "{named}: {}", source(&error));
        }
    }
}

#[tokio::test]
async fn a_call_before_the_check_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("app.db")).await.unwrap().with_users(users());
    let error = store.find(TokenKey::new("token"), NOW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(source(&error).contains("call migrate() first"));
    let error = Tokens::new(store).generate(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_key_that_sqlite_gives_again_needs_a_foreign_key() {
    let directory = tempfile::tempdir().unwrap();
    let repository = SqliteRepository::open(directory.path().join("app.db")).await.unwrap();
    sqlx::raw_sql("CREATE TABLE people (id INTEGER PRIMARY KEY)").execute(repository.pool()).await.unwrap();
    let people = || UserTable::new("people");
    let error = repository.clone().with_users(people()).migrate().await.unwrap_err();
    assert!(source(&error).contains("AUTOINCREMENT"), "{}", source(&error));
    let store = repository.with_users(people().foreign_key());
    store.migrate().await.unwrap();
    sqlx::raw_sql("INSERT INTO people VALUES (1)").execute(store.pool()).await.unwrap();
    let user = UserId::from(1);
    store.insert(NewToken { key: TokenKey::new("t"), user: &user, record: record(1) }).await.unwrap();
    sqlx::raw_sql("DELETE FROM people; INSERT INTO people VALUES (1)").execute(store.pool()).await.unwrap();
    assert_eq!(store.find(TokenKey::new("t"), NOW).await.unwrap(), None, "a new user with an old number");
}

#[tokio::test]
async fn ids_of_another_type_than_the_token_table_are_refused() {
    let (repository, ()) = postgres::fresh().await;
    let database = Database::Postgres(repository.pool().clone());
    database.create_users(Ids::Integer).await;
    repository.clone().with_users(users()).migrate().await.unwrap();
    database.run("ALTER TABLE users ALTER COLUMN id TYPE bigint").await.unwrap();
    let error = repository.with_users(users()).migrate().await.unwrap_err();
    assert!(source(&error).contains("user_id is integer, and the users' ids are bigint"), "{}", source(&error));
}

/// As a token table looks that an earlier release made.
async fn a_missing_column_is_added<S: TokenRepository + Debug>(site: &Site<S>, migrate: impl AsyncFn()) {
    let user = site.add_user("member").await.unwrap();
    insert(site, "token", &user, 1).await;
    site.database.drop_triggers().await;
    site.run("ALTER TABLE tower_tokens_for_users DROP COLUMN code").await.unwrap();
    migrate().await;
    assert_eq!(*find(site, "token").await.expect("the token is there").record(), record(1));
}

#[tokio::test]
async fn a_column_that_a_token_table_lacks_is_added() {
    let (site, _kept) = on_sqlite::with(Ids::Text, users()).await;
    a_missing_column_is_added(&site, async || site.store.migrate().await.unwrap()).await;
    let (site, _) = on_postgres::with(Ids::Text, users()).await;
    a_missing_column_is_added(&site, async || site.store.migrate().await.unwrap()).await;
    let (site, _) = on_mysql::with(Ids::Text, users()).await;
    a_missing_column_is_added(&site, async || site.store.migrate().await.unwrap()).await;
}

#[tokio::test]
async fn tables_may_be_in_another_schema() {
    let (repository, ()) = postgres::fresh().await;
    let schema = crate::repository::servers::unique_name();
    let tables = format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.\"Users\" (\"User Id\" int PRIMARY KEY, role text);
        INSERT INTO {schema}.\"Users\" VALUES (7, 'member')"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(tables)).execute(repository.pool()).await.unwrap();
    let store =
        repository.with_users(UserTable::new(&format!("{schema}.Users")).id("User Id").level("role").foreign_key());
    store.migrate().await.unwrap();
    let user = UserId::from(7);
    store.insert(NewToken { key: TokenKey::new("t"), user: &user, record: record(1) }).await.unwrap();
    assert!(store.touch(&user, TokenId::new(1), NOW).await.is_ok());
    assert_eq!(*store.find(TokenKey::new("t"), NOW).await.unwrap().unwrap().user(), user);
    let count = format!("SELECT count(*) FROM {schema}.\"tower_tokens_for_Users\"");
    let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(store.pool()).await.unwrap();
    assert_eq!(count, 1, "it lies beside the users");
}
