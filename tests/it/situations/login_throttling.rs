//! Limits on login attempts.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, UserRepository};

use crate::http::{Answer, exchange};

#[path = "../../../examples/login_throttling.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

const WRONG: &str = "name=ann&password=wrong";
const RIGHT: &str = "name=ann&password=correct+horse";

async fn start() -> SocketAddr {
    let users = MemoryRepository::new();
    users.create_level("member").await.unwrap();
    users.create_user(Some("ann".into()), "member").await.unwrap();
    let app = program::app(Tokens::new(users)).unwrap().into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    exchange(address, request.as_bytes()).await
}

#[tokio::test]
async fn after_five_attempts_each_further_one_has_to_wait_with_the_right_password_too() {
    let address = start().await;
    for _ in 0..program::BURST {
        assert_eq!(send(address, "POST", "/login", "", WRONG).await.status, 401);
    }
    for body in [WRONG, RIGHT] {
        // What a client says about its own address changes nothing.
        let answer = send(address, "POST", "/login", "x-forwarded-for: 203.0.113.7\r\n", body).await;
        assert_eq!(answer.status, 429, "{answer:?}");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=12).contains(&seconds), "{seconds}");
        assert_eq!(answer.cookie("trongatetoken"), None);
    }
}

#[tokio::test]
async fn the_pages_and_the_members_are_not_limited() {
    let address = start().await;
    let answer = send(address, "POST", "/login", "", RIGHT).await;
    assert_eq!(answer.status, 303);
    let cookie = format!("cookie: trongatetoken={}\r\n", answer.cookie("trongatetoken").unwrap());
    for _ in 0..program::BURST {
        send(address, "POST", "/login", "", WRONG).await;
    }
    for _ in 0..20 {
        assert_eq!(send(address, "GET", "/members", &cookie, "").await.status, 200);
        assert_eq!(send(address, "GET", "/login", "", "").await.status, 200);
    }
    assert_eq!(send(address, "POST", "/login", "", WRONG).await.status, 429);
}
