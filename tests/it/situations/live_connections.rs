//! Connections that end with their token: each is held open, and the server has to close it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};
use tower_tokens::token::{Lifetime, Token};
use tower_tokens::user::UserId;

use crate::http::Server;

#[path = "../../../examples/live_connections.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

use program::CheckEvery;

const SOON: CheckEvery = CheckEvery(Duration::from_millis(50));
const LATE: CheckEvery = CheckEvery(Duration::from_secs(3600));
const TIME_OUT: Duration = Duration::from_secs(30);
const NOT_ALLOWED: u16 = 1008;
const UNKNOWN: u16 = 1013;

struct Club {
    server: Server,
    store: Arc<FaultyRepository<MemoryRepository>>,
    tokens: Tokens,
    clock: ManualClock,
    ann: UserId,
}

impl Club {
    async fn open(every: CheckEvery) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000));
        Self::with(every, clock.clone(), |tokens| tokens.with_clock(clock)).await
    }

    async fn with(every: CheckEvery, clock: ManualClock, set: impl FnOnce(Tokens) -> Tokens) -> Self {
        let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
        for level in ["member", "stranger"] {
            store.create_level(level).await.unwrap();
        }
        let ann = store.create_user(Some("ann".into()), "member").await.unwrap();
        let tokens = set(Tokens::new(Arc::clone(&store)));
        let server = Server::start(program::app(tokens.clone(), every)).await;
        Self { server, store, tokens, clock, ann }
    }

    async fn token(&self) -> Token {
        Token::parse(self.tokens.generate(&self.ann).await.unwrap().token().expose_secret()).unwrap()
    }

    /// Sends a request and reads the head of the response, whose status it returns.
    async fn connect(&self, path: &str, headers: &str) -> (u16, BufReader<TcpStream>) {
        let mut stream = BufReader::new(TcpStream::connect(self.server.host()).await.unwrap());
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.server.host());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(stream.read_until(b'\n', &mut head).await.unwrap() > 0, "the head ends");
        }
        let status = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        (status, stream)
    }

    /// An open WebSocket that has sent one text back.
    async fn socket(&self, token: &Token) -> Socket {
        let (status, stream) = self.connect("/socket", &(handshake() + &cookie(token))).await;
        assert_eq!(status, 101);
        let mut socket = Socket(stream);
        socket.say("hi").await;
        assert_eq!(socket.next().await, Frame::Text("hi".to_owned()));
        socket
    }

    async fn events(&self, token: &Token) -> BufReader<TcpStream> {
        let (status, mut stream) = self.connect("/events", &cookie(token)).await;
        assert_eq!(status, 200);
        let mut line = String::new();
        while !line.starts_with("data: ") {
            line.clear();
            assert!(timeout(TIME_OUT, stream.read_line(&mut line)).await.unwrap().unwrap() > 0);
        }
        stream
    }
}

fn cookie(token: &Token) -> String {
    format!("cookie: trongatetoken={}\r\n", token.expose_secret())
}

/// The headers of RFC 6455 §1.2, with its key.
fn handshake() -> String {
    "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_owned()
}

#[derive(Debug, PartialEq)]
enum Frame {
    Text(String),
    Close(u16),
}

/// A client that sends and reads short frames (RFC 6455 §5.2).
struct Socket(BufReader<TcpStream>);

impl Socket {
    async fn say(&mut self, text: &str) {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0]; // a mask of zeros
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    async fn next(&mut self) -> Frame {
        let mut head = [0; 2];
        timeout(TIME_OUT, self.0.read_exact(&mut head)).await.unwrap().unwrap();
        assert!(head[1] < 126, "a short frame without a mask");
        let mut payload = vec![0; head[1].into()];
        self.0.read_exact(&mut payload).await.unwrap();
        match head[0] {
            0x81 => Frame::Text(String::from_utf8(payload).unwrap()),
            0x88 => Frame::Close(u16::from_be_bytes([payload[0], payload[1]])),
            other => panic!("a frame of kind {other:#x}"),
        }
    }
}

/// Reads until the server ends the response as it should (RFC 9112 §7.1, the last chunk).
async fn read_to_the_end(stream: &mut BufReader<TcpStream>) {
    let mut line = String::new();
    while line != "0\r\n" {
        line.clear();
        let length = timeout(TIME_OUT, stream.read_line(&mut line)).await.unwrap().unwrap();
        assert!(length > 0, "the response was cut off");
    }
}

#[tokio::test]
async fn a_revoked_token_ends_its_connections_and_no_others() {
    let club = Club::open(SOON).await;
    let (token, other) = (club.token().await, club.token().await);
    let (mut socket, mut events) = (club.socket(&token).await, club.events(&token).await);
    let mut other = club.socket(&other).await;
    club.tokens.destroy(&token).await.unwrap();
    assert_eq!(socket.next().await, Frame::Close(NOT_ALLOWED));
    read_to_the_end(&mut events).await;
    other.say("still here").await;
    assert_eq!(other.next().await, Frame::Text("still here".to_owned()));
}

#[tokio::test]
async fn a_disabled_user_is_cut_off() {
    let club = Club::open(SOON).await;
    let token = club.token().await;
    let (mut socket, mut events) = (club.socket(&token).await, club.events(&token).await);
    club.store.set_disabled(&club.ann, true).await.unwrap();
    assert_eq!(socket.next().await, Frame::Close(NOT_ALLOWED));
    read_to_the_end(&mut events).await;
}

#[tokio::test]
async fn a_user_whose_level_no_longer_allows_it_is_cut_off() {
    let club = Club::open(SOON).await;
    let token = club.token().await;
    let mut socket = club.socket(&token).await;
    club.store.change_level(&club.ann, "stranger").await.unwrap();
    assert_eq!(socket.next().await, Frame::Close(NOT_ALLOWED));
}

#[tokio::test]
async fn an_expired_token_ends_its_connections() {
    let club = Club::open(SOON).await;
    let token = club.token().await;
    let (mut socket, mut events) = (club.socket(&token).await, club.events(&token).await);
    club.clock.advance(time::Duration::days(2));
    assert_eq!(socket.next().await, Frame::Close(NOT_ALLOWED));
    read_to_the_end(&mut events).await;
}

#[tokio::test]
async fn the_end_of_a_token_is_not_waited_for_until_the_next_check() {
    let unused = ManualClock::at(Timestamp::from_unix_seconds(0));
    let club = Club::with(LATE, unused, |tokens| tokens.with_lifetime(Lifetime::seconds(2))).await;
    let token = club.token().await;
    let (mut socket, started) = (club.socket(&token).await, Instant::now());
    assert_eq!(socket.next().await, Frame::Close(NOT_ALLOWED));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_outage_of_the_store_says_try_again_later() {
    let club = Club::open(SOON).await;
    let token = club.token().await;
    let mut socket = club.socket(&token).await;
    club.store.fail();
    assert_eq!(socket.next().await, Frame::Close(UNKNOWN));
    assert_eq!(club.connect("/events", &cookie(&token)).await.0, 503);
}

#[tokio::test]
async fn a_handshake_without_a_login_or_from_another_site_is_refused() {
    let club = Club::open(SOON).await;
    let token = club.token().await;
    assert_eq!(club.connect("/socket", &handshake()).await.0, 401);
    let evil = handshake() + &cookie(&token) + "origin: https://evil.example\r\n";
    assert_eq!(club.connect("/socket", &evil).await.0, 403);
    let own = handshake() + &cookie(&token) + &format!("origin: http://{}\r\n", club.server.host());
    assert_eq!(club.connect("/socket", &own).await.0, 101);
}
