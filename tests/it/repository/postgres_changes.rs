//! The bus of the store in PostgreSQL, on a real server.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::time::{sleep, timeout};
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{Notice, PostgresRepository, Subject, TokenRepository, UserRepository, UserTable};
use tower_tokens::token::{TokenId, TokenKey, TokenKind, TokenKinds};
use tower_tokens::user::UserId;

use crate::repository::announced::{self, LONG, Listener, NOW, add, changed, text};
use crate::repository::postgres::{fresh, fresh_pool, url};
use crate::repository::servers::unique_name;

const EVERYTHING: Notice = Notice::Changed(Subject::Everything);

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn member(store: &PostgresRepository) -> UserId {
    store.create_level("member").await.unwrap();
    store.create_level("guest").await.unwrap();
    store.create_user(None, "member").await.unwrap()
}

/// Each notice once: a statement may announce the same user in many rows, and in more than one transaction.
async fn once(listener: &mut Listener) -> Vec<Notice> {
    let mut notices = listener.so_far().await;
    notices.dedup();
    notices
}

/// A number of nodes with connections of their own, on the same tables.
async fn nodes(count: usize) -> Vec<PostgresRepository> {
    let options = fresh().await.0.pool().connect_options();
    let mut nodes = Vec::new();
    for _ in 0..count {
        let pool = PgPoolOptions::new().test_before_acquire(false).connect_with((*options).clone());
        nodes.push(PostgresRepository::with_pool(pool.await.unwrap()));
    }
    nodes
}

async fn of_store() -> (announced::StoreBus, PostgresRepository) {
    let (store, ()) = fresh().await;
    (announced::StoreBus::of(&store), store)
}

tower_tokens::change_bus_conformance!(of_the_store, super::of_store());

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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_notice_is_lost_to_a_dropped_future() {
    announced::no_notice_is_lost_to_a_dropped_future(announced::bus(&fresh().await.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_comes_after_every_end_before_it() {
    announced::a_heartbeat_comes_after_every_end_before_it(nodes(4).await, 700).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_arrives_within_milliseconds() {
    let nodes = nodes(2).await;
    let (p50, p99) = announced::latency(nodes[0].clone(), nodes[1].clone(), 1_000, Duration::from_millis(10)).await;
    println!("PostgreSQL: from the acknowledgement to the notice: p50 {p50:?}, p99 {p99:?}");
    assert!(p50 < Duration::from_millis(100), "{p50:?}");
}

#[tokio::test]
async fn what_an_administrator_types_is_announced() {
    let (store, ()) = fresh().await;
    let user = member(&store).await;
    for number in 1..=40 {
        add(&store, &user, number, TokenKind::Login).await;
    }
    let pool = store.pool();
    let mut listener = Listener::of(&store).await;
    for (sql, expected) in [
        ("DELETE FROM tower_tokens_tokens WHERE id = 1", Some(changed(&user))),
        ("UPDATE tower_tokens_tokens SET ends_at = ends_at - 1 WHERE id = 2", Some(changed(&user))),
        ("UPDATE tower_tokens_tokens SET ends_at = ends_at + 1 WHERE id = 2", None),
        ("UPDATE tower_tokens_tokens SET ends_at = NULL WHERE id = 2", None),
        ("UPDATE tower_tokens_tokens SET ends_at = 9000000000 WHERE id = 2", Some(changed(&user))),
        ("UPDATE tower_tokens_tokens SET last_used_at = 1000001, rotation = 'x'", None),
        ("UPDATE tower_tokens_tokens SET abilities = 'read' WHERE id = 3", Some(changed(&user))),
        ("UPDATE tower_tokens_tokens SET name = 'phone' WHERE id = 3", Some(changed(&user))),
        ("UPDATE tower_tokens_tokens SET digest = sha256('x') WHERE id = 3", Some(changed(&user))),
        ("UPDATE tower_tokens_tokens SET name = name", None),
        ("UPDATE tower_tokens_users SET disabled = disabled", None),
        ("UPDATE tower_tokens_users SET disabled = TRUE", Some(changed(&user))),
        ("UPDATE tower_tokens_levels SET title = title", None),
        ("UPDATE tower_tokens_levels SET title = 'visitor' WHERE title = 'guest'", Some(EVERYTHING)),
        ("DELETE FROM tower_tokens_levels WHERE title = 'visitor'", Some(EVERYTHING)),
        ("INSERT INTO tower_tokens_levels (title) VALUES ('new')", None),
        ("BEGIN; DELETE FROM tower_tokens_tokens; ROLLBACK", None),
        ("TRUNCATE tower_tokens_tokens", Some(EVERYTHING)),
        ("DELETE FROM tower_tokens_users", Some(changed(&user))),
    ] {
        run(pool, sql).await;
        assert_eq!(once(&mut listener).await, expected.into_iter().collect::<Vec<_>>(), "{sql}");
    }
}

#[tokio::test]
async fn an_open_transaction_announces_when_it_commits() {
    let (store, ()) = fresh().await;
    let user = member(&store).await;
    let mut listener = Listener::of(&store).await;
    let mut transaction = store.pool().begin().await.unwrap();
    transaction.execute("UPDATE tower_tokens_users SET disabled = TRUE").await.unwrap();
    assert_eq!(listener.so_far().await, []);
    transaction.commit().await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
}

#[tokio::test]
async fn schemas_and_databases_do_not_mix() {
    let (one, other) = (fresh().await.0, fresh().await.0);
    let (user, _) = (member(&one).await, member(&other).await);
    let (mut of_one, mut of_other) = (Listener::of(&one).await, Listener::of(&other).await);
    one.set_disabled(&user, true).await.unwrap();
    announced::bus(&one).announce(&Subject::Everything).await.unwrap();
    assert_eq!(of_one.so_far().await, [changed(&user), EVERYTHING]);
    assert_eq!(of_other.so_far().await, []);
}

#[tokio::test]
async fn a_schema_may_have_the_longest_and_oddest_name() {
    let schema = format!("{:ä<30}\"'%$", unique_name().split_off(8));
    let schema = &schema[..schema.floor_char_boundary(60)];
    let options: PgConnectOptions = url().parse().unwrap();
    let pool = PgPoolOptions::new().connect_with(options).await.unwrap();
    let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
    run(&pool, &format!("CREATE SCHEMA {quoted}")).await;
    let options: PgConnectOptions = url().parse().unwrap();
    let pool = PgPoolOptions::new().connect_with(options.options([("search_path", &quoted)])).await.unwrap();
    let store = PostgresRepository::with_pool(pool);
    store.migrate().await.unwrap();
    store.migrate().await.expect("a second time does no harm");
    let user = member(&store).await;
    let mut listener = Listener::of(&store).await;
    store.set_disabled(&user, true).await.unwrap();
    assert_eq!(listener.so_far().await, [changed(&user)]);
}

#[tokio::test]
async fn a_trigger_that_is_gone_or_off_is_an_error_until_it_is_made_again() {
    let (store, ()) = fresh().await;
    let user = member(&store).await;
    let names = "SELECT tgname::text, tgrelid::regclass::text FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid WHERE NOT tgisinternal AND c.relnamespace = current_schema()::regnamespace";
    let triggers = sqlx::query(names).fetch_all(store.pool()).await.unwrap();
    assert_eq!(triggers.len(), 9);
    for (place, row) in triggers.iter().enumerate() {
        let (name, table): (String, String) = (row.get(0), row.get(1));
        let sql = match place % 2 {
            0 => format!("DROP TRIGGER {name} ON {table}"),
            _ => format!("ALTER TABLE {table} DISABLE TRIGGER {name}"),
        };
        run(store.pool(), &sql).await;
        let error = announced::bus(&store).subscribe().await.map(drop).expect_err("not everything is announced");
        assert_eq!(error.kind(), ErrorKind::Configuration, "{sql}");
        assert!(format!("{error:?}").contains("call `migrate`"), "{error:?}");
        store.migrate().await.unwrap();
        let mut listener = Listener::of(&store).await;
        store.set_disabled(&user, place % 2 == 0).await.unwrap();
        assert_eq!(listener.so_far().await, [changed(&user)]);
    }
    let functions = "SELECT count(*) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace";
    let count: i64 = sqlx::query_scalar(functions).fetch_one(store.pool()).await.unwrap();
    assert_eq!(
        (sqlx::query(names).fetch_all(store.pool()).await.unwrap().len(), count),
        (9, 3),
        "nothing is left over"
    );
}

#[tokio::test]
async fn a_store_without_tables_has_no_subscription() {
    let store = PostgresRepository::with_pool(fresh_pool().await);
    let error = announced::bus(&store).subscribe().await.map(drop).expect_err("there are no tables");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    announced::bus(&store).announce(&Subject::Everything).await.expect_err("there are no tables");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_takes_no_connection_of_the_pool_and_leaves_none() {
    let name = unique_name();
    let options = (*fresh().await.0.pool().connect_options()).clone().application_name(&name);
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let store = PostgresRepository::with_pool(pool);
    let bus = announced::bus(&store);
    let sessions = async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        sqlx::query_scalar::<_, i64>(sql).bind(&name).fetch_one(store.pool()).await.unwrap()
    };
    let mut listeners = Vec::new();
    for _ in 0..15 {
        listeners.push(Listener::on(&*bus).await);
    }
    for listener in &mut listeners {
        assert_eq!(listener.so_far().await, []);
    }
    assert_eq!(sessions().await, 16);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    drop(listeners);
    assert!(tasks() <= before, "no task is left that asks the server");
    timeout(LONG, async {
        while sessions().await > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("their connections are closed");
}

#[tokio::test]
async fn a_subscription_may_be_dropped_without_a_runtime() {
    let (store, ()) = fresh().await;
    let listener = Listener::of(&store).await;
    std::thread::spawn(move || drop(listener)).join().expect("it does not panic");
}

#[tokio::test]
async fn a_session_that_may_not_idle_may_listen() {
    let options = (*fresh().await.0.pool().connect_options()).clone().options([("idle_session_timeout", "300")]);
    let store = PostgresRepository::with_pool(PgPoolOptions::new().connect_with(options).await.unwrap());
    let mut listener = Listener::of(&store).await;
    sleep(Duration::from_millis(900)).await;
    assert_eq!(listener.so_far().await, []);
}

/// An application with users of its own, whose levels are in a table.
async fn application() -> PostgresRepository {
    let (store, ()) = fresh().await;
    let tables = "CREATE TABLE roles (id INT PRIMARY KEY, title TEXT NOT NULL, colour TEXT);
        CREATE TABLE \"Members\" (id INT PRIMARY KEY, role_id INT REFERENCES roles (id), \"Banned At\" TIMESTAMP,
            password_hash TEXT, email TEXT, settings JSON, visits INT NOT NULL DEFAULT 0);
        INSERT INTO roles VALUES (1, 'member', 'red'), (2, 'admin', 'blue');
        INSERT INTO \"Members\" VALUES (1, 1, NULL, 'hash', 'ann@example.org', '{}'), (2, 1, NULL, 'hash', NULL, '{}')";
    run(store.pool(), tables).await;
    store
}

#[derive(serde::Deserialize)]
struct Profile {
    #[expect(dead_code, reason = "it is about its column")]
    settings: String,
}

fn members() -> UserTable {
    let members = UserTable::new("Members").level_table("role_id", "roles", "id", "title").ends_with("password_hash");
    members.disabled("\"Banned At\" IS NOT NULL").data::<Profile>(["settings"]).foreign_key()
}

#[tokio::test]
async fn the_application_announces_its_own_users() {
    let application = application().await;
    let pool = application.pool().clone();
    let silent = application.clone().with_users(members());
    silent.migrate().await.unwrap();
    assert!(silent.change_bus().is_none(), "the users are not announced");
    let store = application.with_users(members().announce_changes());
    assert!(store.change_bus().is_none(), "not before `migrate`");
    store.migrate().await.unwrap();
    store.migrate().await.expect("a second time does no harm");
    let mut listener = Listener::of(&store).await;
    let (ann, bob) = (UserId::from(1), UserId::from(2));
    for (number, user) in [(1, &ann), (2, &ann), (3, &bob)] {
        add(&store, user, number, TokenKind::Login).await;
    }
    assert!(store.touch(&ann, TokenId::new(1), NOW + time::Duration::MINUTE).await.unwrap());
    assert_eq!(listener.so_far().await, []);
    assert!(store.delete(TokenKey::new(&text(1))).await.unwrap().is_some());
    assert_eq!(listener.so_far().await, [changed(&ann)]);
    assert_eq!(store.delete_by_user(&ann, TokenKinds::ALL, None).await.unwrap(), 1);
    assert_eq!(listener.so_far().await, [changed(&ann)]);
    for (sql, expected) in [
        ("UPDATE \"Members\" SET role_id = 2 WHERE id = 1", vec![changed(&ann)]),
        ("UPDATE \"Members\" SET role_id = 2 WHERE id = 1", vec![]),
        ("UPDATE \"Members\" SET visits = visits + 1, email = 'x'", vec![]),
        ("UPDATE \"Members\" SET password_hash = 'other' WHERE id = 1", vec![changed(&ann)]),
        ("UPDATE \"Members\" SET \"Banned At\" = now() WHERE id = 1", vec![changed(&ann)]),
        ("UPDATE \"Members\" SET settings = '{\"a\": 1}' WHERE id = 1", vec![changed(&ann)]),
        ("UPDATE \"Members\" SET id = 7 WHERE id = 1", vec![changed(&ann), changed(&UserId::from(7))]),
        ("UPDATE roles SET colour = 'green'", vec![]),
        ("UPDATE roles SET title = 'guest' WHERE id = 1", vec![EVERYTHING]),
        ("INSERT INTO \"Members\" (id, role_id) VALUES (9, 1)", vec![]),
        ("DELETE FROM \"Members\" WHERE id = 2", vec![changed(&bob)]),
        ("TRUNCATE \"Members\" CASCADE", vec![EVERYTHING]),
    ] {
        run(&pool, sql).await;
        assert_eq!(once(&mut listener).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn the_application_may_alter_and_drop_columns() {
    let application = application().await;
    let pool = application.pool().clone();
    let store = application.with_users(members().announce_changes());
    store.migrate().await.unwrap();
    let mut listener = Listener::of(&store).await;
    for alteration in [
        "ALTER TABLE \"Members\" ALTER COLUMN password_hash TYPE varchar(99)",
        "ALTER TABLE \"Members\" ALTER COLUMN role_id TYPE bigint",
        "ALTER TABLE \"Members\" DROP COLUMN settings",
        "ALTER TABLE \"Members\" RENAME COLUMN password_hash TO hash",
    ] {
        run(&pool, "UPDATE \"Members\" SET role_id = 1").await;
        run(&pool, alteration).await;
        listener.so_far().await;
        for role in [2, 1, 2] {
            run(&pool, &format!("UPDATE \"Members\" SET role_id = {role}")).await;
            assert!(!listener.so_far().await.is_empty(), "after {alteration}");
        }
    }
}

#[tokio::test]
async fn other_settings_replace_the_triggers_of_the_application() {
    let application = application().await;
    let pool = application.pool().clone();
    let triggers = async || {
        let sql = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = '\"Members\"'::regclass";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap()
    };
    let first = application.clone().with_users(UserTable::new("Members").level("email").announce_changes());
    first.migrate().await.unwrap();
    assert_eq!(triggers().await, 3);
    let second = application.with_users(UserTable::new("Members").disabled("visits > 100").announce_changes());
    second.migrate().await.unwrap();
    assert_eq!(triggers().await, 3, "those of the earlier settings are gone");
    let mut listener = Listener::of(&second).await;
    run(&pool, "UPDATE \"Members\" SET email = 'admin' WHERE id = 1").await;
    assert_eq!(listener.so_far().await, []);
    run(&pool, "UPDATE \"Members\" SET visits = 1 WHERE id = 1").await;
    assert_eq!(listener.so_far().await, [changed(&UserId::from(1))]);
    let error = announced::bus(&first).subscribe().await.map(drop).expect_err("its triggers are gone");
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn an_id_that_no_message_can_hold_is_about_everybody() {
    let (application, ()) = fresh().await;
    let pool = application.pool().clone();
    run(
        &pool,
        "CREATE TABLE users (id TEXT PRIMARY KEY, role TEXT); INSERT INTO users VALUES ('\"42\"', 'a'), (repeat('x', 9000), 'a')",
    )
    .await;
    let store = application.with_users(UserTable::new("users").level("role").announce_changes());
    store.migrate().await.unwrap();
    let mut listener = Listener::of(&store).await;
    run(&pool, "UPDATE users SET role = 'b' WHERE id = '\"42\"'").await;
    assert_eq!(listener.so_far().await, [changed(&UserId::from("\"42\""))]);
    run(&pool, "UPDATE users SET role = 'b' WHERE length(id) = 9000").await;
    assert_eq!(listener.so_far().await, [EVERYTHING]);
}
