//! How many requests a second a server answers over loopback HTTP: a bare router, and the same behind a layer and a guard, with
//! tokens in memory, and in SQLite and PostgreSQL with a cache in front and without one. One server is asked at a time, in turns.
//!
//! ```text
//! tests/run with-servers bash -c 'cargo bench --features sqlite,postgres --bench http'
//! ```
//!
//! Each server has one thread and the client another. The first client is hyper's. The second one writes bytes: it sends a
//! request on each of its connections and then reads all answers, so the server has work at all times and the figure is
//! the server's alone. Without PostgreSQL in the environment its rows are left out.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use axum::{Router, ServiceExt};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::{Layer, Service};
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, level};
use tower_tokens::repository::{
    Cache, MemoryRepository, PostgresRepository, RepositoryExt, SqliteRepository, TokenRepository, UserRepository,
};

const CONNECTIONS: usize = 32;
const TOKENS: usize = 1_000;
const ROUNDS: usize = 151;
/// Requests on each connection in a round.
const REQUESTS: usize = 25;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let [with, without] = ["with.db", "without.db"].map(|name| directory.path().join(name));
    let mut contestants = vec![
        Contestant::new("bare router", async || (router(), vec!["x".repeat(32)])),
        Contestant::new("in memory", async || site(MemoryRepository::new()).await),
        Contestant::new("SQLite, with a cache", async move || {
            site(SqliteRepository::open(with).await.unwrap().cached(Cache::for_one_process())).await
        }),
        Contestant::new("SQLite, without", async move || site(SqliteRepository::open(without).await.unwrap()).await),
    ];
    if let Ok(url) = std::env::var("TOWER_TOKENS_POSTGRES_URL") {
        let other = url.clone();
        contestants.push(Contestant::new("PostgreSQL, with a cache", async move || {
            site(postgres(&url, "bench_http_with").await.cached(Cache::for_one_process())).await
        }));
        contestants.push(Contestant::new("PostgreSQL, without", async move || {
            site(postgres(&other, "bench_http_without").await).await
        }));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut by_hyper = vec![Vec::new(); contestants.len()];
    let mut by_bytes = by_hyper.clone();
    for _ in 0..ROUNDS {
        for (place, contestant) in contestants.iter().enumerate() {
            by_hyper[place].push(per_second(|| runtime.block_on(contestant.round_by_hyper(&client))));
            by_bytes[place].push(per_second(|| contestant.round_by_bytes()));
        }
    }
    for (client, figures) in [("hyper", by_hyper), ("bytes", by_bytes)] {
        println!("requests a second over {CONNECTIONS} connections, client: {client}");
        for (contestant, ours) in contestants.iter().zip(&figures) {
            let ratio = median(ours.iter().zip(&figures[0]).map(|(ours, bare)| ours / bare));
            let name = contestant.name;
            println!("  {name:<26} {:>9.0} {ratio:>6.3} x the bare router", median(ours.iter().copied()));
        }
    }
}

fn per_second(round: impl FnOnce()) -> f64 {
    let start = Instant::now();
    round();
    (CONNECTIONS * REQUESTS) as f64 / start.elapsed().as_secs_f64()
}

/// A server with a thread of its own, and connections to it.
struct Contestant {
    name: &'static str,
    address: SocketAddr,
    texts: Vec<String>,
    requests: Vec<String>,
    connections: Vec<TcpStream>,
    /// The length of an answer.
    answer: usize,
}

impl Contestant {
    /// `build` gives a service and the texts of valid tokens.
    fn new<S>(name: &'static str, build: impl AsyncFnOnce() -> (S, Vec<String>) + Send + 'static) -> Self
    where
        S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        let (sender, receiver) = std::sync::mpsc::channel::<(SocketAddr, Vec<String>)>();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (service, texts) = build().await;
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send((listener.local_addr().unwrap(), texts)).unwrap();
                axum::serve(listener, service.into_make_service()).await.unwrap();
            });
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(serve).unwrap();
        let (address, texts) = receiver.recv().unwrap();
        let request = |text: &String| {
            format!(
                "GET /members HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\ncookie: trongatetoken={text}\r\n\r\n"
            )
        };
        let requests: Vec<_> = texts.iter().map(request).collect();
        let connections: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
        for connection in &connections {
            connection.set_nodelay(true).unwrap();
        }
        let mut connection = &connections[0];
        let mut answer = [0; 4_096];
        let mut length = 0;
        // Each token is looked up and touched here for the first time.
        for request in &requests {
            connection.write_all(request.as_bytes()).unwrap();
            length = connection.read(&mut answer).unwrap();
            let answer = std::str::from_utf8(&answer[..length]).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok"), "{answer}");
        }
        Self { name, address, texts, requests, connections, answer: length }
    }

    async fn round_by_hyper(&self, client: &Client<HttpConnector, Empty<Bytes>>) {
        let uri = format!("http://{}/members", self.address);
        let tasks = (0..CONNECTIONS).map(|place| {
            let requests: Vec<_> = (0..REQUESTS)
                .map(|number| {
                    let cookie = format!("trongatetoken={}", self.texts[self.choice(number, place)]);
                    Request::get(&uri).header("cookie", cookie).body(Empty::new()).unwrap()
                })
                .collect();
            async move {
                for request in requests {
                    let answer = client.request(request).await.unwrap();
                    assert_eq!(answer.status(), 200);
                    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
                }
            }
        });
        join_all(tasks).await;
    }

    fn round_by_bytes(&self) {
        let mut answer = vec![0; self.answer];
        for number in 0..REQUESTS {
            for (place, mut connection) in self.connections.iter().enumerate() {
                connection.write_all(self.requests[self.choice(number, place)].as_bytes()).unwrap();
            }
            for mut connection in &self.connections {
                connection.read_exact(&mut answer).unwrap();
                assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"ok"));
            }
        }
    }

    /// Which token a request has.
    fn choice(&self, number: usize, place: usize) -> usize {
        (number * CONNECTIONS + place) * 7 % self.requests.len()
    }
}

fn router() -> Router {
    Router::new().route("/members", get(async || "ok"))
}

/// The layer and a guard around the router.
async fn site(
    repository: impl TokenRepository + UserRepository,
) -> (impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static, Vec<String>)
{
    let repository = std::sync::Arc::new(repository);
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository);
    let mut texts = Vec::new();
    for _ in 0..TOKENS {
        texts.push(tokens.generate(&user).await.unwrap().token().expose_secret().to_owned());
    }
    let policy = SecurityPolicy::new().scenario("members area", level("member"));
    (TokenAuthLayer::new(tokens).layer(policy.guard("members area").layer(router())), texts)
}

/// In a schema of its own.
async fn postgres(url: &str, schema: &str) -> PostgresRepository {
    let options = url.parse::<PgConnectOptions>().unwrap().options([("search_path", schema)]);
    let pool = PgPoolOptions::new().test_before_acquire(false).connect_with(options).await.unwrap();
    let again = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    sqlx::raw_sql(AssertSqlSafe(again)).execute(&pool).await.unwrap();
    let repository = PostgresRepository::with_pool(pool);
    repository.migrate().await.unwrap();
    repository
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
