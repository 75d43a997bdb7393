//! A cache in front of each store on a database: the contract, and changes that are made past it.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tower_tokens::clock::Timestamp;
use tower_tokens::repository::{
    Cache, CachedRepository, MySqlRepository, NewToken, PostgresRepository, RedisRepository, RepositoryExt,
    SqliteRepository, TokenRepository, UserRepository,
};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::{mysql, postgres, redis};
use crate::trongate_site::TrongateSite;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

async fn on_postgres() -> (CachedRepository<PostgresRepository>, ()) {
    (used(postgres::fresh().await.0).await, ())
}

async fn on_mysql() -> (CachedRepository<MySqlRepository>, ()) {
    (used(mysql::fresh().await.0).await, ())
}

async fn on_redis() -> (CachedRepository<RedisRepository>, ()) {
    (used(redis::fresh().await.0).await, ())
}

async fn on_sqlite() -> (CachedRepository<SqliteRepository>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (used(SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap()).await, directory)
}

tower_tokens::repository_conformance!(postgres_tokens, super::on_postgres());
tower_tokens::family_conformance!(postgres_families, super::on_postgres());
tower_tokens::user_repository_conformance!(postgres_users, super::on_postgres());
tower_tokens::repository_conformance!(mysql_tokens, super::on_mysql());
tower_tokens::family_conformance!(mysql_families, super::on_mysql());
tower_tokens::user_repository_conformance!(mysql_users, super::on_mysql());
tower_tokens::repository_conformance!(redis_tokens, super::on_redis());
tower_tokens::family_conformance!(redis_families, super::on_redis());
tower_tokens::user_repository_conformance!(redis_users, super::on_redis());
tower_tokens::repository_conformance!(sqlite_tokens, super::on_sqlite());
tower_tokens::family_conformance!(sqlite_families, super::on_sqlite());
tower_tokens::user_repository_conformance!(sqlite_users, super::on_sqlite());

/// A cache of this store that is used.
async fn used<R: TokenRepository>(store: R) -> CachedRepository<R> {
    let node = store.cached(Cache::new());
    let start = Instant::now();
    while !node.statistics().is_used {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", node.statistics());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    node
}

async fn add(store: &impl TokenRepository, number: i64, user: &UserId) -> String {
    let text = format!("token-{number}");
    let record = TokenRecord::new(TokenId::new(number), NOW, Lifetime::days(1));
    store.insert(NewToken { key: TokenKey::new(&text), user, record }).await.unwrap();
    text
}

async fn is_valid(node: &impl TokenRepository, text: &str) -> bool {
    node.find(TokenKey::new(text), NOW).await.unwrap().is_some()
}

/// Makes a change past the cache while a token is in it, and gives after what time it held. It may not be longer than the bound.
async fn past_the_cache<R: TokenRepository>(
    node: &CachedRepository<R>,
    text: &str,
    change: impl AsyncFnOnce(&R),
) -> Duration {
    let look_ups = async || {
        let before = node.statistics().look_ups;
        for _ in 0..20 {
            assert!(is_valid(node, text).await);
        }
        node.statistics().look_ups - before
    };
    // What was changed before may still be on its way.
    let start = Instant::now();
    while look_ups().await > 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "it is not kept: {:?}", node.statistics());
    }
    change(node.inner()).await;
    let changed = Instant::now();
    let mut last_valid = Duration::ZERO;
    loop {
        let began = changed.elapsed();
        if !is_valid(node, text).await {
            break;
        }
        last_valid = began;
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    assert!(last_valid <= node.max_staleness(), "{last_valid:?}");
    last_valid
}

/// A member and a token of theirs.
async fn member<R: TokenRepository + UserRepository>(node: &CachedRepository<R>) -> (UserId, String) {
    node.create_level("member").await.unwrap();
    let user = node.create_user(None, "member").await.unwrap();
    let text = add(node, 1, &user).await;
    (user, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_program_changes_in_a_database_holds() {
    let ban = "UPDATE tower_tokens_users SET disabled = TRUE";
    let (node, ()) = on_postgres().await;
    let (_, text) = member(&node).await;
    let took = past_the_cache(&node, &text, async |store| {
        sqlx::query(ban).execute(store.pool()).await.unwrap();
    });
    println!("PostgreSQL: {:?}", took.await);

    let (node, ()) = on_mysql().await;
    let (_, text) = member(&node).await;
    let took = past_the_cache(&node, &text, async |store| {
        sqlx::query(ban).execute(store.pool()).await.unwrap();
    });
    println!("MariaDB: {:?}", took.await);

    let (node, _directory) = on_sqlite().await;
    let (_, text) = member(&node).await;
    let took = past_the_cache(&node, &text, async |store| {
        sqlx::query(ban).execute(store.pool()).await.unwrap();
    });
    println!("SQLite: {:?}", took.await);

    let (node, ()) = on_redis().await;
    let (user, text) = member(&node).await;
    let took = past_the_cache(&node, &text, async |store| store.set_disabled(&user, true).await.unwrap());
    println!("Redis: {:?}", took.await);
}

/// PHP's log-out deletes the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_php_ends_in_trongates_tables_holds() {
    let site = TrongateSite::new().await;
    let store = site.repository().await;
    assert!(store.change_bus().is_none(), "before the application asks for it");
    store.announce_changes().await.unwrap();
    let store = site.repository().await;
    let user = site.add_user(1).await;
    site.add_token("of-php", user, NOW.unix_seconds() + 500).await;
    let node = used(store).await;
    let took = past_the_cache(&node, "of-php", async |store| {
        sqlx::query("DELETE FROM trongate_tokens WHERE token = 'of-php'").execute(store.pool()).await.unwrap();
    });
    println!("Trongate: {:?}", took.await);
}

/// Without triggers on the application's table nothing is kept: no change of it would be announced.
#[tokio::test]
async fn users_of_the_application_are_cached_only_if_their_changes_are_announced() {
    use tower_tokens::repository::UserTable;

    let table = "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, role TEXT)";
    let directory = tempfile::tempdir().unwrap();
    for announces in [false, true] {
        let store = SqliteRepository::open(directory.path().join(format!("{announces}.db"))).await.unwrap();
        sqlx::raw_sql(table).execute(store.pool()).await.unwrap();
        sqlx::query("INSERT INTO users (id, role) VALUES (7, 'member')").execute(store.pool()).await.unwrap();
        let users = UserTable::new("users").level("role");
        let store = store.with_users(if announces { users.announce_changes() } else { users });
        store.migrate().await.unwrap();
        if !announces {
            let node = store.cached(Cache::new());
            let text = add(&node, 1, &UserId::from(7)).await;
            for _ in 0..10 {
                assert!(is_valid(&node, &text).await);
            }
            assert_eq!(node.statistics().look_ups, 10);
            continue;
        }
        let node = used(store).await;
        let text = add(&node, 1, &UserId::from(7)).await;
        past_the_cache(&node, &text, async |store| {
            sqlx::query("UPDATE users SET role = NULL").execute(store.pool()).await.unwrap();
        })
        .await;
    }
}
