//! How much memory a kept token takes, in the cache and in the store in memory: a million tokens of a hundred thousand users,
//! in a fresh process for each row. What the operating system counts as resident, without what there was before the first token.

use std::any::Any;
use std::pin::Pin;
use std::process::Command;

use time::Duration;
use tower_tokens::clock::{Clock, SystemClock};
use tower_tokens::repository::{Cache, MemoryRepository, NewToken, RepositoryExt, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, Token, TokenId, TokenKey, TokenRecord};
use tower_tokens::user::UserId;

use crate::store::{Store, TOKENS, USERS, text};

/// Keeps a million tokens, and says how many bytes were resident before.
type Fill = fn() -> Pin<Box<dyn Future<Output = (u64, Box<dyn Any>)>>>;

const ROWS: [(&str, Fill); 5] = [
    ("the cache", || Box::pin(cache(Store::default()))),
    ("the cache, named tokens", || Box::pin(cache(Store { has_name: true, has_text_id: false }))),
    ("the cache, UUIDs as user ids", || Box::pin(cache(Store { has_name: false, has_text_id: true }))),
    ("the store in memory", || Box::pin(memory(USERS))),
    ("the store in memory, one user", || Box::pin(memory(1))),
];

/// The whole table, each row by a process of its own.
pub(crate) fn print() {
    println!("resident bytes a token, {TOKENS} tokens");
    for row in 0..ROWS.len() {
        let mut process = Command::new(std::env::current_exe().unwrap());
        assert!(process.args(["row", &row.to_string()]).status().unwrap().success());
    }
}

pub(crate) fn print_row(row: usize) {
    let (name, fill) = ROWS[row];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (before, _kept) = runtime.block_on(fill());
    println!("  {name:<32} {:>6.0}", (resident() - before) as f64 / TOKENS as f64);
}

/// Resident bytes of this process, on Linux.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

async fn cache(store: Store) -> (u64, Box<dyn Any>) {
    let cached = store.cached(Cache::for_one_process().with_capacity(TOKENS as usize));
    let now = SystemClock.now();
    assert!(cached.find(TokenKey::new("a-token"), now).await.unwrap().is_none());
    let before = resident();
    for number in 0..TOKENS {
        assert!(cached.find(TokenKey::new(&text(number)), now).await.unwrap().is_some());
    }
    assert_eq!(cached.statistics().tokens, TOKENS as u64);
    (before, Box::new(cached))
}

async fn memory(users: i64) -> (u64, Box<dyn Any>) {
    let store = MemoryRepository::new();
    store.create_level("member").await.unwrap();
    for _ in 0..users {
        store.create_user(None, "member").await.unwrap();
    }
    let before = resident();
    fill(&store, users).await;
    (before, Box::new(store))
}

/// A million tokens of users 1 to `users`.
pub(crate) async fn fill(store: &MemoryRepository, users: i64) {
    let now = SystemClock.now();
    for number in 0..TOKENS {
        let text = Token::parse(text(number)).unwrap();
        let user = UserId::from(number % users + 1);
        let id = TokenId::new(number.wrapping_mul(0x5851_F42D_4C95_7F2D));
        let created_at = now - Duration::seconds((TOKENS - number) / 1_000);
        let record = TokenRecord::new(id, created_at, Lifetime::days(30));
        store.insert(NewToken { key: text.key(), user: &user, record }).await.unwrap();
    }
}
