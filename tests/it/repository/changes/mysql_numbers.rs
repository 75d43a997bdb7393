//! MySQL and MariaDB give numbers before they commit: a higher one may be committed before a lower one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, MySqlPool, query, query_scalar};
use tokio::task::JoinSet;
use tower_tokens::repository::{MySqlRepository, Notice, Subject, UserRepository};
use tower_tokens::user::UserId;

use crate::repository::announced::Listener;
use crate::repository::changes::user;
use crate::repository::mysql::fresh;

async fn with_users(count: u32) -> MySqlRepository {
    let (store, ()) = fresh().await;
    store.create_level("member").await.unwrap();
    for id in 1..=count {
        let add = query("INSERT INTO tower_tokens_users (id, number, level_id) VALUES (?, ?, 1)");
        add.bind(id.to_string()).bind(id).execute(store.pool()).await.unwrap();
    }
    store
}

fn disable(user: i64) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("UPDATE tower_tokens_users SET disabled = 1 - disabled WHERE id = '{user}'"))
}

/// Of an application of its own.
async fn connection(pool: &MySqlPool) -> MySqlConnection {
    MySqlConnection::connect_with(&pool.connect_options()).await.unwrap()
}

/// What comes of a lower number whose transaction ends after that of a higher one.
async fn a_lower_number_ends_later(end: &'static str, changed: Option<&str>) {
    let store = with_users(3).await;
    let mut listener = Listener::of(&store).await;
    let mut slow = connection(store.pool()).await;
    slow.execute("BEGIN").await.unwrap();
    slow.execute(disable(1)).await.unwrap();
    store.set_disabled(&UserId::from(2), true).await.unwrap();
    let first = listener.so_far().await;
    assert_eq!(first, [Notice::Changing(user("1")), Notice::Changed(user("2"))]);
    // One that subscribes meanwhile is given what is pending, and what comes of it.
    let mut late = Listener::of(&store).await;
    assert_eq!(late.so_far().await, [Notice::Changing(user("1"))]);
    let (started, mut warnings) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_millis(4_600) {
        let notices = listener.so_far().await;
        assert!(notices.iter().all(|notice| *notice == Notice::Changing(user("1"))), "{notices:?}");
        warnings += notices.len();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(warnings, 1, "again, within five seconds");
    slow.execute(end).await.unwrap();
    assert_eq!(listener.changed().await, Vec::from_iter(changed));
    assert_eq!(late.changed().await, Vec::from_iter(changed));
    // The number that was rolled back is in the way of none that comes later.
    store.set_disabled(&UserId::from(3), true).await.unwrap();
    assert_eq!(listener.changed().await, ["3"]);
}

#[tokio::test]
async fn a_lower_number_that_is_committed_after_a_higher_one_is_given() {
    tokio::join!(a_lower_number_ends_later("COMMIT", Some("1")), a_lower_number_ends_later("ROLLBACK", None));
}

/// What an obvious poller does: it asks for what is above the highest number that it has seen.
async fn poll_naively(pool: &MySqlPool, last: &mut i64) -> Vec<String> {
    let rows: Vec<(i64, Option<String>)> =
        sqlx::query_as("SELECT number, user_id FROM tower_tokens_changes WHERE number > ? ORDER BY number")
            .bind(*last)
            .fetch_all(pool)
            .await
            .unwrap();
    *last = rows.last().map_or(*last, |row| row.0);
    rows.into_iter().filter_map(|row| row.1).collect()
}

const TASKS: i64 = 8;
const TRANSACTIONS: i64 = 60;

/// Each transaction changes two users of its own, and takes its time. The users that were changed, and those that were not in the end.
async fn change_users_at_random(mut connection: MySqlConnection, task: i64) -> (Vec<i64>, Vec<i64>) {
    let (mut committed, mut undone) = (Vec::new(), Vec::new());
    let mut random = (task + 1) as u64;
    let mut draw = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 33
    };
    for number in 0..TRANSACTIONS {
        let users = [1, 2].map(|user| 2 * (task * TRANSACTIONS + number) + user);
        connection.execute("BEGIN").await.unwrap();
        connection.execute(disable(users[0])).await.unwrap();
        tokio::time::sleep(Duration::from_millis(draw() % 60)).await;
        connection.execute(disable(users[1])).await.unwrap();
        tokio::time::sleep(Duration::from_millis(draw() % 60)).await;
        if draw() % 4 == 0 {
            connection.execute("ROLLBACK").await.unwrap();
            undone.extend(users);
        } else {
            connection.execute("COMMIT").await.unwrap();
            committed.extend(users);
        }
    }
    (committed, undone)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_that_random_transactions_commit_is_given_after_its_commit() {
    let store = with_users((2 * TASKS * TRANSACTIONS) as u32).await;
    let pool = store.pool().clone();
    let mut listener = Listener::of(&store).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        tasks.spawn(change_users_at_random(connection(&pool).await, task));
    }
    let naive = tokio::spawn({
        let (pool, is_over) = (pool.clone(), Arc::clone(&is_over));
        async move {
            let (mut last, mut given) = (0, BTreeSet::new());
            while !is_over.load(Ordering::SeqCst) {
                given.extend(poll_naively(&pool, &mut last).await);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            given
        }
    });
    let polls = tokio::spawn({
        let (pool, is_over) = (pool.clone(), Arc::clone(&is_over));
        async move {
            let mut given: BTreeMap<String, u32> = BTreeMap::new();
            loop {
                let was_over = is_over.load(Ordering::SeqCst);
                for notice in listener.so_far().await {
                    let Notice::Changed(Subject::User(user)) = notice else { continue };
                    let disabled = query_scalar("SELECT disabled = 1 FROM tower_tokens_users WHERE id = ?");
                    let is_visible: bool = disabled.bind(&user).fetch_one(&pool).await.unwrap();
                    assert!(is_visible, "{user} was given before the commit");
                    *given.entry(user).or_default() += 1;
                }
                if was_over {
                    return given;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    let (mut committed, mut undone) = (BTreeSet::new(), BTreeSet::new());
    for (done, not_done) in tasks.join_all().await {
        committed.extend(done.iter().map(i64::to_string));
        undone.extend(not_done.iter().map(i64::to_string));
    }
    is_over.store(true, Ordering::SeqCst);
    let (given, naive) = (polls.await.unwrap(), naive.await.unwrap());
    let lost: Vec<_> = committed.iter().filter(|user| !given.contains_key(*user)).collect();
    assert!(lost.is_empty(), "of {} committed these are lost: {lost:?}", committed.len());
    assert!(undone.iter().all(|user| !given.contains_key(user)), "what was rolled back has not changed");
    assert!(given.values().all(|times| *times == 1));
    let lost_naively = committed.difference(&naive).count();
    println!("{} committed, {} rolled back, a naive poller lost {lost_naively}", committed.len(), undone.len());
    assert!(lost_naively > 0, "the drill would find nothing");
}

/// Triggers of two transactions that are open at once are in each other's way nowhere.
#[tokio::test]
async fn a_transaction_that_stays_open_keeps_no_other_change_waiting() {
    let store = with_users(2).await;
    let mut slow = connection(store.pool()).await;
    slow.execute("BEGIN").await.unwrap();
    slow.execute(disable(1)).await.unwrap();
    let started = Instant::now();
    store.set_disabled(&UserId::from(2), true).await.unwrap();
    store.delete_user(&UserId::from(2)).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    slow.execute("ROLLBACK").await.unwrap();
}
