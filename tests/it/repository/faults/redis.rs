//! Redis fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{NewToken, PageRequest, RedisRepository, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::faults::drills;
use crate::repository::faults::proxy::Proxy;
use crate::repository::faults::resp::{Answer, FakeRedis};
use crate::repository::faults::server::Server;
use crate::repository::faults::site::Site;
use crate::repository::redis::fresh;

async fn private() -> (Server, RedisRepository) {
    let server = Server::start("redis").await;
    let repository = RedisRepository::connect(server.url()).await.unwrap();
    (server, repository)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_is_broken_when_redis_is_killed_and_restarted_under_load() {
    let (server, repository) = private().await;
    drills::killed_and_restarted_under_load("Redis", &server, Arc::new(repository)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_redis_is_an_error() {
    let (server, repository) = private().await;
    drills::an_outage_is_an_error(&server, repository).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_503_while_redis_hangs() {
    let (server, repository) = private().await;
    let site = Site::new(Arc::new(repository)).await;
    let freeze = async || {
        server.signal("STOP");
        drills::a_change_is_answered_in_time(&site).await;
    };
    drills::everybody_gets_503_in_time(&site, freeze, async |()| server.signal("CONT")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_redis_outlives_its_application() {
    if let Some(url) = drills::application_url() {
        let repository = RedisRepository::connect(&url).await.unwrap();
        return drills::be_the_application(Arc::new(repository)).await;
    }
    let (server, repository) = private().await;
    let test = "repository::faults::redis::a_token_in_redis_outlives_its_application";
    drills::a_token_outlives_its_application(test, Arc::new(repository), server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_regenerate_one_token_in_redis() {
    drills::twenty_tasks_regenerate_one_token(Arc::new(fresh().await.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_prune_redis_while_tokens_are_issued() {
    drills::twenty_tasks_prune_while_tokens_are_issued(Arc::new(fresh().await.0)).await;
}

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

fn text(number: i64) -> String {
    format!("token-{number}")
}

async fn add(store: &RedisRepository, user: &UserId, number: i64) -> Result<TokenRecord, Error> {
    let record = TokenRecord::new(TokenId::new(number), NOW, Lifetime::hours(1)).with_name(&"x".repeat(200));
    store.insert(NewToken { key: TokenKey::new(&text(number)), user, record }).await
}

/// How many of the first `count` tokens are valid.
async fn valid(store: &RedisRepository, count: i64) -> usize {
    let mut valid = 0;
    for number in 0..count {
        valid += usize::from(store.find(TokenKey::new(&text(number)), NOW).await.unwrap().is_some());
    }
    valid
}

async fn member(store: &RedisRepository) -> UserId {
    store.create_level("member").await.unwrap();
    store.create_user(None, "member").await.unwrap()
}

/// A connection past the store.
async fn beside(server: &Server) -> MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn set(connection: &mut MultiplexedConnection, setting: &str, value: impl ToString) {
    redis::cmd("CONFIG").arg("SET").arg(setting).arg(value.to_string()).exec_async(connection).await.unwrap();
}

async fn info(connection: &mut MultiplexedConnection, field: &str) -> i64 {
    info_text(connection, field).await.parse().unwrap()
}

async fn info_text(connection: &mut MultiplexedConnection, field: &str) -> String {
    let text: String = redis::cmd("INFO").arg("everything").query_async(connection).await.unwrap();
    let value = text.lines().find_map(|line| line.trim().strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("INFO has no {field}")).to_owned()
}

/// Leaves room for this many bytes more.
async fn leave_room(connection: &mut MultiplexedConnection, policy: &str, bytes: i64) {
    set(connection, "maxmemory-policy", policy).await;
    set(connection, "maxmemory-samples", 10).await;
    let used = info(connection, "used_memory").await;
    set(connection, "maxmemory", used + bytes).await;
}

/// Fills a Redis until it evicts, and ends everything: whatever was evicted, no token may be left.
async fn no_eviction_keeps_a_token_alive(policy: &str) {
    let (server, store) = private().await;
    let mut connection = beside(&server).await;
    let user = member(&store).await;
    leave_room(&mut connection, policy, 2_000_000).await;
    let mut count = 0;
    while info(&mut connection, "evicted_keys").await < 300 {
        for _ in 0..200 {
            // An administrator opens the page of users now and then.
            _ = store.user(&user).await.unwrap();
            if add(&store, &user, count).await.is_err_and(|error| error.kind() == ErrorKind::UserNotFound) {
                store.create_level("member").await.unwrap();
                store.create_user(Some(user.clone()), "member").await.unwrap();
            }
            count += 1;
        }
        assert!(count < 100_000, "Redis does not evict");
    }
    set(&mut connection, "maxmemory", 0).await;
    let before = valid(&store, count).await;
    println!("{policy}: {before} of {count} tokens outlived the eviction");
    let kept = store.list_by_user(&user, TokenKinds::ALL, PageRequest::first(1_000), NOW).await.unwrap().items;
    for record in kept.iter().take(20) {
        store.delete_by_id(&user, record.id()).await.unwrap();
    }
    let listed = kept.iter().take(20).map(TokenRecord::id);
    for number in listed.map(TokenId::get) {
        assert!(store.find(TokenKey::new(&text(number)), NOW).await.unwrap().is_none(), "token {number} was ended");
    }
    store.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap();
    assert_eq!(valid(&store, count).await, 0, "all were ended");
    for number in count..count + 50 {
        add(&store, &user, number).await.unwrap();
    }
    store.delete_user(&user).await.unwrap();
    store.create_level("member").await.unwrap();
    store.create_user(Some(user.clone()), "member").await.unwrap();
    assert_eq!(valid(&store, count + 50).await, 0, "the id has a new owner");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_evicts_by_volatile_lru_loses_no_end() {
    no_eviction_keeps_a_token_alive("volatile-lru").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_evicts_by_volatile_ttl_loses_no_end() {
    no_eviction_keeps_a_token_alive("volatile-ttl").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_evicts_by_allkeys_lru_loses_no_end() {
    no_eviction_keeps_a_token_alive("allkeys-lru").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_evicts_by_allkeys_random_loses_no_end() {
    no_eviction_keeps_a_token_alive("allkeys-random").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_refuses_new_tokens_and_ends_old_ones() {
    let (server, store) = private().await;
    let mut connection = beside(&server).await;
    let user = member(&store).await;
    let other = store.create_user(None, "member").await.unwrap();
    store.create_level("guest").await.unwrap();
    leave_room(&mut connection, "noeviction", 1_000_000).await;
    let mut count = 0;
    let refused = loop {
        match add(&store, if count % 2 == 0 { &user } else { &other }, count).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
        assert!(count < 100_000, "Redis is not full");
    };
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    set(&mut connection, "maxmemory", 1_000_000).await;
    assert_eq!(valid(&store, count).await, count as usize, "look-ups go on");
    assert!(store.delete(TokenKey::new(&text(0))).await.unwrap().is_some());
    assert!(store.delete_by_id(&user, TokenId::new(2)).await.unwrap());
    assert_eq!(
        store.delete_by_user(&user, TokenKinds::ALL, Some(TokenId::new(4))).await.unwrap(),
        (count as u64).div_ceil(2) - 3
    );
    assert!(store.delete_user(&other).await.unwrap());
    assert_eq!(valid(&store, count).await, 1, "one was kept");
    store.change_level(&user, "guest").await.expect("a user can lose their level");
    assert_eq!(store.user(&user).await.unwrap().unwrap().level.title(), "guest");
    store.set_disabled(&user, true).await.expect("a user can be disabled");
    assert_eq!(valid(&store, count).await, 0);
    assert_eq!(store.create_user(None, "guest").await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_says_that_redis_evicts() {
    let (server, store) = private().await;
    let mut connection = beside(&server).await;
    assert_eq!(store.check().await.unwrap(), None, "the default is noeviction");
    for (policy, takes_users) in [("volatile-lru", false), ("volatile-ttl", false), ("allkeys-lru", true)] {
        set(&mut connection, "maxmemory-policy", policy).await;
        let report = store.check().await.unwrap().expect("it evicts");
        assert_eq!((report.name(), report.takes_users()), (policy, takes_users));
        assert!(report.to_string().contains("set it to noeviction"), "{report}");
    }
    // As on servers that others manage.
    for (account, forbidden) in [("without_config", "-config"), ("without_info", "-info")] {
        let rules = ["ACL", "SETUSER", account, "on", ">secret", "~*", "+@all", forbidden];
        let mut command = redis::cmd(rules[0]);
        for rule in &rules[1..] {
            command.arg(rule);
        }
        command.exec_async(&mut connection).await.unwrap();
        let url = server.url().replace("redis://", &format!("redis://{account}:secret@"));
        let store = RedisRepository::connect(&url).await.unwrap();
        assert_eq!(store.check().await.unwrap().expect("it evicts").name(), "allkeys-lru", "{account}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_a_hundred_thousand_tokens_does_not_block_redis() {
    const MANY: i64 = 100_000;
    let (server, store) = private().await;
    let mut connection = beside(&server).await;
    set(&mut connection, "appendfsync", "no").await;
    let user = member(&store).await;
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*:user:*").query_async(&mut connection).await.unwrap();
    let user_id_column = &keys[0][keys[0].len() - 9..];
    let tag = "{tower_tokens}:v1";
    for first in (0..MANY).step_by(1_000) {
        let mut fill = redis::pipe();
        for number in first..first + 1_000 {
            let id = (number.cast_unsigned() ^ (1 << 63)).to_be_bytes();
            let digest = *TokenKey::new(&text(number)).digest().as_bytes();
            let key = |kind: &str, rest: &[u8]| [format!("{tag}:{kind}:").as_bytes(), rest].concat();
            fill.cmd("HSET").arg(key("token", &id)).arg("digest").arg(&digest[..]).arg("user").arg(user_id_column);
            fill.arg("created").arg(1_000_000).arg("authenticated").arg(1_000_000).ignore();
            fill.cmd("SET").arg(key("digest", &digest)).arg(&id[..]).ignore();
            fill.cmd("ZADD").arg(key("tokens", user_id_column)).arg(1_000_000).arg(&id[..]).ignore();
        }
        fill.exec_async(&mut connection).await.unwrap();
    }
    assert!(store.find(TokenKey::new(&text(5)), NOW).await.unwrap().is_some());
    let slow = async |connection: &mut MultiplexedConnection, what: &str| {
        let entries: Vec<redis::Value> =
            redis::cmd("SLOWLOG").arg("GET").arg(100).query_async(connection).await.unwrap();
        redis::cmd("SLOWLOG").arg("RESET").exec_async(connection).await.unwrap();
        let slowest = entries.iter().filter_map(|entry| match entry {
            redis::Value::Array(fields) => redis::from_redis_value::<u64>(fields[2].clone()).ok(),
            _ => None,
        });
        let slowest = Duration::from_micros(slowest.max().unwrap_or(0));
        println!("{what}: the slowest script took {slowest:?}");
        // Seconds, were the work done in one step. A machine that is busy may add to it.
        assert!(slowest < Duration::from_millis(100), "{what}: {slowest:?}");
    };
    set(&mut connection, "slowlog-log-slower-than", 1_000).await;
    set(&mut connection, "slowlog-max-len", 10_000).await;
    slow(&mut connection, "before").await;

    let request = (0..90).fold(PageRequest::first(1_000), |request, _| request.next());
    assert_eq!(store.list_by_user(&user, TokenKinds::ALL, request, NOW).await.unwrap().items.len(), 1_000);
    slow(&mut connection, "list_by_user, far down").await;
    assert!(store.touch(&user, TokenId::new(50_000), NOW + time::Duration::seconds(1)).await.unwrap());
    slow(&mut connection, "touch").await;
    assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, Some(TokenId::new(7))).await.unwrap(), MANY as u64 - 1);
    slow(&mut connection, "delete_by_user").await;
    assert_eq!(valid(&store, 2_000).await, 1);
    assert!(store.delete_user(&user).await.unwrap());
    slow(&mut connection, "delete_user").await;
    store.delete_expired(NOW, u32::MAX).await.unwrap();
    slow(&mut connection, "delete_expired").await;
    let left: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*:token:*").query_async(&mut connection).await.unwrap();
    assert_eq!(left.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_became_a_replica_answers_nothing_and_is_left() {
    let (server, store) = private().await;
    let mut connection = beside(&server).await;
    let user = member(&store).await;
    add(&store, &user, 1).await.unwrap();
    // Its master is another one, which ends the token. It does not answer here: the replica goes on with what it has.
    let follow = async |connection: &mut MultiplexedConnection, host: &str, port: &str| {
        redis::cmd("REPLICAOF").arg(host).arg(port).exec_async(connection).await.unwrap();
    };
    follow(&mut connection, "127.0.0.1", "1").await;
    for _ in 0..3 {
        let error = store.find(TokenKey::new(&text(1)), NOW).await.expect_err("a replica may hold what is over");
        assert!(error.is_outage(), "{error:?}");
        let error = store.delete(TokenKey::new(&text(1))).await.expect_err("a replica takes no changes");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    let error = RedisRepository::connect(server.url()).await.expect_err("it is a replica");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    follow(&mut connection, "NO", "ONE").await;
    assert!(store.delete(TokenKey::new(&text(1))).await.unwrap().is_some(), "service is back");
    assert_eq!(store.find(TokenKey::new(&text(1)), NOW).await.unwrap().map(drop), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_cannot_write_its_file_still_answers_look_ups() {
    let (server, store) = private().await;
    let mut connection = beside(&server).await;
    let user = member(&store).await;
    add(&store, &user, 1).await.unwrap();
    set(&mut connection, "save", "3600 1000000").await;
    let data = server.directory().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
    // The directory cannot be written to.
    redis::cmd("BGSAVE").exec_async(&mut connection).await.unwrap();
    while info_text(&mut connection, "rdb_last_bgsave_status").await != "err" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let error = add(&store, &user, 2).await.expect_err("MISCONF");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(store.find(TokenKey::new(&text(1)), NOW).await.unwrap().is_some());
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    redis::cmd("SAVE").exec_async(&mut connection).await.unwrap();
    add(&store, &user, 2).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_idled_to_death_is_not_noticed() {
    let (server, store) = private().await;
    let mut connection = beside(&server).await;
    let user = member(&store).await;
    for number in 1..=3 {
        // What a server or a firewall does that closes idle connections.
        redis::cmd("CLIENT").arg("KILL").arg("SKIPME").arg("yes").exec_async(&mut connection).await.unwrap();
        assert_eq!(valid(&store, number).await, number as usize - 1, "a look-up is sent once more");
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        redis::cmd("CLIENT").arg("KILL").arg("SKIPME").arg("yes").exec_async(&mut connection).await.unwrap();
        add(&store, &user, number - 1).await.expect("the connection is asked before a change is sent on it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_on_a_connection_that_is_silently_dead_is_sent_once_more() {
    let server = FakeRedis::start(&[Answer::Silence, Answer::Send("$-1\r\n")]).await;
    let store = RedisRepository::connect(&server.url).await.unwrap();
    let started = Instant::now();
    let mut visits = JoinSet::new();
    for number in 0..10 {
        let store = store.clone();
        visits.spawn(async move { store.find(TokenKey::new(&text(number)), NOW).await });
    }
    for found in visits.join_all().await {
        assert!(found.expect("it is answered on a new connection").is_none());
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(server.connections(), 2, "all share the new one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firewall_that_swallows_the_connection_to_redis_costs_no_visitor_the_login() {
    let server = Server::start("redis").await;
    let proxy = Proxy::start(server.url()).await;
    let store = RedisRepository::connect(&proxy.url(server.url())).await.unwrap();
    let site = Site::new(Arc::new(store)).await;
    let token = site.log_in().await;
    for round in 1..=3 {
        assert_eq!(site.visit(&token).await, StatusCode::OK);
        proxy.swallow_open_connections();
        let mut visits = JoinSet::new();
        for _ in 0..20 {
            let (site, token) = (site.clone(), token.clone());
            visits.spawn(async move { site.visit(&token).await });
        }
        for status in visits.join_all().await {
            assert_eq!(status, StatusCode::OK, "round {round}");
        }
        assert_eq!(proxy.accepted(), round + 1, "they share one new connection");
    }
    // A change whose answer is swallowed fails once, in time, and the next has another connection.
    proxy.swallow_open_connections();
    drills::a_change_is_answered_in_time(&site).await;
    let other = site.log_in().await;
    assert_eq!(site.visit(&other).await, StatusCode::OK);
    assert_eq!(proxy.accepted(), 5);
    // After a second of silence not even that one fails: the connection is asked first.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    proxy.swallow_open_connections();
    assert!(site.tokens.destroy(&other).await.unwrap());
    assert_eq!(site.visit(&other).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_the_demoted_redis_is_left_at_once() {
    let (first, second) = (Server::start("redis").await, Server::start("redis").await);
    let (mut to_first, mut to_second) = (beside(&first).await, beside(&second).await);
    let port = |server: &Server| url::Url::parse(server.url()).unwrap().port().unwrap().to_string();
    let follow = async |replica: &mut MultiplexedConnection, host: &str, port: &str| {
        redis::cmd("REPLICAOF").arg(host).arg(port).exec_async(replica).await.unwrap();
    };
    let in_step = async |replica: &mut MultiplexedConnection| {
        while info_text(replica, "master_link_status").await != "up" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    set(&mut to_first, "repl-diskless-sync-delay", 0).await;
    set(&mut to_second, "repl-diskless-sync-delay", 0).await;
    let proxy = Proxy::start(first.url()).await;
    let store = RedisRepository::connect(&proxy.url(first.url())).await.unwrap();
    let site = Site::new(Arc::new(store)).await;
    let (token, other) = (site.log_in().await, site.log_in().await);
    follow(&mut to_second, "127.0.0.1", &port(&first)).await;
    in_step(&mut to_second).await;

    // The open connection stays where it is.
    follow(&mut to_second, "NO", "ONE").await;
    proxy.lead_to(second.url());
    follow(&mut to_first, "127.0.0.1", &port(&second)).await;
    assert!(site.tokens.destroy(&token).await.unwrap(), "a change that the demoted one refused is sent to the master");
    assert_eq!(site.visit(&token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(site.visit(&other).await, StatusCode::OK);

    // Back again, and a look-up is the first to come.
    in_step(&mut to_first).await;
    follow(&mut to_first, "NO", "ONE").await;
    proxy.lead_to(first.url());
    follow(&mut to_second, "127.0.0.1", "1").await;
    let beside = Site::reopened(Arc::new(RedisRepository::connect(first.url()).await.unwrap()), site.user.clone());
    assert!(beside.tokens.destroy(&other).await.unwrap(), "another node ends it on the master");
    assert_eq!(site.visit(&other).await, StatusCode::UNAUTHORIZED, "the demoted one still has it");
    let new = site.log_in().await;
    assert_eq!(beside.visit(&new).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_who_goes_away_takes_the_silent_connection_along() {
    let server = FakeRedis::start(&[Answer::Silence, Answer::Send("$-1\r\n")]).await;
    let store = RedisRepository::connect(&server.url).await.unwrap();
    let find = async || store.find(TokenKey::new(&text(1)), NOW).await;
    for time_out in [Duration::from_millis(10), Duration::from_millis(300)] {
        assert_eq!(server.connections(), 1);
        assert!(tokio::time::timeout(time_out, find()).await.is_err(), "there is no answer");
    }
    assert!(tokio::time::timeout(Duration::from_millis(900), find()).await.unwrap().unwrap().is_none());
    assert_eq!(server.connections(), 2);
}

/// What the script of `delete` says: the id of a record, and a user.
const ENDED: &str = "*2\r\n$8\r\n12345678\r\n$4\r\n\x02ann\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_change_fails_on_a_silent_connection_and_the_next_has_another() {
    let server = FakeRedis::start(&[Answer::Silence, Answer::Send(ENDED)]).await;
    let store = RedisRepository::connect(&server.url).await.unwrap();
    store.check().await.unwrap();
    let delete = async || store.delete(TokenKey::new(&text(1))).await;
    assert_eq!(delete().await.expect_err("whether it was made is unknown").kind(), ErrorKind::TimedOut);
    assert!(delete().await.unwrap().is_some());
    assert_eq!(server.connections(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_a_replica_refused_is_sent_to_its_master() {
    let readonly = "-READONLY You can't write against a read only replica.\r\n";
    for refusal in [readonly, "-MASTERDOWN Link with MASTER is down\r\n", "-MOVED 3999 127.0.0.1:6381\r\n"] {
        let answers = vec![Answer::Send(refusal), Answer::Send(ENDED)].leak();
        let server = FakeRedis::start(answers).await;
        let store = RedisRepository::connect(&server.url).await.unwrap();
        assert!(store.delete(TokenKey::new(&text(1))).await.unwrap().is_some(), "{refusal}");
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_loading_is_an_outage() {
    let server = FakeRedis::start(&[Answer::Send("-LOADING Redis is loading the dataset in memory\r\n")]).await;
    let store = RedisRepository::connect(&server.url).await.unwrap();
    for _ in 0..2 {
        let error = store.find(TokenKey::new(&text(1)), NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let error = store.delete(TokenKey::new(&text(1))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    assert_eq!(server.connections(), 1, "the connection is good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_is_an_outage_and_never_corrupt() {
    for broken in ["*11\r\n$8\r\nabc", "*11\r\n", "$", "", "HTTP/1.1 400 Bad Request\r\n", "$-1"] {
        let answers = vec![Answer::SendAndClose(broken)].leak();
        let server = FakeRedis::start(answers).await;
        let store = RedisRepository::connect(&server.url).await.unwrap();
        let error = store.find(TokenKey::new(&text(1)), NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{broken:?}");
        assert!(server.connections() >= 2, "it was sent once more");
        let before = server.connections();
        let error = store.delete(TokenKey::new(&text(1))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{broken:?}");
        assert!(server.connections() <= before + 1, "a change is not sent once more");

        let answers = vec![Answer::SendAndClose(broken), Answer::Send("$-1\r\n")].leak();
        let server = FakeRedis::start(answers).await;
        let store = RedisRepository::connect(&server.url).await.unwrap();
        assert!(store.find(TokenKey::new(&text(1)), NOW).await.unwrap().is_none(), "{broken:?}");
    }
    for whole in [":5\r\n", "+OK\r\n", "*1\r\n$1\r\nx\r\n"] {
        let answers = vec![Answer::Send(whole)].leak();
        let server = FakeRedis::start(answers).await;
        let store = RedisRepository::connect(&server.url).await.unwrap();
        let error = store.find(TokenKey::new(&text(1)), NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{whole:?}");
    }
}
