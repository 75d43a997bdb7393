//! How many requests a second a server answers over loopback HTTP: a bare router, and the same behind the layer, with tokens in
//! memory, and in SQLite and PostgreSQL with a cache in front (also with a guard) and without one; beside them the least that
//! can be done, written by hand, and tower-sessions. One server is asked at a time, in turns.
//!
//! ```text
//! tests/run with-servers bash -c 'cargo bench --features sqlite,postgres --bench http'
//! ```
//!
//! Each server has one thread, and the client another, each on a processor of its own (on Linux). The first client is hyper's:
//! it needs more time for a request than a server does. The second one only writes and reads bytes and never sleeps: it asks
//! again on a connection as soon as there is an answer, so the server has work at all times and the figure is the server's alone.
//! Without PostgreSQL in the environment its rows are left out.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

#[path = "overhead/floor.rs"]
mod floor;
#[path = "measure/median.rs"]
mod median;

use std::convert::Infallible;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router, ServiceExt};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::{Layer, Service};
use tower_sessions::session::{Id, Record};
use tower_sessions::{Session, SessionManagerLayer, SessionStore};
use tower_tokens::auth::{TokenAuth, TokenAuthLayer};
use tower_tokens::guard::Guard;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, level};
use tower_tokens::repository::{
    Cache, CachedRepository, MemoryRepository, PostgresRepository, RepositoryExt, SqliteRepository, TokenRepository,
    UserRepository,
};
use tower_tokens::respond::RefusalResponses;

use crate::floor::{Floor, FloorMap, FloorUser};
use crate::median::median;

const CONNECTIONS: usize = 32;
const TOKENS: usize = 1_000;
/// Of each kind.
const SERVERS: usize = 4;
const ROUNDS: usize = 32;
/// Requests on each connection in a round.
const REQUESTS: usize = 250;

fn main() {
    stay_on(0);
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = directory.path().join(name);
        move |place: usize| path.with_extension(place.to_string())
    };
    let (beside, beside_floor) = (file("beside"), file("beside_floor"));
    let (with, behind_guard, without) = (file("with"), file("guard"), file("without"));
    let mut contestants = vec![
        Contestant::new("bare router", |place| bare(cached(sqlite(beside(place))))),
        Contestant::new("floor", |place| floor_site(cached(sqlite(beside_floor(place))))),
        Contestant::new("tower-sessions, in memory", |_| session_site()),
        Contestant::new("in memory", |_| layered(async { Arc::new(MemoryRepository::new()) })),
        Contestant::new("SQLite, with a cache", |place| layered(cached(sqlite(with(place))))),
        Contestant::new("  and a guard", |place| guarded(cached(sqlite(behind_guard(place))))),
        Contestant::new("SQLite, without", |place| layered(sqlite(without(place)))),
    ];
    if let Ok(url) = std::env::var("TOWER_TOKENS_POSTGRES_URL") {
        let schema = |name, place| postgres(url.clone(), format!("bench_http_{name}_{place}"));
        contestants.push(Contestant::new("PostgreSQL, with a cache", |place| layered(cached(schema("with", place)))));
        contestants.push(Contestant::new("  and a guard", |place| guarded(cached(schema("guard", place)))));
        contestants.push(Contestant::new("PostgreSQL, without", |place| layered(schema("without", place))));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut by_hyper = vec![Vec::new(); contestants.len()];
    let mut by_bytes = by_hyper.clone();
    for round in 0..ROUNDS {
        for (place, contestant) in contestants.iter().enumerate() {
            let server = &contestant.servers[round % SERVERS];
            by_hyper[place].push(per_second(|| runtime.block_on(server.round_by_hyper(&client))));
            by_bytes[place].push(per_second(|| server.round_by_bytes()));
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

/// Keeps this thread on one of the processors that it may use. Where the system puts a client and a server makes a difference of
/// a third.
#[cfg(target_os = "linux")]
fn stay_on(place: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    // A thread starts with those of the one that started it.
    static USABLE: LazyLock<Vec<usize>> = LazyLock::new(|| {
        let all = sched_getaffinity(None).unwrap();
        (0..CpuSet::MAX_CPU).filter(|number| all.is_set(*number)).collect()
    });
    let mut one = CpuSet::new();
    one.set(USABLE[place % USABLE.len()]);
    sched_setaffinity(None, &one).unwrap();
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_place: usize) {}

fn per_second(round: impl FnOnce()) -> f64 {
    let start = Instant::now();
    round();
    (CONNECTIONS * REQUESTS) as f64 / start.elapsed().as_secs_f64()
}

/// Several servers of one kind: where one of them happens to be in memory makes a difference of some hundredths.
struct Contestant {
    name: &'static str,
    servers: Vec<Server>,
}

impl Contestant {
    /// `build` gives a service and the texts of valid tokens.
    fn new<F, S>(name: &'static str, build: impl Fn(usize) -> F) -> Self
    where
        F: Future<Output = (S, Vec<String>)> + Send + 'static,
        S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        Self { name, servers: (0..SERVERS).map(|place| Server::start(build(place))).collect() }
    }
}

/// A server with a thread of its own, and connections to it.
struct Server {
    address: SocketAddr,
    texts: Vec<String>,
    requests: Vec<String>,
    connections: Vec<TcpStream>,
    /// The length of an answer.
    answer: usize,
}

impl Server {
    fn start<S>(build: impl Future<Output = (S, Vec<String>)> + Send + 'static) -> Self
    where
        S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        let (sender, receiver) = std::sync::mpsc::channel::<(SocketAddr, Vec<String>)>();
        std::thread::spawn(move || {
            stay_on(1);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (service, texts) = build.await;
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send((listener.local_addr().unwrap(), texts)).unwrap();
                axum::serve(listener, service.into_make_service()).await.unwrap();
            });
        });
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
        for connection in &connections {
            connection.set_nonblocking(true).unwrap();
        }
        Self { address, texts, requests, connections, answer: length }
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
        let send = |number, place| {
            let request = self.requests[self.choice(number, place)].as_bytes();
            assert_eq!((&self.connections[place]).write(request).unwrap(), request.len());
        };
        let mut answers = vec![(0, Vec::with_capacity(self.answer)); CONNECTIONS];
        for place in 0..CONNECTIONS {
            send(0, place);
        }
        let mut left = CONNECTIONS * REQUESTS;
        while left > 0 {
            for (place, (number, answer)) in answers.iter_mut().enumerate() {
                let missing = (self.answer - answer.len()) as u64;
                match (&self.connections[place]).take(missing).read_to_end(answer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    read => assert_ne!(read.unwrap(), 0),
                }
                if answer.len() == self.answer {
                    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"ok"));
                    answer.clear();
                    (*number, left) = (*number + 1, left - 1);
                    if *number < REQUESTS {
                        send(*number, place);
                    }
                }
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

/// The router alone, beside a store that is not asked.
async fn bare(repository: impl Future<Output = impl TokenRepository + UserRepository>) -> (Router, Vec<String>) {
    (router(), texts_beside(repository.await).await)
}

/// The texts of tokens in a store that stays for as long as the server runs: what else is in memory makes a difference of a
/// hundredth.
async fn texts_beside(repository: impl TokenRepository + UserRepository) -> Vec<String> {
    let (tokens, texts) = generate(repository).await;
    Box::leak(Box::new(tokens));
    texts
}

/// The layer around the router.
async fn layered<R: TokenRepository + UserRepository>(
    repository: impl Future<Output = R>,
) -> (TokenAuth<Router>, Vec<String>) {
    let (tokens, texts) = generate(repository.await).await;
    (TokenAuthLayer::new(tokens).layer(router()), texts)
}

/// The layer and a guard around the router.
async fn guarded<R: TokenRepository + UserRepository>(
    repository: impl Future<Output = R>,
) -> (TokenAuth<Guard<Router, RefusalResponses>>, Vec<String>) {
    let (tokens, texts) = generate(repository.await).await;
    let policy = SecurityPolicy::new().scenario("members area", level("member"));
    (TokenAuthLayer::new(tokens).layer(policy.guard("members area").layer(router())), texts)
}

async fn generate(repository: impl TokenRepository + UserRepository) -> (Tokens, Vec<String>) {
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository);
    let mut texts = Vec::new();
    for _ in 0..TOKENS {
        texts.push(tokens.generate(&user).await.unwrap().token().expose_secret().to_owned());
    }
    (tokens, texts)
}

async fn cached<R: TokenRepository>(repository: impl Future<Output = R>) -> CachedRepository<R> {
    repository.await.cached(Cache::for_one_process())
}

async fn sqlite(path: PathBuf) -> SqliteRepository {
    SqliteRepository::open(path).await.unwrap()
}

/// The least that can be done, written by hand.
async fn floor_site(
    repository: impl Future<Output = impl TokenRepository + UserRepository>,
) -> (Floor<Router>, Vec<String>) {
    let map = papaya::HashMap::new();
    let texts = texts_beside(repository.await).await;
    for (id, text) in (0..).zip(&texts) {
        map.pin().insert(Sha256::digest(text).into(), FloorUser { id, level: 1 });
    }
    let handler =
        async |Extension(user): Extension<FloorUser>| if user.id >= 0 && user.level == 1 { "ok" } else { "no" };
    let inner = Router::new().route("/members", get(handler));
    (Floor { inner, map: FloorMap(Arc::new(map)), template: None }, texts)
}

/// A session for each text, which its handler reads.
async fn session_site() -> (Router, Vec<String>) {
    let (store, mut texts) = (tower_sessions::MemoryStore::default(), Vec::new());
    let expiry_date = time::OffsetDateTime::now_utc() + time::Duration::days(1);
    for number in 0..TOKENS {
        let id = Id(number.try_into().unwrap());
        let data = [("user_id".to_owned(), number.into())].into();
        store.save(&Record { id, data, expiry_date }).await.unwrap();
        texts.push(id.to_string());
    }
    let handler = async |session: Session| match session.get::<i64>("user_id").await {
        Ok(Some(_)) => "ok",
        _ => "no",
    };
    let layer = SessionManagerLayer::new(store).with_name("trongatetoken");
    (Router::new().route("/members", get(handler)).layer(layer), texts)
}

/// In a schema of its own.
async fn postgres(url: String, schema: String) -> PostgresRepository {
    let options = url.parse::<PgConnectOptions>().unwrap().options([("search_path", &schema)]);
    let pool = PgPoolOptions::new().test_before_acquire(false).connect_with(options).await.unwrap();
    let again = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    sqlx::raw_sql(AssertSqlSafe(again)).execute(&pool).await.unwrap();
    let repository = PostgresRepository::with_pool(pool);
    repository.migrate().await.unwrap();
    repository
}
