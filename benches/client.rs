//! What the access token of an outgoing request costs: the manager's beside a header that never changes, in one run, as
//! paired medians.
//!
//! `cargo bench --features client --bench client`. A request here is its method, address and two headers, without a
//! connection: what an HTTP client adds would hide the difference.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

#[path = "measure/median.rs"]
mod median;

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use tower_tokens::client::{ClientError, IssuedTokens, MemoryTokenStore, StoredTokens, TokenEndpoint, TokenManager};

use crate::median::median;

const ROUNDS: usize = 5_001;
const REQUESTS: usize = 64;
const TOKEN: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3IiwiZXhwIjoxODAwMDAwNjAwfQ.q7Zc9b1Vw3pXoD1xYw0n2QW3Z0lq";

#[derive(Debug)]
struct Partner;

#[async_trait]
impl TokenEndpoint for Partner {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        Ok(IssuedTokens::new(TOKEN).expires_in(Duration::from_secs(86_400)).refresh_token("r"))
    }

    async fn refresh(&self, _stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        self.log_in().await
    }
}

/// A way to make a request.
struct Contestant<'a> {
    name: &'static str,
    request: Box<dyn Fn() -> Request<()> + Send + Sync + 'a>,
    nanoseconds: Vec<f64>,
}

impl<'a> Contestant<'a> {
    fn new(name: &'static str, request: impl Fn() -> Request<()> + Send + Sync + 'a) -> Self {
        Self { name, request: Box::new(request), nanoseconds: Vec::new() }
    }

    fn round(&mut self) {
        let start = Instant::now();
        for _ in 0..REQUESTS {
            black_box((self.request)());
        }
        self.nanoseconds.push(start.elapsed().as_nanos() as f64 / REQUESTS as f64);
    }

    fn allocations(&self) -> u64 {
        allocation_counter::measure(|| drop(black_box((self.request)()))).count_total
    }

    /// How much more two threads make than one.
    fn two_threads(&self) -> f64 {
        let per_second = |threads: usize| {
            let (start, length) = (Instant::now(), Duration::from_millis(100));
            let made: usize = std::thread::scope(|scope| {
                let work = || {
                    let mut made = 0;
                    while start.elapsed() < length {
                        (0..100).for_each(|_| drop(black_box((self.request)())));
                        made += 100;
                    }
                    made
                };
                let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                handles.into_iter().map(|handle| handle.join().unwrap()).sum()
            });
            made as f64 / start.elapsed().as_secs_f64()
        };
        median((0..11).map(|_| {
            let one = per_second(1);
            per_second(2) / one
        }))
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let manager = TokenManager::new(Partner, MemoryTokenStore::new());
    let token = runtime.block_on(manager.access_token()).unwrap();
    let constant = token.header_value();
    let uri = Uri::from_static("https://api.example/v1/reports?page=7");
    let bare = || {
        let mut request = Request::new(());
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("bench"));
        request
    };
    let with = |value: HeaderValue| {
        let mut request = bare();
        request.headers_mut().insert(AUTHORIZATION, value);
        request
    };

    let mut contestants = [
        Contestant::new("no token", bare),
        Contestant::new("a constant header", || with(constant.clone())),
        Contestant::new("a formatted header", || {
            let mut value = HeaderValue::try_from(format!("Bearer {}", black_box(TOKEN))).unwrap();
            value.set_sensitive(true);
            with(value)
        }),
        Contestant::new("TokenManager", || with(fresh(&manager))),
    ];
    for _ in 0..ROUNDS {
        contestants.iter_mut().for_each(Contestant::round);
    }
    println!("\nan outgoing request (overhead above a constant header)");
    println!("{:<24}{:>8}{:>10}{:>12}{:>14}{:>14}", "", "ns", "overhead", "x constant", "allocations", "two threads");
    let constant = contestants[1].nanoseconds.clone();
    for contestant in &contestants {
        let pairs = || contestant.nanoseconds.iter().zip(&constant);
        println!(
            "{:<24}{:>8.0}{:>10.0}{:>12.2}{:>14}{:>14.2}",
            contestant.name,
            median(contestant.nanoseconds.iter().copied()),
            median(pairs().map(|(one, constant)| one - constant)),
            median(pairs().map(|(one, constant)| one / constant)),
            contestant.allocations(),
            contestant.two_threads(),
        );
    }
    assert_eq!(manager.statistics().logins(), 1, "the token stayed fresh");
}

/// The header of a fresh token, which is there without waiting.
fn fresh(manager: &TokenManager) -> HeaderValue {
    let future = pin!(manager.access_token());
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(token) => token.unwrap().into(),
        Poll::Pending => unreachable!("a fresh token needs no waiting"),
    }
}
