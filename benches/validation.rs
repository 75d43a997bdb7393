//! What a validation costs on a database beside the bare prepared query on the same connection, and what two columns of
//! the application's own table of users add to it, as paired medians. And what the refresh of a pair costs on each store.
//!
//! `tests/run with-servers cargo bench --features full --bench validation`; without servers it asks SQLite alone.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

#[path = "measure/median.rs"]
mod median;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{
    MemoryRepository, MySqlRepository, PostgresRepository, RedisRepository, SqliteRepository, UserRepository, UserTable,
};
use tower_tokens::token::{TokenDigest, TokenKey};
use tower_tokens::user::UserId;
use tower_tokens::validator::{TokenValidator, Validation};

use crate::median::median;

const TOKENS: usize = 1_000;
const ROUNDS: usize = 201;
const LOOK_UPS: usize = 100;

macro_rules! bare {
    ($digest:literal) => {
        concat!(
            "SELECT t.id, t.created_at, t.authenticated_at, t.last_used_at, t.absolute_end, t.idle_limit, t.name, t.code,
    t.user_id, l.id, l.title FROM tower_tokens_tokens AS t JOIN tower_tokens_users AS u ON u.id = t.user_id JOIN tower_tokens_levels AS l ON l.id = u.level_id
    WHERE NOT u.disabled AND t.digest = ",
            $digest
        )
    };
}
const BARE: &str = bare!("?1");
const BARE_ON_POSTGRES: &str = bare!("$1");
const BARE_ON_MYSQL: &str = bare!("?");

fn main() {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        memory().await;
        sqlite().await;
        own_users().await;
        if let Ok(url) = std::env::var("TOWER_TOKENS_POSTGRES_URL") {
            postgres(&url).await;
        }
        if let Ok(url) = std::env::var("TOWER_TOKENS_MYSQL_URL") {
            mysql(&url).await;
        }
        if let Ok(url) = std::env::var("TOWER_TOKENS_REDIS_URL") {
            redis(&url).await;
        }
    });
}

#[derive(serde::Deserialize)]
struct Profile {
    email: String,
    name: Option<String>,
}

/// One store that brings two columns along, and one that does not, over the same tables.
async fn own_users() {
    let directory = tempfile::tempdir().unwrap();
    let file = SqliteConnectOptions::new().filename(directory.path().join("app.db")).create_if_missing(true);
    let options = file.journal_mode(SqliteJournalMode::Wal).foreign_keys(true);
    let pool = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(options);
    let repository = SqliteRepository::with_pool(pool.await.unwrap()).await.unwrap();
    let users = "CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, name TEXT, role TEXT, banned_at TEXT);
        INSERT INTO users VALUES ('018f4e2a-7c1b-7d32-9a54-0123456789ab', 'ann@example.org', 'Ann', 'member', NULL)";
    sqlx::raw_sql(users).execute(repository.pool()).await.unwrap();
    let table = || UserTable::new("users").level("role").disabled("banned_at IS NOT NULL");
    let without = repository.clone().with_users(table());
    let with = repository.with_users(table().data::<Profile>(["email", "name"]));
    without.migrate().await.unwrap();
    with.migrate().await.unwrap();
    let (without, with) = (Tokens::new(without), Tokens::new(with));
    let mut texts = Vec::new();
    for _ in 0..TOKENS {
        let issued = with.generate("018f4e2a-7c1b-7d32-9a54-0123456789ab").await.unwrap();
        texts.push(issued.token().expose_secret().to_owned());
    }
    let ask = async |tokens: &Tokens, chosen: &[&String]| {
        let start = Instant::now();
        for text in chosen {
            let Validation::Valid(user) = TokenValidator::validate(tokens, TokenKey::new(text)).await else {
                panic!("the token is valid")
            };
            black_box(user.data::<Profile>().map(|profile| (profile.email.len(), profile.name.is_some())));
        }
        start.elapsed().as_nanos() as f64 / LOOK_UPS as f64
    };
    let (mut bare, mut rich) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let chosen: Vec<_> = (0..LOOK_UPS).map(|number| &texts[(round * LOOK_UPS + number * 7) % TOKENS]).collect();
        bare.push(ask(&without, &chosen).await);
        rich.push(ask(&with, &chosen).await);
    }
    let ratio = median(rich.iter().zip(&bare).map(|(rich, bare)| rich / bare));
    println!("one look-up joined with the application's own table of users");
    println!("  without data         {:>6.1} us", median(bare.iter().copied()) / 1_000.0);
    println!("  with two columns     {:>6.1} us", median(rich.iter().copied()) / 1_000.0);
    println!("  ratio                {ratio:>6.2}");
}

/// Asks the store and its database in turns for the same tokens, over one connection that is warm for both.
macro_rules! compare {
    ($name:expr, $repository:expr, $bare:expr) => {{
        let repository = $repository;
        repository.create_level("member").await.unwrap();
        let user = repository.create_user(None, "member").await.unwrap();
        let tokens = Tokens::new(repository.clone());
        let mut texts = Vec::new();
        for _ in 0..TOKENS {
            texts.push(tokens.generate(&user).await.unwrap().token().expose_secret().to_owned());
        }
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let chosen: Vec<_> = (0..LOOK_UPS).map(|number| &texts[(round * LOOK_UPS + number * 7) % TOKENS]).collect();
            let start = Instant::now();
            for text in &chosen {
                let digest = TokenDigest::of(text);
                let query = sqlx::query($bare).bind(&digest.as_bytes()[..]);
                black_box(query.fetch_optional(repository.pool()).await.unwrap().unwrap());
            }
            bare.push(start.elapsed().as_nanos() as f64 / LOOK_UPS as f64);
            let start = Instant::now();
            for text in &chosen {
                assert!(matches!(TokenValidator::validate(&tokens, TokenKey::new(text)).await, Validation::Valid(_)));
            }
            ours.push(start.elapsed().as_nanos() as f64 / LOOK_UPS as f64);
        }
        let ratio = median(ours.iter().zip(&bare).map(|(ours, bare)| ours / bare));
        println!("one look-up among {TOKENS} tokens in {}, one connection", $name);
        println!("  bare prepared query  {:>6.1} us", median(bare.iter().copied()) / 1_000.0);
        println!("  tower-tokens         {:>6.1} us", median(ours.iter().copied()) / 1_000.0);
        println!("  ratio                {ratio:>6.2}");
        println!("  refresh of a pair    {:>6.1} us", refresh(&tokens, &user).await / 1_000.0);
    }};
}

/// The median of exchanging a refresh token, in nanoseconds: two look-ups, an insertion, and one change of the family.
async fn refresh(tokens: &Tokens, user: &UserId) -> f64 {
    let mut pair = tokens.generate_pair(user).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        pair = tokens.refresh(pair.refresh_token()).await.unwrap().unwrap();
        times.push(start.elapsed().as_nanos() as f64);
    }
    median(times.into_iter())
}

async fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let file = SqliteConnectOptions::new().filename(directory.path().join("tokens.db")).create_if_missing(true);
    let options = file.journal_mode(SqliteJournalMode::Wal).foreign_keys(true);
    let pool = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(options);
    compare!("a SQLite file", SqliteRepository::with_pool(pool.await.unwrap()).await.unwrap(), BARE);
}

async fn memory() {
    let repository = Arc::new(MemoryRepository::new());
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    println!("refresh of a pair in memory {:>6.1} us", refresh(&Tokens::new(repository), &user).await / 1_000.0);
}

async fn redis(url: &str) {
    let prefix = format!("bench_{}", std::process::id());
    let repository = RedisRepository::connect(url).await.unwrap().with_prefix(&prefix);
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository.clone());
    println!("refresh of a pair in Redis  {:>6.1} us", refresh(&tokens, &user).await / 1_000.0);
    repository.delete_user(&user).await.unwrap();
}

async fn postgres(url: &str) {
    let schema = format!("bench_{}", std::process::id());
    let options: PgConnectOptions = url.parse().unwrap();
    let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let pool = pool.connect_with(options.options([("search_path", &schema)])).await.unwrap();
    pool.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
    let repository = PostgresRepository::with_pool(pool);
    repository.migrate().await.unwrap();
    compare!("PostgreSQL", repository.clone(), BARE_ON_POSTGRES);
    repository.pool().execute(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await.unwrap();
}

async fn mysql(url: &str) {
    let database = format!("bench_{}", std::process::id());
    let options: MySqlConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {database}"))).await.unwrap();
    let pool = MySqlPoolOptions::new().max_connections(1).test_before_acquire(false);
    let pool = pool.connect_with(options.database(&database)).await.unwrap();
    let repository = MySqlRepository::with_pool(pool);
    repository.migrate().await.unwrap();
    compare!("MySQL or MariaDB", repository.clone(), BARE_ON_MYSQL);
    repository.pool().execute(AssertSqlSafe(format!("DROP DATABASE {database}"))).await.unwrap();
}
