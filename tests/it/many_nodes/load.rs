//! Visitors, log-outs and changes of a level on three nodes at once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::MySqlPool;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::many_nodes::history::{End, History, LevelChange, Read};
use crate::many_nodes::http::{Answer, Client};
use crate::many_nodes::nodes::{NODES, Nodes};

/// How many tokens are in use at a time.
const TOKENS: usize = 10;

/// One visitor asks this often; there are two on each node: a thousand requests a second.
const PAUSE: Duration = Duration::from_millis(6);

/// How long a level stays: longer than any bound, so that an older one is seen.
const LEVEL_STAYS: Duration = Duration::from_millis(1_900);

/// The numbers of the tokens that PHP makes begin here.
const FIRST_OF_PHP: usize = 1_000_000;

/// The tokens of anna: number and text. Their numbers grow.
type Tokens = Arc<Mutex<Vec<(usize, String)>>>;

pub(super) struct Load {
    nodes: Arc<Nodes>,
    tokens: Tokens,
    stop: watch::Sender<bool>,
    tasks: JoinSet<History>,
}

impl Load {
    pub(super) async fn start(nodes: Arc<Nodes>) -> Self {
        let mut tokens = Vec::new();
        for number in 0..TOKENS {
            tokens.push((number, nodes.log_in(number % NODES, "anna").await));
        }
        let user = nodes.user_id(0, &tokens[0].1).await;
        let tokens = Arc::new(Mutex::new(tokens));
        let (stop, _) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for visitor in 0..2 * NODES {
            tasks.spawn(visit(Arc::clone(&nodes), visitor, Arc::clone(&tokens), stop.subscribe()));
        }
        tasks.spawn(log_out(Arc::clone(&nodes), Arc::clone(&tokens), stop.subscribe()));
        tasks.spawn(change_level(Arc::clone(&nodes), user, stop.subscribe()));
        Self { nodes, tokens, stop, tasks }
    }

    /// PHP logs the user in and out as well, in the database of the Trongate site.
    pub(super) async fn with_php(mut self, database: MySqlPool) -> Self {
        let token = self.tokens.lock().unwrap()[0].1.clone();
        let user = self.nodes.user_id(0, &token).await.parse().unwrap();
        let (nodes, tokens, stop) = (Arc::clone(&self.nodes), Arc::clone(&self.tokens), self.stop.subscribe());
        self.tasks.spawn(log_out_by_php(nodes, tokens, Php { database, user }, stop));
        self
    }

    /// Ends the load, and gives what happened. The nodes must be well again.
    pub(super) async fn stop(self) -> History {
        self.stop.send_replace(true);
        let mut all = History::default();
        for history in self.tasks.join_all().await {
            all.reads.extend(history.reads);
            all.ends.extend(history.ends);
            all.levels.extend(history.levels);
        }
        drop(self.nodes);
        all
    }
}

fn read(token: usize, node: usize, answer: &Answer) -> Option<Read> {
    let level = match answer.status {
        200 => Some(answer.body["level"].as_str().unwrap().to_owned()),
        401 => None,
        // An outage says nothing.
        _ => return None,
    };
    Some(Read { token, node, began: answer.began, ended: answer.ended, level })
}

async fn visit(nodes: Arc<Nodes>, visitor: usize, tokens: Tokens, stop: watch::Receiver<bool>) -> History {
    let (node, mut history, mut round) = (visitor % NODES, History::default(), visitor * 7);
    let mut client = nodes.client(node);
    let mut ticks = tokio::time::interval(PAUSE);
    while !*stop.borrow() {
        ticks.tick().await;
        round += 1;
        let (number, text) = {
            let tokens = tokens.lock().unwrap();
            tokens[round % tokens.len()].clone()
        };
        history.reads.extend(read(number, node, &client.get("/api/me", &text).await));
    }
    history
}

/// Ends one token after the other, on one node after the other, and asks the other nodes until they know.
async fn log_out(nodes: Arc<Nodes>, tokens: Tokens, stop: watch::Receiver<bool>) -> History {
    let mut history = History::default();
    let mut clients = [0, 1, 2].map(|node| nodes.client(node));
    let (mut next, mut round) = (TOKENS, 0_usize);
    while !*stop.borrow() {
        round += 1;
        let (number, text) = tokens.lock().unwrap().remove(0);
        history.reads.extend(ask_all(&mut clients, number, &text).await);
        let node = number % NODES;
        let everywhere = round.is_multiple_of(10);
        let others = if everywhere { tokens.lock().unwrap().clone() } else { Vec::new() };
        let path = if everywhere { "/api/logout-everywhere" } else { "/api/logout" };
        let answer = clients[node].post(path, &text, Value::Null).await;
        let acknowledged = (answer.status == 204).then(Instant::now);
        let ended = [number].into_iter().chain(others.into_iter().map(|(token, _)| token));
        let end = |token| End { token, node: Some(node), began: answer.began, acknowledged };
        history.ends.extend(ended.map(end));
        if acknowledged.is_some() {
            history.reads.extend(ask_until_refused(&mut clients, node, number, &text).await);
        }
        let mut fresh = Vec::new();
        let missing = if everywhere { TOKENS } else { 1 };
        for _ in 0..missing {
            fresh.push((next, log_in(&nodes, next % NODES).await));
            next += 1;
        }
        {
            let mut tokens = tokens.lock().unwrap();
            if everywhere {
                tokens.clear();
            }
            tokens.extend(fresh);
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    history
}

/// Asks every node, so that each has the token in memory.
async fn ask_all(clients: &mut [Client; NODES], token: usize, text: &str) -> Vec<Read> {
    let mut reads = Vec::new();
    for (node, client) in clients.iter_mut().enumerate() {
        reads.extend(read(token, node, &client.get("/api/me", text).await));
    }
    reads
}

/// Asks each node until it refuses a token that has ended, and this one first: if the end was its own, it has no excuse.
async fn ask_until_refused(clients: &mut [Client; NODES], first: usize, token: usize, text: &str) -> Vec<Read> {
    let (mut reads, start) = (Vec::new(), Instant::now());
    for node in [0, 1, 2].map(|step| (first + step) % NODES) {
        loop {
            let answer = clients[node].get("/api/me", text).await;
            reads.extend(read(token, node, &answer));
            if answer.status != 200 || start.elapsed() > Duration::from_secs(5) {
                break;
            }
        }
    }
    reads
}

/// The PHP side of a Trongate site.
struct Php {
    database: MySqlPool,
    user: i64,
}

impl Php {
    /// As Trongate's `generate_token`.
    async fn log_in(&self, token: &str) {
        let expires = OffsetDateTime::now_utc().unix_timestamp() + 86_400;
        let insert = "INSERT INTO trongate_tokens (user_id, expiry_date, token) VALUES (?, ?, ?)";
        sqlx::query(insert).bind(self.user).bind(expires).bind(token).execute(&self.database).await.unwrap();
    }

    /// As Trongate's `destroy`.
    async fn log_out(&self, token: &str) {
        let delete = sqlx::query("DELETE FROM trongate_tokens WHERE token = ?").bind(token);
        delete.execute(&self.database).await.unwrap();
    }
}

/// Ends the newest token, of whichever side, and gives the visitors one of PHP's.
async fn log_out_by_php(nodes: Arc<Nodes>, tokens: Tokens, php: Php, stop: watch::Receiver<bool>) -> History {
    let mut history = History::default();
    let mut clients = [0, 1, 2].map(|node| nodes.client(node));
    for next in FIRST_OF_PHP.. {
        if *stop.borrow() {
            break;
        }
        let (token, text) = tokens.lock().unwrap().pop().unwrap();
        history.reads.extend(ask_all(&mut clients, token, &text).await);
        let began = Instant::now();
        php.log_out(&text).await;
        history.ends.push(End { token, node: None, began, acknowledged: Some(Instant::now()) });
        history.reads.extend(ask_until_refused(&mut clients, next % NODES, token, &text).await);
        let text = format!("{next:032}");
        php.log_in(&text).await;
        tokens.lock().unwrap().push((next, text));
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    history
}

/// A login that may have to wait until the store is well again.
async fn log_in(nodes: &Nodes, node: usize) -> String {
    let login = json!({ "username": "anna", "password": "anna-password" });
    loop {
        let answer = nodes.client(node).post("/api/login", "", login.clone()).await;
        if let Some(token) = answer.body["token"].as_str() {
            return token.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn change_level(nodes: Arc<Nodes>, user: String, stop: watch::Receiver<bool>) -> History {
    let mut history = History::default();
    let (admin, path) = (nodes.log_in(0, "admin").await, format!("/api/users/{user}/level"));
    let began = Instant::now() - Duration::from_secs(60);
    history.levels.push(LevelChange { node: 0, level: "member", began, acknowledged: began });
    for number in 1.. {
        tokio::time::sleep(LEVEL_STAYS).await;
        if *stop.borrow() {
            break;
        }
        let (node, level) = (number % NODES, if number % 2 == 0 { "member" } else { "admin" });
        loop {
            let body = json!({ "level": level });
            let answer = nodes.client(node).post(&path, &admin, body).await;
            if answer.status == 204 {
                history.levels.push(LevelChange { node, level, began: answer.began, acknowledged: answer.ended });
                break;
            }
            // It may have been made all the same: it is made again, and counts from its first attempt.
            history.levels.push(LevelChange {
                node,
                level,
                began: answer.began,
                acknowledged: answer.ended + Duration::from_secs(3_600),
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    history
}
