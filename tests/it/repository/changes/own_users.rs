//! Users in an application's own tables announce their changes if the application wants it.

use std::fmt::Debug;

use serde::Deserialize;
use tower_tokens::conformance::StoreUnderTest as _;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{ChangeBus, SqliteRepository, TokenRepository, UserTable};
use tower_tokens::token::TokenKey;
use tower_tokens::user::UserId;

use crate::repository::announced::Listener;
use crate::repository::changes::{insert, keeps_the_contract};
use crate::repository::own_users::{Database, Ids, Site, literal, on_mysql, on_sqlite};

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "the columns matter, and not what is in them")]
struct Profile {
    email: Option<String>,
}

fn table() -> UserTable {
    let users = UserTable::new("users").level("role").disabled("Banned_At IS NOT NULL").ends_with("password_hash");
    users.data::<Profile>(["email"]).announce_changes()
}

/// Plain SQL on the application's tables, and what it announces.
async fn changes_of_users<S: TokenRepository + Debug>(site: &Site<S>) {
    let (ann, bob) = (site.add_user("member").await.unwrap(), site.add_user("member").await.unwrap());
    insert(site, "ann", &ann, 1).await;
    insert(site, "bob", &bob, 2).await;
    keeps_the_contract(site.change_bus().unwrap()).await;
    let mut listener = Listener::of(site).await;
    for (what, is_announced) in [
        ("role = 'admin'", true),
        ("role = 'Admin'", true),
        ("role = 'Admin'", false),
        ("role = NULL", true),
        ("name = 'other', created_at = 7", false),
        ("banned_at = CURRENT_TIMESTAMP", true),
        ("banned_at = NULL", true),
        ("password_hash = 'HASH'", true),
        ("email = 'ANN@example.org'", true),
        ("email = NULL", true),
    ] {
        site.change(&ann, what).await.unwrap();
        let changed = listener.changed().await;
        assert_eq!(changed, Vec::from_iter(is_announced.then(|| ann.to_string())), "{what}");
    }
    assert!(site.delete(TokenKey::new("ann")).await.unwrap().is_some());
    assert_eq!(listener.changed().await, [ann.to_string()]);
    let new = site.absent_user();
    site.change(&bob, &format!("id = {}", literal(&new))).await.unwrap();
    assert_eq!(listener.changed().await, sorted([&bob, &new]), "another id");
    site.remove_user(&new).await.unwrap();
    assert_eq!(listener.changed().await, [new.to_string()], "deleted");
    if new.as_text() != Some("absent") {
        return;
    }
    let mut present = ann;
    for next in ["\"42\"", "42", "\"", "\"a", "ann"].map(UserId::from) {
        site.change(&present, &format!("id = {}", literal(&next))).await.unwrap();
        assert_eq!(listener.changed().await, sorted([&present, &next]), "texts that begin with a quote");
        present = next;
    }
}

fn sorted<const N: usize>(users: [&UserId; N]) -> Vec<String> {
    let mut texts = users.map(UserId::to_string).to_vec();
    texts.sort();
    texts
}

#[tokio::test]
async fn own_users_announce_what_matters() {
    for ids in [Ids::Integer, Ids::Uuid, Ids::Text] {
        changes_of_users(&on_sqlite::with(ids, table()).await.0).await;
    }
}

#[tokio::test]
async fn own_users_announce_what_matters_in_mysql() {
    for ids in [Ids::Integer, Ids::Uuid, Ids::Text] {
        changes_of_users(&on_mysql::with(ids, table()).await.0).await;
    }
}

/// Levels in a table of the application. `open` gives the store of this database once its tables are there.
async fn changes_of_levels<S: TokenRepository>(database: Database, open: impl AsyncFnOnce(UserTable) -> S) {
    let roles = "CREATE TABLE roles (id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(30), colour VARCHAR(30))";
    database.create_users(Ids::Text).await;
    database.run(roles).await.unwrap();
    let users = UserTable::new("users").level_table("role", "roles", "id", "title").announce_changes();
    let mut listener = Listener::of(&open(users).await).await;
    for (sql, changed) in [
        ("INSERT INTO roles (id, title, colour) VALUES (3, 'guest', 'red')", &[][..]),
        ("UPDATE roles SET colour = 'blue'", &[]),
        ("UPDATE roles SET title = 'Guest' WHERE id = 3", &["*"]),
        ("DELETE FROM roles WHERE id = 3", &["*"]),
    ] {
        database.run(sql).await.unwrap();
        assert_eq!(listener.changed().await, changed, "{sql}");
    }
}

#[tokio::test]
async fn a_level_of_own_users_announces_everything() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("app.db")).await.unwrap();
    changes_of_levels(Database::Sqlite(store.pool().clone()), async |users| {
        let store = store.with_users(users);
        store.migrate().await.unwrap();
        store
    })
    .await;
}

#[tokio::test]
async fn a_level_of_own_users_announces_everything_in_mysql() {
    let (store, ()) = crate::repository::mysql::fresh().await;
    changes_of_levels(Database::MySql(store.pool().clone()), async |users| {
        let store = store.with_users(users);
        store.migrate().await.unwrap();
        store
    })
    .await;
}

/// Other settings have other triggers, and an application that does not ask for them has none on its tables.
#[tokio::test]
async fn triggers_follow_the_settings() {
    let (site, _kept) = on_sqlite::with(Ids::Integer, UserTable::new("users").level("role")).await;
    assert!(site.change_bus().is_none(), "the users' table has no triggers");
    let names = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'users'";
    let Database::Sqlite(pool) = &site.database else { panic!("it is SQLite") };
    let triggers = async || sqlx::query_scalar::<_, String>(names).fetch_all(pool).await.unwrap();
    assert_eq!(triggers().await, [""; 0]);
    let mut before = Vec::new();
    for users in [table(), table().disabled("name IS NULL")] {
        let store = SqliteRepository::with_pool(pool.clone()).await.unwrap().with_users(users);
        assert!(store.change_bus().is_none(), "before migrate");
        store.migrate().await.unwrap();
        let now = triggers().await;
        assert_eq!(now.len(), 3, "{now:?}");
        assert_ne!(now, before);
        before = now;
        let bus: std::sync::Arc<dyn ChangeBus> = store.change_bus().unwrap();
        let mut listener = Listener::on(&*bus).await;
        let user = site.add_user("member").await.unwrap();
        site.change(&user, "name = 'other'").await.unwrap();
        site.change(&user, "role = 'admin'").await.unwrap();
        assert_eq!(listener.changed().await, [user.to_string()]);
    }
}

#[tokio::test]
async fn a_view_can_announce_nothing_in_mysql() {
    let (store, ()) = crate::repository::mysql::fresh().await;
    let on_mysql = Database::MySql(store.pool().clone());
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteRepository::open(directory.path().join("app.db")).await.unwrap();
    let on_sqlite = Database::Sqlite(sqlite.pool().clone());
    for database in [&on_mysql, &on_sqlite] {
        database.run("CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, role VARCHAR(30))").await.unwrap();
        database.run("CREATE VIEW users AS SELECT * FROM people").await.unwrap();
    }
    // Neither says of a view's column that it is unique: such a store is refused before.
    let users = || UserTable::new("users").level("role").foreign_key().announce_changes();
    let stores = [store.with_users(users()).migrate().await, sqlite.with_users(users()).migrate().await];
    for migrated in stores {
        assert_eq!(migrated.unwrap_err().kind(), ErrorKind::Configuration);
    }
}
