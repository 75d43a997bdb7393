//! The bus of the store in Redis, and `RedisBus`, on a real server.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{
    ChangeBus, NewToken, Notice, RedisBus, RedisRepository, Rotation, Subject, TokenRepository, UserRepository,
};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenKind, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::announced::{self, LONG, Listener, NOW, add, changed, text};
use crate::repository::redis::{fresh, url};
use crate::repository::servers::unique_name;

async fn beside() -> MultiplexedConnection {
    redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// A number of nodes with connections of their own, on the same keys.
async fn nodes(count: usize) -> Vec<RedisRepository> {
    let prefix = unique_name();
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(RedisRepository::connect(&url()).await.unwrap().with_prefix(&prefix));
    }
    nodes
}

async fn bus() -> RedisBus {
    RedisBus::connect(&url()).await.unwrap().with_channel(&unique_name())
}

async fn of_store() -> (announced::StoreBus, ()) {
    (announced::StoreBus::of(&fresh().await.0), ())
}

async fn beside_a_store() -> (RedisBus, ()) {
    (bus().await, ())
}

tower_tokens::change_bus_conformance!(of_the_store, super::of_store());
tower_tokens::change_bus_conformance!(beside_another_store, super::beside_a_store());

#[tokio::test]
async fn each_end_and_each_change_is_announced() {
    announced::each_end_and_each_change_is_announced(fresh().await.0).await;
}

#[tokio::test]
async fn logins_touches_and_rotations_are_not_announced() {
    announced::logins_touches_and_rotations_are_not_announced(fresh().await.0).await;
}

#[tokio::test]
async fn what_is_announced_reaches_all_in_order() {
    announced::what_is_announced_reaches_all_in_order(&*announced::bus(&fresh().await.0), Notice::Changed).await;
    announced::what_is_announced_reaches_all_in_order(&bus().await, Notice::Changing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_notice_is_lost_to_a_dropped_future() {
    announced::no_notice_is_lost_to_a_dropped_future(announced::bus(&fresh().await.0)).await;
    announced::no_notice_is_lost_to_a_dropped_future(Arc::new(bus().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_comes_after_every_end_before_it() {
    announced::a_heartbeat_comes_after_every_end_before_it(nodes(4).await, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_arrives_within_milliseconds() {
    let nodes = nodes(2).await;
    let (p50, p99) = announced::latency(nodes[0].clone(), nodes[1].clone(), 3_000, Duration::from_millis(1)).await;
    println!("Redis: from the acknowledgement to the notice: p50 {p50:?}, p99 {p99:?}");
    assert!(p50 < Duration::from_millis(100), "{p50:?}");
}

#[tokio::test]
async fn an_end_that_comes_earlier_by_a_rotation_is_announced() {
    let (store, ()) = fresh().await;
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let refresh = add(&store, &user, 1, TokenKind::Refresh).await;
    let mut listener = Listener::of(&store).await;
    for (next, minutes, expected) in
        [("one", 20, vec![changed(&user)]), ("two", 40, vec![]), ("three", 39, vec![changed(&user)])]
    {
        let expected_state = store.rotation(TokenKey::new(&text(1))).await.unwrap();
        let used = TokenRecord::new(refresh.id(), NOW, Lifetime::seconds(minutes * 60)).with_last_used_at(Some(NOW));
        let key = text(1);
        let rotation =
            Rotation { token: TokenKey::new(&key), expected: expected_state.as_deref(), next, used: &used, now: NOW };
        assert!(store.rotate(rotation).await.unwrap());
        assert_eq!(listener.so_far().await, expected, "{minutes} minutes");
    }
}

#[tokio::test]
async fn a_user_whom_redis_lost_is_announced_when_the_id_is_given_again() {
    let prefix = unique_name();
    let store = RedisRepository::connect(&url()).await.unwrap().with_prefix(&prefix);
    store.create_level("member").await.unwrap();
    let user = store.create_user(Some(UserId::from("ann")), "member").await.unwrap();
    add(&store, &user, 1, TokenKind::Login).await;
    let key = format!("{{{prefix}}}:v1:user:\u{2}ann");
    let lost: u64 = redis::cmd("DEL").arg(key).query_async(&mut beside().await).await.unwrap();
    assert_eq!(lost, 1);
    let mut listener = Listener::of(&store).await;
    store.create_user(Some(user.clone()), "member").await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
    store.delete_user(&user).await.unwrap();
    listener.so_far().await;
    store.create_user(Some(user.clone()), "member").await.unwrap();
    assert_eq!(listener.so_far().await, [], "there is nothing that it could revive");
}

#[tokio::test]
async fn prefixes_and_channels_do_not_mix() {
    let (one, other, buses) = (fresh().await.0, fresh().await.0, (bus().await, bus().await));
    let mut listener = Listener::of(&one).await;
    let mut of_bus = Listener::on(&buses.0).await;
    other.create_level("member").await.unwrap();
    let user = other.create_user(None, "member").await.unwrap();
    other.set_disabled(&user, true).await.unwrap();
    announced::bus(&other).announce(&Subject::Everything).await.unwrap();
    buses.1.announce(&Subject::Everything).await.unwrap();
    assert_eq!(listener.so_far().await, []);
    assert_eq!(of_bus.so_far().await, []);
}

#[tokio::test]
async fn an_administrator_may_type_a_notice() {
    let prefix = unique_name();
    let store = RedisRepository::connect(&url()).await.unwrap().with_prefix(&prefix);
    let mut listener = Listener::of(&store).await;
    for message in ["u42", "*"] {
        let channel = format!("{{{prefix}}}:v1:changes");
        redis::cmd("PUBLISH").arg(channel).arg(message).exec_async(&mut beside().await).await.unwrap();
    }
    let expected = [Subject::User("42".to_owned()), Subject::Everything].map(Notice::Changed);
    assert_eq!(listener.so_far().await, expected);
}

#[tokio::test]
async fn a_subscription_that_is_dropped_leaves_nothing_at_redis() {
    let prefix = unique_name();
    let store = RedisRepository::connect(&url()).await.unwrap().with_prefix(&prefix);
    let mut connection = beside().await;
    let mut channels = async || {
        let pattern = format!("{{{prefix}}}*");
        redis::cmd("PUBSUB").arg("CHANNELS").arg(pattern).query_async::<Vec<String>>(&mut connection).await.unwrap()
    };
    let listener = Listener::of(&store).await;
    assert_eq!(channels().await.len(), 2);
    drop(listener);
    timeout(LONG, async {
        while !channels().await.is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the connection is closed");
}

#[tokio::test]
async fn a_bus_needs_a_url_and_a_server() {
    assert_eq!(RedisBus::connect("nonsense").await.unwrap_err().kind(), ErrorKind::Configuration);
    assert_eq!(RedisBus::connect("redis://127.0.0.1:1/").await.unwrap_err().kind(), ErrorKind::Unavailable);
    let bus = RedisBus::with_client(redis::Client::open("redis://:secret@127.0.0.1:1/").unwrap());
    assert!(bus.subscribe().await.is_err_and(|error| error.is_outage()));
    assert!(bus.announce(&Subject::Everything).await.is_err_and(|error| error.is_outage()));
    assert_eq!(format!("{bus:?}"), r#"RedisBus { channel: "tower_tokens_bus", .. }"#);
    let store = RedisRepository::with_client(redis::Client::open("redis://:secret@127.0.0.1:1/").unwrap());
    assert!(!format!("{:?}", announced::bus(&store)).contains("secret"));
}

/// What Redis tells a client that tracks these keys, as invalidated keys, since the last call.
struct Tracking(TcpStream);

impl Tracking {
    async fn start(prefix: &str) -> Self {
        let url: url::Url = url().parse().unwrap();
        let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).await.unwrap();
        let prefix = format!("{{{prefix}}}");
        let track = format!("HELLO 3\r\nCLIENT TRACKING ON BCAST PREFIX {prefix}\r\n");
        stream.write_all(track.as_bytes()).await.unwrap();
        let mut tracking = Self(stream);
        tracking.keys().await;
        tracking
    }

    /// How many messages there were, and about how many keys.
    async fn keys(&mut self) -> (usize, usize) {
        // What is pending has been written before the answer to a command.
        self.0.write_all(b"ECHO that-is-all\r\n").await.unwrap();
        let (mut text, mut bytes) = (String::new(), [0; 4096]);
        while !text.contains("that-is-all") {
            let read = self.0.read(&mut bytes).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        let keys = text.lines().filter(|line| line.starts_with('{')).count();
        (text.matches("invalidate").count(), keys)
    }
}

#[tokio::test]
async fn tracking_by_redis_would_announce_logins_and_touches_too() {
    let prefix = unique_name();
    let store = RedisRepository::connect(&url()).await.unwrap().with_prefix(&prefix);
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let mut listener = Listener::of(&store).await;
    let mut tracking = Tracking::start(&prefix).await;
    let mut sums = [0; 3];
    let mut count = async |what: &str| {
        let ours = listener.so_far().await.len();
        let (messages, keys) = tracking.keys().await;
        println!("{what}: {ours} of ours, {messages} of tracking with {keys} keys");
        sums[0] += ours;
        sums[1] += messages;
        sums[2] += keys;
        (ours, keys)
    };
    let record = TokenRecord::new(TokenId::new(1), NOW, Lifetime::hours(1).with_idle_limit(time::Duration::minutes(9)));
    store.insert(NewToken { key: TokenKey::new(&text(1)), user: &user, record }).await.unwrap();
    let (ours, keys) = count("login").await;
    assert!(ours == 0 && keys > 0, "{keys}");
    assert!(store.touch(&user, TokenId::new(1), NOW + time::Duration::MINUTE).await.unwrap());
    let (ours, keys) = count("touch").await;
    assert!(ours == 0 && keys > 0, "{keys}");
    assert!(store.delete(TokenKey::new(&text(1))).await.unwrap().is_some());
    let (ours, keys) = count("logout").await;
    assert!(ours == 1 && keys > 1, "{keys}");
    println!("login, touch and logout: {} of ours, {} of tracking with {} keys", sums[0], sums[1], sums[2]);
}
