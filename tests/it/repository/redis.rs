//! Redis keeps the contract, on a real server.

use redis::aio::MultiplexedConnection;
use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::repository::{NewToken, PageRequest, RedisRepository, Replacement, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::servers::{shared, unique_name};

pub(super) fn url() -> String {
    shared("TOWER_TOKENS_REDIS_URL", "redis")
}

pub(super) async fn fresh() -> (RedisRepository, ()) {
    (RedisRepository::connect(&url()).await.unwrap().with_prefix(&unique_name()), ())
}

tower_tokens::repository_conformance!(redis_tokens, super::fresh());
tower_tokens::user_repository_conformance!(redis_users, super::fresh());

/// A store with one member, and the prefix of its keys.
async fn with_member() -> (RedisRepository, String, UserId) {
    let prefix = unique_name();
    let store = RedisRepository::connect(&url()).await.unwrap().with_prefix(&prefix);
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    (store, prefix, user)
}

/// A connection to the same server, past the store.
async fn beside() -> MultiplexedConnection {
    let client = redis::Client::open(url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// How many seconds Redis keeps this key, and -1 for ever.
async fn seconds_left(connection: &mut MultiplexedConnection, key: Vec<u8>) -> i64 {
    redis::cmd("TTL").arg(key).query_async(connection).await.unwrap()
}

#[tokio::test]
async fn redis_ends_tokens_by_itself_an_hour_after_their_end_by_any_clock() {
    let (store, prefix, user) = with_member().await;
    let mut connection = beside().await;
    let long_ago = Timestamp::from_unix_seconds(1_000_000);
    let key = |text: &str| {
        let digest = *TokenKey::new(text).digest().as_bytes();
        [format!("{{{prefix}}}:token:").as_bytes(), &digest].concat()
    };
    let add = async |number: i64, text: &str, lifetime: Lifetime| {
        let record = TokenRecord::new(TokenId::new(number), long_ago, lifetime);
        store.insert(NewToken { key: TokenKey::new(text), user: &user, record }).await.unwrap().id()
    };
    add(1, "day", Lifetime::days(1)).await;
    add(2, "ever", Lifetime::never_expires()).await;
    let idle = add(3, "idle", Lifetime::never_expires().with_idle_limit(Duration::seconds(600))).await;
    let near = |left: i64, expected: i64| (expected - 60..=expected).contains(&left);
    assert!(near(seconds_left(&mut connection, key("day")).await, 86_400 + 3_600));
    assert_eq!(seconds_left(&mut connection, key("ever")).await, -1);
    assert!(near(seconds_left(&mut connection, key("idle")).await, 600 + 3_600));

    assert!(store.touch(&user, idle, long_ago + Duration::seconds(300)).await.unwrap());
    assert!(near(seconds_left(&mut connection, key("idle")).await, 600 + 3_600), "counted from the touch");
    let replacement = Replacement {
        old: TokenKey::new("ever"),
        new: TokenKey::new("hour"),
        lifetime: Lifetime::hours(1),
        now: long_ago,
    };
    assert!(store.replace(replacement).await.unwrap().is_some());
    assert!(near(seconds_left(&mut connection, key("hour")).await, 3_600 + 3_600), "the new lifetime holds");
}

#[tokio::test]
async fn what_redis_has_ended_by_itself_leaves_nothing_behind() {
    let (store, prefix, user) = with_member().await;
    let mut connection = beside().await;
    let now = Timestamp::from_unix_seconds(1_000_000);
    let add = async |number: i64| {
        let born = now + Duration::seconds(number);
        let record = TokenRecord::new(TokenId::new(number), born, Lifetime::seconds(60));
        let text = format!("token-{number}");
        store.insert(NewToken { key: TokenKey::new(&text), user: &user, record }).await.unwrap();
    };
    for number in 1..=3 {
        add(number).await;
    }
    // What the passing of time does: the tokens and their ids go, the lists stay.
    for kind in ["token", "id"] {
        let pattern = format!("{{{prefix}}}:{kind}:*");
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
        assert_eq!(keys.len(), 3);
        redis::cmd("DEL").arg(keys).exec_async(&mut connection).await.unwrap();
    }
    assert_eq!(store.list_by_user(&user, PageRequest::default(), now).await.unwrap().items, []);
    for number in 4..=5 {
        add(number).await;
    }
    let ends: u64 = redis::cmd("ZCARD").arg(format!("{{{prefix}}}:ends")).query_async(&mut connection).await.unwrap();
    assert_eq!(ends, 2, "each new token cleared away up to two that were gone");
    assert_eq!(store.delete_by_user(&user, None).await.unwrap(), 2);
    let keys: Vec<Vec<u8>> =
        redis::cmd("KEYS").arg(format!("{{{prefix}}}:*token*")).query_async(&mut connection).await.unwrap();
    assert_eq!(keys, Vec::<Vec<u8>>::new());
}
