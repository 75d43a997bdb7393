//! Three processes of the example on one store.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::many_nodes::http::Client;

pub(super) const NODES: usize = 3;

/// The example's binary, which `cargo test` builds beside this one.
pub(super) fn binary() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("examples").join(format!("many_nodes{}", std::env::consts::EXE_SUFFIX))
}

/// Ended when they are dropped.
pub(super) struct Nodes {
    children: [Child; NODES],
    addresses: Vec<SocketAddr>,
}

impl Nodes {
    /// Nodes on this store, started at once, each with options of its own.
    pub(super) async fn start(database_url: &str, options: [&[&str]; NODES]) -> Self {
        let spawn = |options: &[&str]| {
            let mut command = Command::new(binary());
            command.args(["--listen", "127.0.0.1:0", "--create-demo", "--database-url", database_url]).args(options);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
        };
        let (mut children, mut addresses) = (options.map(spawn), Vec::new());
        for child in &mut children {
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let line = lines.next_line().await.unwrap().unwrap();
            addresses.push(line.strip_prefix("listening on http://").unwrap().parse().unwrap());
        }
        let nodes = Self { children, addresses };
        for node in 0..NODES {
            nodes.wait_for_use(node).await;
        }
        nodes
    }

    pub(super) fn client(&self, node: usize) -> Client {
        Client::new(self.addresses[node])
    }

    /// Sends a signal to the process of a node.
    pub(super) fn signal(&self, node: usize, name: &str) {
        let pid = self.children[node].id().unwrap().to_string();
        let status = std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// A new token of this user, made by a node.
    pub(super) async fn log_in(&self, node: usize, user: &str) -> String {
        let login = json!({ "username": user, "password": format!("{user}-password") });
        let answer = self.client(node).post("/api/login", "", login).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    /// The id of the user of a token, as a URL has it.
    pub(super) async fn user_id(&self, node: usize, token: &str) -> String {
        let id = self.client(node).get("/api/me", token).await.body["user_id"].clone();
        id.as_str().map_or_else(|| id.to_string(), str::to_owned)
    }

    pub(super) async fn stats(&self, node: usize) -> Value {
        self.client(node).get("/api/stats", "").await.body
    }

    /// The bound that the nodes claim.
    pub(super) async fn max_staleness(&self) -> Duration {
        Duration::from_millis(self.stats(0).await["max_staleness_ms"].as_u64().unwrap())
    }

    /// Waits until the cache of a node is used.
    pub(super) async fn wait_for_use(&self, node: usize) {
        let start = Instant::now();
        while self.stats(node).await["is_used"] != true {
            assert!(start.elapsed() < Duration::from_secs(30), "node {node}: {}", self.stats(node).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How often the bus of a node has been interrupted.
    pub(super) async fn interruptions(&self, node: usize) -> u64 {
        self.stats(node).await["interruptions"].as_u64().unwrap()
    }

    /// Waits until the bus of a node has been interrupted more often than this.
    pub(super) async fn wait_for_interruption(&self, node: usize, before: u64) {
        let start = Instant::now();
        while self.interruptions(node).await <= before {
            assert!(start.elapsed() < Duration::from_secs(30), "node {node}: {}", self.stats(node).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
