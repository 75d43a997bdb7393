//! Redis keeps the contract, on a real server.

use redis::aio::MultiplexedConnection;
use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::repository::{NewToken, PageRequest, RedisRepository, Replacement, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::servers::{shared, unique_name};

pub(super) fn url() -> String {
    shared("TOWER_TOKENS_REDIS_URL", "redis")
}

pub(crate) async fn fresh() -> (RedisRepository, ()) {
    (RedisRepository::connect(&url()).await.unwrap().with_prefix(&unique_name()), ())
}

tower_tokens::repository_conformance!(redis_tokens, super::fresh());
tower_tokens::family_conformance!(redis_families, super::fresh());
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
async fn redis_ends_tokens_by_itself_two_days_after_their_end_by_any_clock() {
    let (store, prefix, user) = with_member().await;
    let mut connection = beside().await;
    let long_ago = Timestamp::from_unix_seconds(1_000_000);
    let both_left = async |connection: &mut MultiplexedConnection, number: i64, text: &str| {
        let digest = *TokenKey::new(text).digest().as_bytes();
        let left = seconds_left(connection, token_key(&prefix, number)).await;
        let digest = [format!("{{{prefix}}}:v1:digest:").as_bytes(), &digest].concat();
        assert!((seconds_left(connection, digest).await - left).abs() <= 1, "both keys end together");
        left
    };
    let add = async |number: i64, text: &str, lifetime: Lifetime| {
        let record = TokenRecord::new(TokenId::new(number), long_ago, lifetime);
        store.insert(NewToken { key: TokenKey::new(text), user: &user, record }).await.unwrap().id()
    };
    add(1, "day", Lifetime::days(1)).await;
    add(2, "ever", Lifetime::never_expires()).await;
    let idle = add(3, "idle", Lifetime::never_expires().with_idle_limit(Duration::seconds(600))).await;
    let near = |left: i64, expected: i64| (expected - 60..=expected).contains(&left);
    assert!(near(both_left(&mut connection, 1, "day").await, 86_400 + 172_800));
    assert_eq!(both_left(&mut connection, 2, "ever").await, -1);
    assert!(near(both_left(&mut connection, 3, "idle").await, 600 + 172_800));

    assert!(store.touch(&user, idle, long_ago + Duration::seconds(300)).await.unwrap());
    assert!(near(both_left(&mut connection, 3, "idle").await, 600 + 172_800), "counted from the touch");
    let replacement = Replacement {
        old: TokenKey::new("ever"),
        new: TokenKey::new("hour"),
        limits: NewLimits::FreshStart(Lifetime::hours(1)),
        authenticated_at: None,
        now: long_ago,
    };
    assert!(store.replace(replacement).await.unwrap().is_some());
    assert!(near(both_left(&mut connection, 2, "hour").await, 3_600 + 172_800), "the new lifetime holds");
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
    for kind in ["token", "digest"] {
        let keys = keys_of(&mut connection, &prefix, &format!("{kind}:*")).await;
        assert_eq!(keys.len(), 3);
        redis::cmd("DEL").arg(keys).exec_async(&mut connection).await.unwrap();
    }
    assert_eq!(store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), now).await.unwrap().items, []);
    for number in 4..=5 {
        add(number).await;
    }
    let ends: u64 =
        redis::cmd("ZCARD").arg(format!("{{{prefix}}}:v1:ends")).query_async(&mut connection).await.unwrap();
    assert_eq!(ends, 2, "each new token cleared away up to two that were gone");
    assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap(), 2);
    assert_eq!(keys_of(&mut connection, &prefix, "*token*").await, Vec::<Vec<u8>>::new());
}

/// The key of a token with this record id.
fn token_key(prefix: &str, id: i64) -> Vec<u8> {
    [format!("{{{prefix}}}:v1:token:").as_bytes(), &(id.cast_unsigned() ^ (1 << 63)).to_be_bytes()].concat()
}

async fn keys_of(connection: &mut MultiplexedConnection, prefix: &str, pattern: &str) -> Vec<Vec<u8>> {
    redis::cmd("KEYS").arg(format!("{{{prefix}}}:v1:{pattern}")).query_async(connection).await.unwrap()
}

async fn lose(connection: &mut MultiplexedConnection, keys: &[Vec<u8>]) {
    assert!(!keys.is_empty(), "there is something to lose");
    redis::cmd("DEL").arg(keys).exec_async(connection).await.unwrap();
}

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

async fn add(store: &RedisRepository, user: &UserId, number: i64, lifetime: Lifetime) {
    let record = TokenRecord::new(TokenId::new(number), NOW, lifetime);
    store.insert(NewToken { key: TokenKey::new(&text(number)), user, record }).await.unwrap();
}

fn text(number: i64) -> String {
    format!("token-{number}")
}

async fn is_valid(store: &RedisRepository, number: i64) -> bool {
    store.find(TokenKey::new(&text(number)), NOW).await.unwrap().is_some()
}

#[tokio::test]
async fn a_token_that_lost_any_of_its_keys_is_over_and_stays_so() {
    let mut connection = beside().await;
    for lost in ["digest:*", "token:*", "tokens:*", "user:*", "users", "ends", "level-ids", "last-*"] {
        let (store, prefix, user) = with_member().await;
        for number in 1..=3 {
            add(&store, &user, number, Lifetime::hours(1)).await;
        }
        let keys = keys_of(&mut connection, &prefix, lost).await;
        lose(&mut connection, &keys).await;
        let must_end = ["digest:*", "token:*", "tokens:*", "user:*"].contains(&lost);
        for number in 1..=3 {
            assert_eq!(is_valid(&store, number).await, !must_end, "{lost} was lost");
        }
        let listed = store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), NOW).await.unwrap().items.len();
        assert!(listed == 3 || must_end, "{listed} tokens are listed without {lost}");

        store.delete(TokenKey::new(&text(1))).await.unwrap();
        store.delete_by_id(&user, TokenId::new(2)).await.unwrap();
        assert!(!is_valid(&store, 1).await && !is_valid(&store, 2).await, "{lost} was lost");
        store.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap();
        assert!(!is_valid(&store, 3).await, "{lost} was lost");

        // Nothing that comes later brings one of them back, not even a user with the same id.
        store.create_level("member").await.unwrap();
        store.delete_user(&user).await.unwrap();
        store.create_user(Some(user.clone()), "member").await.unwrap();
        for number in 1..=3 {
            let touched = store.touch(&user, TokenId::new(number), NOW + Duration::seconds(1)).await.unwrap();
            assert!(!touched && !is_valid(&store, number).await, "{lost} was lost");
            add(&store, &user, number, Lifetime::hours(1)).await;
            assert!(is_valid(&store, number).await, "the text and the id are free again");
        }
    }
}

#[tokio::test]
async fn a_user_whom_redis_lost_leaves_no_tokens_to_the_next_owner_of_the_id() {
    let mut connection = beside().await;
    let (store, prefix, user) = with_member().await;
    for number in 1..=600 {
        add(&store, &user, number, Lifetime::never_expires()).await;
    }
    let keys = keys_of(&mut connection, &prefix, "user:*").await;
    lose(&mut connection, &keys).await;
    store.create_user(Some(user.clone()), "member").await.unwrap();
    for number in 1..=600 {
        assert!(!is_valid(&store, number).await, "token {number} logs in as the new owner");
    }
    assert_eq!(store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), NOW).await.unwrap().items, []);
}

#[tokio::test]
async fn a_redis_that_lost_its_data_gives_no_number_again() {
    let mut connection = beside().await;
    let (store, prefix, first) = with_member().await;
    let level = store.create_level("member").await.unwrap();
    for lost in ["*", "*", "last-*", "level-ids"] {
        let keys = keys_of(&mut connection, &prefix, lost).await;
        lose(&mut connection, &keys).await;
        let later = store.create_level("member").await.unwrap();
        assert!(later.id() == level.id() || (later.id() - level.id()).abs() > 1_000 || lost == "level-ids", "{lost}");
        // An administrator whom the application creates by hand at each start.
        _ = store.create_user(Some(UserId::from(1)), "member").await;
        let user = store.create_user(None, "member").await.unwrap();
        let distance = user.as_integer().unwrap().abs_diff(first.as_integer().unwrap());
        assert!(distance > 1_000 || lost == "level-ids", "{user:?} after {first:?}, when {lost} was lost");
        assert!(user.as_integer().unwrap() < 1 << 53, "JavaScript can hold it");
    }
}

#[tokio::test]
async fn what_was_ended_at_once_is_removed_in_steps() {
    let mut connection = beside().await;
    let (store, prefix, user) = with_member().await;
    let other = store.create_user(None, "member").await.unwrap();
    let many = 6_000;
    let mut inserts = tokio::task::JoinSet::new();
    for first in 0..20 {
        let (store, user) = (store.clone(), user.clone());
        inserts.spawn(async move {
            for number in (first..many).step_by(20) {
                add(&store, &user, number, Lifetime::never_expires()).await;
            }
        });
    }
    inserts.join_all().await;
    add(&store, &other, many, Lifetime::never_expires()).await;
    assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, Some(TokenId::new(17))).await.unwrap(), many as u64 - 1);
    let left = keys_of(&mut connection, &prefix, "token:*").await.len();
    assert!(left > 100, "one call does not remove {many} tokens: {left} are left");
    for number in (0..many).filter(|number| number % 97 == 0) {
        assert!(!is_valid(&store, number).await, "token {number}");
    }
    assert!(is_valid(&store, 17).await, "it was kept");
    let listed = store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), NOW).await.unwrap().items;
    assert_eq!(listed.iter().map(TokenRecord::id).collect::<Vec<_>>(), [TokenId::new(17)]);

    add(&store, &user, many + 1, Lifetime::never_expires()).await;
    let after_insert = keys_of(&mut connection, &prefix, "token:*").await.len();
    assert_eq!(after_insert, left + 1 - 2, "each new token clears two of them away");
    assert_eq!(store.delete_expired(NOW, u32::MAX).await.unwrap(), 0, "they did not expire");
    assert_eq!(keys_of(&mut connection, &prefix, "token:*").await.len(), 3);
    assert_eq!(keys_of(&mut connection, &prefix, "digest:*").await.len(), 3);
    assert_eq!(keys_of(&mut connection, &prefix, "ended*").await, Vec::<Vec<u8>>::new());
    assert!(is_valid(&store, many).await && is_valid(&store, many + 1).await && is_valid(&store, 17).await);
}

#[tokio::test]
async fn a_long_list_is_walked_through_in_steps_without_a_gap() {
    let (store, _, user) = with_member().await;
    for number in 0..700 {
        // Every third one is over, and passed over.
        let lifetime = if number % 3 == 0 { Lifetime::seconds(1) } else { Lifetime::hours(1) };
        add(&store, &user, number, lifetime).await;
    }
    let now = NOW + Duration::seconds(1);
    let (mut request, mut found) = (PageRequest::first(60), Vec::new());
    loop {
        let page = store.list_by_user(&user, TokenKinds::ALL, request, now).await.unwrap();
        found.extend(page.items.iter().map(|record| record.id().get()));
        match page.next {
            Some(next) => request = next,
            None => break,
        }
    }
    let expected: Vec<i64> = (0..700).rev().filter(|number| number % 3 != 0).collect();
    assert_eq!(found, expected, "all of one second, by id");
}
