//! What a look-up costs among a thousand tokens and among a million, in each store.
//!
//! ```text
//! for server in mariadb postgres redis; do
//!     tests/servers/$server start /tmp/$server-for-bench >>servers.env
//! done
//! . servers.env && cargo bench --features full --bench stores
//! ```
//!
//! `TOKENS=100000` loads fewer than a million, `STORE=redis` asks one store alone. Every store is filled by its own bulk
//! statements, for which no contract has a method, and then asked through the contract. Trongate's tables are asked as
//! Trongate leaves them too, among a tenth of the tokens: each look-up reads them all.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run must stop")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, MySqlPool, PgPool};
use tower_tokens::clock::Timestamp;
use tower_tokens::repository::{
    MySqlRepository, PostgresRepository, RedisRepository, SqliteRepository, TokenRepository, TrongateRepository,
    UserRepository,
};
use tower_tokens::token::{TokenDigest, TokenKey};
use tower_tokens::user::UserId;

const FEW: u64 = 1_000;
const LOOK_UPS: u64 = 5_000;
const SLOW_LOOK_UPS: u64 = 100;
const USERS: u64 = 1_000;
const NOW: i64 = 1_800_000_000;

#[tokio::main]
async fn main() {
    let many = std::env::var("TOKENS").map_or(1_000_000, |count| count.parse().expect("TOKENS is a number"));
    println!("{:<26} {:>10} {:>12} {:>12} {:>12}", "store", "tokens", "median µs", "p99 µs", "loaded in s");
    let only = std::env::var("STORE").ok();
    let wanted = |store: &str| only.as_deref().is_none_or(|only| only == store);
    if wanted("sqlite") {
        sqlite(many).await;
    }
    if wanted("postgres") {
        postgres(many).await;
    }
    if wanted("mysql") {
        mysql(many).await;
    }
    if wanted("trongate") {
        trongate(many).await;
    }
    if wanted("redis") {
        redis(many).await;
    }
}

/// Asks for tokens all over the store, one at a time.
async fn look_up(name: &str, store: &impl TokenRepository, tokens: u64, loaded_in: Duration) {
    look_up_times(LOOK_UPS, name, store, tokens, loaded_in).await;
}

async fn look_up_times(look_ups: u64, name: &str, store: &impl TokenRepository, tokens: u64, loaded_in: Duration) {
    let now = Timestamp::from_unix_seconds(NOW);
    let mut times = Vec::new();
    for round in 0..look_ups {
        let text = text(round.wrapping_mul(2_654_435_761) % tokens);
        let started = Instant::now();
        let found = store.find(TokenKey::new(&text), now).await.unwrap();
        times.push(started.elapsed());
        assert!(black_box(found).is_some(), "{text} is there");
    }
    times.sort();
    let micros = |place: usize| times[place].as_secs_f64() * 1e6;
    let (median, late) = (micros(times.len() / 2), micros(times.len() * 99 / 100));
    println!("{name:<26} {tokens:>10} {median:>12.1} {late:>12.1} {:>12.1}", loaded_in.as_secs_f64());
}

async fn add_users(store: &impl UserRepository) {
    store.create_level("member").await.unwrap();
    for number in 1..=USERS {
        store.create_user(Some(UserId::from(number as i64)), "member").await.unwrap();
    }
}

fn text(number: u64) -> String {
    format!("token-{number}")
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see the head of benches/stores.rs"))
}

fn unique_name() -> String {
    let born = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("bench_{}", born.as_nanos())
}

async fn sqlite(many: u64) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    add_users(&store).await;
    let mut there = 0;
    for target in [FEW, many] {
        let started = Instant::now();
        let mut transaction = store.pool().begin().await.unwrap();
        for number in there..target {
            sqlx::query(
                "INSERT INTO tower_tokens_tokens (digest, id, user_id, created_at, authenticated_at, absolute_end, ends_at)
                VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?5)",
            )
            .bind(TokenDigest::of(&text(number)).as_bytes().to_vec())
            .bind(number as i64)
            .bind((number % USERS) as i64 + 1)
            .bind(NOW)
            .bind(NOW + 86_400)
            .execute(&mut *transaction)
            .await
            .unwrap();
        }
        transaction.commit().await.unwrap();
        there = target;
        look_up("SQLite", &store, target, started.elapsed()).await;
    }
}

async fn postgres(many: u64) {
    let schema = unique_name();
    let options: PgConnectOptions = variable("TOWER_TOKENS_POSTGRES_URL").parse().unwrap();
    let pool = PgPool::connect_with(options.options([("search_path", &schema)])).await.unwrap();
    pool.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
    pool.close().await;
    let options: PgConnectOptions = variable("TOWER_TOKENS_POSTGRES_URL").parse().unwrap();
    let pool = sqlx::postgres::PgPoolOptions::new().test_before_acquire(false);
    let pool = pool.connect_with(options.options([("search_path", &schema)])).await.unwrap();
    let store = PostgresRepository::with_pool(pool);
    store.migrate().await.unwrap();
    add_users(&store).await;
    let mut there = 0;
    for target in [FEW, many] {
        let started = Instant::now();
        let fill = "INSERT INTO tower_tokens_tokens
                (digest, id, user_id, created_at, authenticated_at, absolute_end, ends_at)
            SELECT sha256(convert_to('token-' || n, 'UTF8')), n, u.id, $3, $3, $3 + 86400, $3 + 86400
            FROM generate_series($1, $2) AS n
            JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM tower_tokens_users) AS u
            ON u.place = n % $4";
        let fill = sqlx::query(fill).bind(there as i64).bind(target as i64 - 1).bind(NOW).bind(USERS as i64);
        fill.execute(store.pool()).await.unwrap();
        store.pool().execute("ANALYZE tower_tokens_tokens").await.unwrap();
        there = target;
        look_up("PostgreSQL", &store, target, started.elapsed()).await;
    }
    store.pool().execute(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await.unwrap();
}

/// A new database with a table of the digits, and which server it is on. Digits crossed with digits: MySQL and MariaDB
/// share no other source of many rows.
async fn mysql_database() -> (String, MySqlPool, String) {
    let database = unique_name();
    let url = variable("TOWER_TOKENS_MYSQL_URL");
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {database}"))).await.unwrap();
    let options = url.parse::<MySqlConnectOptions>().unwrap().database(&database);
    let pool = sqlx::mysql::MySqlPoolOptions::new().test_before_acquire(false);
    let pool: MySqlPool = pool.connect_with(options).await.unwrap();
    let digits = "CREATE TABLE digits (d BIGINT); INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)";
    sqlx::raw_sql(digits).execute(&pool).await.unwrap();
    let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&pool).await.unwrap();
    let server = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
    (database, pool, server.to_owned())
}

async fn mysql(many: u64) {
    let (database, pool, server) = mysql_database().await;
    let store = MySqlRepository::with_pool(pool);
    store.migrate().await.unwrap();
    add_users(&store).await;
    let mut there = 0;
    for target in [FEW, many] {
        let started = Instant::now();
        while there < target {
            // 1,000 at a time.
            let fill = "INSERT INTO tower_tokens_tokens
                    (digest, id, user_id, created_at, authenticated_at, absolute_end, ends_at)
                SELECT UNHEX(SHA2(CONCAT('token-', ? + n), 256)), ? + n,
                    CAST((? + n) % ? + 1 AS CHAR), ?, ?, ?, ?
                FROM (SELECT a.d + 10 * b.d + 100 * c.d AS n FROM digits AS a, digits AS b, digits AS c) AS numbers";
            let (first, users) = (there as i64, USERS as i64);
            let fill = sqlx::query(fill).bind(first).bind(first).bind(first).bind(users);
            let fill = fill.bind(NOW).bind(NOW).bind(NOW + 86_400).bind(NOW + 86_400);
            fill.execute(store.pool()).await.unwrap();
            there += 1_000;
        }
        store.pool().execute("ANALYZE TABLE tower_tokens_tokens").await.unwrap();
        look_up(&server, &store, target, started.elapsed()).await;
    }
    store.pool().execute(AssertSqlSafe(format!("DROP DATABASE {database}"))).await.unwrap();
}

async fn trongate(many: u64) {
    let (database, pool, server) = mysql_database().await;
    let tables = "CREATE TABLE trongate_tokens (
            id INT(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, token VARCHAR(125) DEFAULT NULL,
            user_id INT(11) DEFAULT 0, expiry_date INT(11) DEFAULT NULL, code VARCHAR(3) DEFAULT '0'
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
        CREATE TABLE trongate_users (
            id INT(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, code VARCHAR(32) DEFAULT NULL,
            user_level_id INT(11) DEFAULT 0
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
        CREATE TABLE trongate_user_levels (
            id INT(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, level_title VARCHAR(125) DEFAULT ''
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
        INSERT INTO trongate_user_levels (id, level_title) VALUES (1, 'admin'), (2, 'member');
        INSERT INTO trongate_users (id, user_level_id)
            SELECT a.d + 10 * b.d + 100 * c.d + 1, 2 FROM digits AS a, digits AS b, digits AS c";
    sqlx::raw_sql(tables).execute(&pool).await.unwrap();
    let store = TrongateRepository::with_pool(pool).await.unwrap();
    let mut there = 0;
    for (target, has_index) in [(FEW, false), (many / 10, false), (many, true)] {
        let started = Instant::now();
        while there < target {
            let fill = "INSERT INTO trongate_tokens (token, user_id, expiry_date)
                SELECT CONCAT('token-', ? + n), (? + n) % ? + 1, ?
                FROM (SELECT a.d + 10 * b.d + 100 * c.d AS n FROM digits AS a, digits AS b, digits AS c) AS numbers";
            let fill = sqlx::query(fill).bind(there as i64).bind(there as i64).bind(USERS as i64).bind(NOW + 86_400);
            fill.execute(store.pool()).await.unwrap();
            there += 1_000;
        }
        if has_index {
            assert!(store.create_index().await.unwrap());
        }
        store.pool().execute("ANALYZE TABLE trongate_tokens").await.unwrap();
        let (look_ups, index) = if has_index { (LOOK_UPS, "index") } else { (SLOW_LOOK_UPS, "none") };
        let name = format!("{server}, Trongate, {index}");
        look_up_times(look_ups, &name, &store, target, started.elapsed()).await;
    }
    store.pool().execute(AssertSqlSafe(format!("DROP DATABASE {database}"))).await.unwrap();
}

async fn redis(many: u64) {
    let prefix = unique_name();
    let url = variable("TOWER_TOKENS_REDIS_URL");
    let store = RedisRepository::connect(&url).await.unwrap().with_prefix(&prefix);
    add_users(&store).await;
    // A thousand tokens at once may take longer than the usual half a second.
    let no_timeout = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection_with_config(&no_timeout).await.unwrap();
    let key = |kind: &str, rest: &[u8]| [format!("{{{prefix}}}:v1:{kind}:").as_bytes(), rest].concat();
    let sortable = |number: u64| (number ^ 1 << 63).to_be_bytes();
    let mut there = 0;
    for target in [FEW, many] {
        let started = Instant::now();
        while there < target {
            let mut fill = redis::pipe();
            for number in there..there + 1_000 {
                let digest = *TokenDigest::of(&text(number)).as_bytes();
                let (id, user) = (sortable(number), [&[1][..], &sortable(number % USERS + 1)].concat());
                let member = [&id[..], &user].concat();
                let end = NOW + 86_400;
                fill.cmd("HSET").arg(key("token", &id)).arg("digest").arg(&digest[..]).arg("user").arg(&user);
                fill.arg("created").arg(NOW).arg("authenticated").arg(NOW).arg("absolute").arg(end);
                fill.arg("ends").arg(end).ignore();
                fill.cmd("SET").arg(key("digest", &digest)).arg(&id[..]).ignore();
                fill.cmd("ZADD").arg(key("tokens", &user)).arg(NOW).arg(&id[..]).ignore();
                fill.cmd("ZADD").arg(format!("{{{prefix}}}:v1:ends")).arg(end).arg(member).ignore();
            }
            fill.exec_async(&mut connection).await.unwrap();
            there += 1_000;
        }
        look_up("Redis", &store, target, started.elapsed()).await;
    }
    for first in (0..there).step_by(1_000) {
        let mut clear = redis::pipe();
        for number in first..first + 1_000 {
            let (id, user) = (sortable(number), [&[1][..], &sortable(number)].concat());
            clear.unlink(key("digest", TokenDigest::of(&text(number)).as_bytes())).ignore();
            clear.unlink(key("token", &id)).unlink(key("user", &user)).unlink(key("tokens", &user)).ignore();
        }
        clear.exec_async(&mut connection).await.unwrap();
    }
    for kind in ["ends", "users", "last-user", "level-ids", "last-level"] {
        redis::cmd("UNLINK").arg(format!("{{{prefix}}}:v1:{kind}")).exec_async(&mut connection).await.unwrap();
    }
}
