//! A server that speaks the protocol of Redis and answers scripts as a test wants it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a script.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// These bytes.
    Send(&'static str),
    /// These bytes, and then the connection ends.
    SendAndClose(&'static str),
    /// Nothing, for ever.
    Silence,
}

/// Its URL, and how many connections it has taken.
pub(super) struct FakeRedis {
    pub(super) url: String,
    connections: Arc<AtomicUsize>,
}

impl FakeRedis {
    /// `answers` is asked with the number of the connection, from 0. Connections to come answer as the last one.
    pub(super) async fn start(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}/", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, answers[number.min(answers.len() - 1)]));
            }
        });
        Self { url, connections }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, answer: Answer) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let count = number_after(&mut stream, '*').await?;
        let mut words = Vec::new();
        for _ in 0..count {
            let length = number_after(&mut stream, '$').await?;
            let mut word = vec![0; length + 2];
            stream.read_exact(&mut word).await.ok()?;
            words.push(String::from_utf8_lossy(&word[..length]).into_owned());
        }
        let reply = match (&*words[0], answer) {
            ("EVALSHA" | "PING", Answer::Silence) => continue,
            ("EVALSHA", Answer::Send(reply) | Answer::SendAndClose(reply)) => reply,
            ("INFO", _) => "$40\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n",
            _ => "+OK\r\n",
        };
        stream.write_all(reply.as_bytes()).await.ok()?;
        if words[0] == "EVALSHA" && matches!(answer, Answer::SendAndClose(_)) {
            return None;
        }
    }
}

async fn number_after(stream: &mut BufReader<TcpStream>, sign: char) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.trim_end().strip_prefix(sign)?.parse().ok()
}
