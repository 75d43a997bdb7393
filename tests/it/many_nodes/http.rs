//! An HTTP client that keeps its connection and says when a request began.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything that is to be waited for: a node that is paused for ten seconds.
const GIVE_UP: Duration = Duration::from_secs(30);

pub(super) struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

pub(super) struct Answer {
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    pub(super) async fn get(&mut self, path: &str, token: &str) -> Answer {
        self.send("GET", path, token, Value::Null).await
    }

    pub(super) async fn post(&mut self, path: &str, token: &str, body: Value) -> Answer {
        self.send("POST", path, token, body).await
    }

    async fn send(&mut self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: site\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let began = Instant::now();
        let (status, body) = timeout(GIVE_UP, self.exchange(&request)).await.unwrap();
        Answer { began, ended: Instant::now(), status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    async fn exchange(&mut self, request: &str) -> (u16, Vec<u8>) {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            match line.trim_end().split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        (status, body)
    }
}
