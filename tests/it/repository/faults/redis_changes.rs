//! What a bus in Redis does when Redis fails, or refuses.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::time::{Instant, timeout};
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{
    ChangeBus, Notice, RedisBus, RedisRepository, Replacement, Subject, Supersession, TokenRepository, UserRepository,
};
use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKind, TokenKinds};
use tower_tokens::user::UserId;

use crate::repository::announced::{self, Listener, NOW, add, changed, text};
use crate::repository::faults::proxy::Proxy;
use crate::repository::faults::server::Server;

async fn beside(server: &Server) -> MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn command(connection: &mut MultiplexedConnection, words: &str) {
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    words.for_each(|word| _ = command.arg(word));
    command.exec_async(connection).await.unwrap();
}

async fn member(store: &RedisRepository) -> UserId {
    store.create_level("member").await.unwrap();
    store.create_level("guest").await.unwrap();
    store.create_user(None, "member").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_ends_the_subscription_and_a_new_one_works() {
    let server = Server::start("redis").await;
    let store = RedisRepository::connect(server.url()).await.unwrap();
    let user = member(&store).await;
    let (bus, beside) = (announced::bus(&store), RedisBus::connect(server.url()).await.unwrap());
    let (mut listener, mut of_beside) = (Listener::of(&store).await, Listener::on(&beside).await);
    assert_eq!(listener.so_far().await, []);
    server.kill().await;
    let (count, error) = listener.until_failure().await;
    assert_eq!((count, error.kind()), (0, ErrorKind::Unavailable));
    listener.subscription.next().await.expect_err("it gives nothing more");
    assert_eq!(of_beside.until_failure().await.1.kind(), ErrorKind::Unavailable);
    assert!(bus.subscribe().await.is_err_and(|error| error.is_outage()));
    server.restart().await;
    let mut listener = Listener::again(&*bus).await;
    store.set_disabled(&user, true).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
    let mut of_beside = Listener::again(&beside).await;
    beside.announce(&Subject::from(&user)).await.unwrap();
    assert_eq!(of_beside.so_far().await, [Notice::Changing(Subject::from(&user))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_answers_no_heartbeat_and_loses_no_notice() {
    let server = Server::start("redis").await;
    let store = RedisRepository::connect(server.url()).await.unwrap();
    let user = member(&store).await;
    let mut listener = Listener::of(&store).await;
    server.signal("STOP");
    let change = {
        let (store, user) = (store.clone(), user.clone());
        tokio::spawn(async move { store.set_disabled(&user, true).await })
    };
    let heartbeat = timeout(Duration::from_millis(1_500), listener.until_heartbeat()).await;
    assert!(heartbeat.is_err() || heartbeat.unwrap().is_err(), "it cannot be answered");
    server.signal("CONT");
    // The change may have been made after its caller left.
    _ = change.await.unwrap();
    let disabled = store.user(&user).await.unwrap().unwrap().disabled;
    let notices = listener.until_heartbeat().await.unwrap_or_default();
    assert!(!disabled || notices.contains(&changed(&user)), "{notices:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firewall_that_swallows_the_subscription_leaves_heartbeats_without_an_answer() {
    let server = Server::start("redis").await;
    let proxy = Proxy::start(server.url()).await;
    let other_node = RedisRepository::connect(server.url()).await.unwrap();
    let store = RedisRepository::connect(&proxy.url(server.url())).await.unwrap();
    let user = member(&other_node).await;
    let bus = announced::bus(&store);
    let mut listener = Listener::on(&*bus).await;
    assert_eq!(listener.so_far().await, []);
    proxy.swallow_open_connections();
    other_node.set_disabled(&user, true).await.unwrap();
    // The store's connection is replaced, and publishes; the subscription's is dead without a sign.
    let answer = timeout(Duration::from_secs(3), listener.until_heartbeat()).await;
    assert!(answer.is_err() || answer.unwrap().is_err(), "nothing can come");
    let started = Instant::now();
    drop(listener);
    let mut listener = Listener::again(&*bus).await;
    println!("subscribed again in {:?}", started.elapsed());
    other_node.set_disabled(&user, false).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_at_a_demoted_redis_fails_at_the_next_heartbeat() {
    let (first, second) = (Server::start("redis").await, Server::start("redis").await);
    let proxy = Proxy::start(first.url()).await;
    let store = RedisRepository::connect(&proxy.url(first.url())).await.unwrap();
    let beside_store = RedisBus::connect(&proxy.url(first.url())).await.unwrap();
    let user = member(&store).await;
    let bus = announced::bus(&store);
    let (mut listener, mut of_beside) = (Listener::on(&*bus).await, Listener::on(&beside_store).await);
    assert_eq!(listener.so_far().await, []);
    assert_eq!(of_beside.so_far().await, []);
    let port = url::Url::parse(second.url()).unwrap().port().unwrap();
    command(&mut beside(&first).await, &format!("REPLICAOF 127.0.0.1 {port}")).await;
    let error = listener.until_heartbeat().await.expect_err("a replica is refused");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error =
        beside_store.announce(&Subject::Everything).await.expect_err("what is published there reaches no master");
    assert_eq!(error.kind(), ErrorKind::Unavailable);

    // The address leads to the master, the subscription stays where it is. It may get what the master publishes.
    let mut listener = Listener::on(&*bus).await;
    proxy.lead_to(second.url());
    let error = listener.until_heartbeat().await.expect_err("it is on another server");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    of_beside.until_heartbeat().await.expect_err("so is this one");
    let mut listener = Listener::again(&*bus).await;
    // The new master has nothing yet.
    store.create_level("member").await.unwrap();
    _ = store.create_user(Some(user.clone()), "member").await;
    listener.so_far().await;
    store.set_disabled(&user, true).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_that_redis_cannot_deliver_is_an_error_and_one_that_it_can_is_whole() {
    const FLOOD: usize = 100_000;
    let server = Server::start("redis").await;
    let store = RedisRepository::connect(server.url()).await.unwrap();
    let user = member(&store).await;
    let mut connection = beside(&server).await;
    let flood = async |connection: &mut MultiplexedConnection| {
        let script = "for i = 1, tonumber(ARGV[1]) do redis.call('PUBLISH', ARGV[2], 'u' .. i) end";
        let mut eval = redis::cmd("EVAL");
        eval.arg(script).arg(0).arg(FLOOD).arg("{tower_tokens}:v1:changes").exec_async(connection).await.unwrap();
    };
    let mut listener = Listener::of(&store).await;
    flood(&mut connection).await;
    store.set_disabled(&user, true).await.unwrap();
    let started = Instant::now();
    let notices = listener.so_far().await;
    println!("{FLOOD} notices read in {:?}", started.elapsed());
    assert_eq!(notices.len(), FLOOD + 1);
    assert_eq!(notices.last(), Some(&changed(&user)));

    let limit = "pubsub 1mb 1mb 60";
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("client-output-buffer-limit")
        .arg(limit)
        .exec_async(&mut connection)
        .await
        .unwrap();
    let mut listener = Listener::of(&store).await;
    flood(&mut connection).await;
    let (count, error) = listener.until_failure().await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(count < FLOOD, "Redis gave up before the end");
    let mut listener = Listener::again(&*announced::bus(&store)).await;
    store.set_disabled(&user, false).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
}

/// As a user of Redis who may do this.
async fn with_rights(server: &Server, rights: &str) -> String {
    command(&mut beside(server).await, &format!("ACL SETUSER app reset on >secret {rights}")).await;
    server.url().replace("redis://", "redis://app:secret@")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_the_channel_no_change_is_half_made() {
    let server = Server::start("redis").await;
    let owner = RedisRepository::connect(server.url()).await.unwrap();
    let user = member(&owner).await;
    for number in 1..=6 {
        add(&owner, &user, number, if number < 4 { TokenKind::Login } else { TokenKind::Api }).await;
    }
    let lost = owner.create_user(Some(UserId::from("lost")), "member").await.unwrap();
    add(&owner, &lost, 7, TokenKind::Login).await;
    let mut connection = beside(&server).await;
    command(&mut connection, "DEL {tower_tokens}:v1:user:\u{2}lost").await;
    let url = with_rights(&server, "~{tower_tokens}:* resetchannels +@all").await;
    let store = RedisRepository::connect(&url).await.unwrap();
    let dump = async |connection: &mut MultiplexedConnection| {
        let mut keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(connection).await.unwrap();
        keys.sort();
        let mut dump = Vec::new();
        for key in keys {
            let value: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(connection).await.unwrap();
            dump.push((key, value));
        }
        dump
    };
    let before = dump(&mut connection).await;
    let key = text(2);
    let limits = NewLimits::FreshStart(Lifetime::hours(2));
    let replacement =
        Replacement { old: TokenKey::new(&key), new: TokenKey::new("new"), limits, authenticated_at: None, now: NOW };
    let supersession = Supersession {
        user: &user,
        id: TokenId::new(4),
        successor: TokenId::new(5),
        until: NOW + time::Duration::MINUTE,
        now: NOW,
    };
    let errors = [
        ("delete", store.delete(TokenKey::new(&text(1))).await.map(drop)),
        ("delete_by_id", store.delete_by_id(&user, TokenId::new(1)).await.map(drop)),
        ("delete_by_id of a family", store.delete_by_id(&user, TokenId::new(4)).await.map(drop)),
        ("delete_by_user", store.delete_by_user(&user, TokenKinds::ALL, None).await.map(drop)),
        ("delete_by_user but one", store.delete_by_user(&user, TokenKinds::ALL, Some(TokenId::new(1))).await.map(drop)),
        ("replace", store.replace(replacement).await.map(drop)),
        ("supersede", store.supersede(supersession).await.map(drop)),
        ("change_level", store.change_level(&user, "guest").await.map(drop)),
        ("set_disabled", store.set_disabled(&user, true).await),
        ("delete_user", store.delete_user(&user).await.map(drop)),
        ("create_user of a lost one", store.create_user(Some(lost), "member").await.map(drop)),
    ];
    for (what, outcome) in errors {
        let error = outcome.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}");
        let text = format!("{error:?}");
        assert!(text.contains("channel"), "{what}: the error says what is missing: {text}");
    }
    assert!(dump(&mut connection).await == before, "something was changed");
    let error = announced::bus(&store).subscribe().await.map(drop).expect_err("it may not subscribe");
    assert!(error.kind() == ErrorKind::Unavailable && format!("{error:?}").contains("channel"), "{error:?}");
    // Look-ups and logins go on.
    assert!(store.find(TokenKey::new(&text(1)), NOW).await.unwrap().is_some());
    add(&store, &user, 8, TokenKind::Login).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rights_that_the_docs_name_are_enough() {
    let server = Server::start("redis").await;
    let user = member(&RedisRepository::connect(server.url()).await.unwrap()).await;
    let rights = "~{tower_tokens}:* &{tower_tokens}:* +@all -@admin -@dangerous";
    let store = RedisRepository::connect(&with_rights(&server, rights).await).await.unwrap();
    let mut listener = Listener::of(&store).await;
    store.set_disabled(&user, true).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);

    let rights = "~tower_tokens_bus &tower_tokens_bus* +@connection +@pubsub +@scripting +persist";
    let bus = RedisBus::connect(&with_rights(&server, rights).await).await.unwrap();
    let mut listener = Listener::on(&bus).await;
    bus.announce(&Subject::Everything).await.unwrap();
    assert_eq!(listener.so_far().await, [Notice::Changing(Subject::Everything)]);
    // Without the key, a replica could not be distinguished from a master.
    let rights = "&tower_tokens_bus* +@connection +@pubsub +@scripting +persist";
    let bus = RedisBus::connect(&with_rights(&server, rights).await).await.unwrap();
    bus.announce(&Subject::Everything).await.expect_err("a key is missing");
}
