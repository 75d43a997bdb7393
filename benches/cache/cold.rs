//! A hit among a million tokens, whose place in memory is in no cache of the processor: beside the least that can be done,
//! written by hand (SHA-256, lock-free map, a user of two numbers).

use std::hint::black_box;
use std::time::Instant;

use sha2::{Digest, Sha256};
use tower_tokens::clock::{Clock, SystemClock};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{Cache, MemoryRepository, RepositoryExt, TokenRepository, UserRepository};
use tower_tokens::token::TokenKey;
use tower_tokens::validator::{TokenValidator, Validation};

use crate::median::median;
use crate::store::{Store, TOKENS, USERS, text};

const ROUNDS: usize = 1_001;
/// Few enough that the texts stay in the processor's cache, as that of a request does that has just come in.
const HITS: usize = 64;

#[derive(Clone, Copy)]
struct FloorUser {
    id: i64,
    level: i64,
}

/// Looks this token up.
type Hit = Box<dyn Fn(&str)>;

type Floor = papaya::HashMap<[u8; 32], FloorUser>;

pub(crate) async fn print() {
    let floor = Floor::new();
    let memory = MemoryRepository::new();
    memory.create_level("member").await.unwrap();
    for _ in 0..USERS {
        memory.create_user(None, "member").await.unwrap();
    }
    crate::memory::fill(&memory, USERS).await;
    let cached = Store::default().cached(Cache::for_one_process().with_capacity(TOKENS as usize));
    for number in 0..TOKENS {
        floor.pin().insert(Sha256::digest(text(number)).into(), FloorUser { id: number % USERS, level: 1 });
    }
    for number in 0..TOKENS {
        assert!(cached.find(TokenKey::new(&text(number)), SystemClock.now()).await.unwrap().is_some());
    }
    let contestants: [(&str, Hit); 3] = [
        ("the floor", Box::new(move |text| floor_hit(&floor, text))),
        ("the store in memory", Box::new(hits_of(Tokens::new(memory)))),
        ("the cache", Box::new(hits_of(Tokens::new(cached)))),
    ];
    let mut nanoseconds = [const { Vec::new() }; 3];
    let mut random = 1_i64;
    for _ in 0..ROUNDS {
        let chosen = (0..HITS).map(|_| {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (random >> 33).rem_euclid(TOKENS)
        });
        let texts: Vec<_> = chosen.map(text).collect();
        for ((_, hit), nanoseconds) in contestants.iter().zip(&mut nanoseconds) {
            let start = Instant::now();
            for text in &texts {
                hit(text);
            }
            nanoseconds.push(start.elapsed().as_nanos() as f64 / HITS as f64);
        }
    }
    println!("a cold hit among 1,000,000 tokens, ns");
    let [floor, ..] = &nanoseconds;
    for ((name, _), ours) in contestants.iter().zip(&nanoseconds) {
        let ratio = median(ours.iter().zip(floor).map(|(ours, floor)| ours / floor));
        println!("  {name:<24} {:>9.0} {ratio:>9.2} x the floor", median(ours.iter().copied()));
    }
}

fn floor_hit(floor: &Floor, text: &str) {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let user = floor.pin().get(&digest).copied().unwrap();
    black_box(user.id + user.level);
}

fn hits_of(tokens: Tokens) -> impl Fn(&str) {
    move |text| {
        assert!(matches!(black_box(tokens.validate_now(TokenKey::new(text))), Some(Validation::Valid(_))));
    }
}
