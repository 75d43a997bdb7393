//! What a hit of the cache in front of SQLite costs beside a hit of the store in memory, what a miss costs beside the same
//! look-up without a cache, what two threads reach on one token, and what a hit among a million tokens costs beside the least
//! that can be done, as paired medians; and how much memory a kept token takes.
//!
//! `cargo bench --features sqlite --bench cache`. With `-- warm`, `-- cold` or `-- memory` after it a part of it.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

mod cold;
#[path = "../measure/median.rs"]
mod median;
mod memory;
mod store;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{
    Cache, MemoryRepository, RepositoryExt, SqliteRepository, TokenRepository, UserRepository,
};
use tower_tokens::token::TokenKey;
use tower_tokens::validator::{TokenValidator, Validation};

use median::median;

const TOKENS: usize = 1_000;
const ROUNDS: usize = 201;
const HITS: usize = 1_000;
const MISSES: usize = 50;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["row", row] => memory::print_row(row.parse().unwrap()),
        ["warm"] => warm(),
        ["cold"] => cold(),
        ["memory"] => memory::print(),
        _ => {
            warm();
            cold();
            memory::print();
        }
    }
}

fn cold() {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(cold::print());
}

fn warm() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (memory, cached, plain, uncached) = runtime.block_on(async {
        let memory = Site::new(MemoryRepository::new()).await;
        let open = async |name: &str| SqliteRepository::open(directory.path().join(name)).await.unwrap();
        let cached = Site::new(open("cached.db").await.cached(Cache::for_one_process())).await;
        let store = open("plain.db").await;
        let plain = Site::new(store.clone()).await;
        // Nothing is kept for any time, so every look-up is a miss.
        let cache = Cache::for_one_process().with_max_age(Duration::ZERO);
        let uncached = Site { tokens: Tokens::new(store.cached(cache)), texts: plain.texts.clone() };
        (memory, cached, plain, uncached)
    });
    for text in &cached.texts {
        runtime.block_on(cached.look_up(text));
    }

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(memory.hits());
        ours.push(cached.hits());
    }
    print("a hit among 1,000 tokens, ns", ["the store in memory", "the cache before SQLite"], &theirs, &ours);

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        theirs.push(runtime.block_on(plain.misses(round)));
        ours.push(runtime.block_on(uncached.misses(round)));
    }
    print("a look-up in SQLite, ns", ["without a cache", "past the cache"], &theirs, &ours);

    for (name, site) in [("the store in memory", &memory), ("the cache before SQLite", &cached)] {
        let pairs: Vec<_> = (0..51).map(|_| (site.rate(1), site.rate(2))).collect();
        let ratio = median(pairs.iter().map(|(one, two)| two / one));
        println!("two threads on one token, {name}: {ratio:.2} x the throughput of one");
    }
}

struct Site {
    tokens: Tokens,
    texts: Vec<String>,
}

impl Site {
    async fn new(repository: impl TokenRepository + UserRepository) -> Self {
        let repository = std::sync::Arc::new(repository);
        repository.create_level("member").await.unwrap();
        let user = repository.create_user(None, "member").await.unwrap();
        let tokens = Tokens::new(repository);
        let mut texts = Vec::new();
        for _ in 0..TOKENS {
            texts.push(tokens.generate(&user).await.unwrap().token().expose_secret().to_owned());
        }
        Self { tokens, texts }
    }

    async fn look_up(&self, text: &str) {
        assert!(matches!(TokenValidator::validate(&self.tokens, TokenKey::new(text)).await, Validation::Valid(_)));
    }

    fn hit(&self, text: &str) {
        assert!(matches!(black_box(self.tokens.validate_now(TokenKey::new(text))), Some(Validation::Valid(_))));
    }

    /// Nanoseconds a hit.
    fn hits(&self) -> f64 {
        let start = Instant::now();
        for number in 0..HITS {
            self.hit(&self.texts[number * 7 % TOKENS]);
        }
        start.elapsed().as_nanos() as f64 / HITS as f64
    }

    /// Nanoseconds a look-up.
    async fn misses(&self, round: usize) -> f64 {
        let start = Instant::now();
        for number in 0..MISSES {
            self.look_up(&self.texts[(round * MISSES + number * 7) % TOKENS]).await;
        }
        start.elapsed().as_nanos() as f64 / MISSES as f64
    }

    /// Hits of one token a nanosecond, over so many threads.
    fn rate(&self, threads: usize) -> f64 {
        const HITS: usize = 20_000;
        let barrier = Barrier::new(threads);
        let seconds: Vec<f64> = std::thread::scope(|scope| {
            let run = || {
                barrier.wait();
                let start = Instant::now();
                for _ in 0..HITS {
                    self.hit(&self.texts[0]);
                }
                start.elapsed().as_nanos() as f64
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        seconds.iter().map(|nanoseconds| HITS as f64 / nanoseconds).sum()
    }
}

fn print(what: &str, names: [&str; 2], first: &[f64], second: &[f64]) {
    let [one, other] = names;
    println!("{what}");
    println!("  {one:<24} {:>9.0}", median(first.iter().copied()));
    println!("  {other:<24} {:>9.0}", median(second.iter().copied()));
    println!(
        "  ratio                    {:>9.2}",
        median(first.iter().zip(second).map(|(first, second)| second / first))
    );
}
