//! Visitors, log-outs and changes of a level on three nodes at once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::many_nodes::history::{End, History, LevelChange, Read};
use crate::many_nodes::http::Answer;
use crate::many_nodes::nodes::{NODES, Nodes};

/// How many tokens are in use at a time.
const TOKENS: usize = 10;

/// One visitor asks this often; there are two on each node: a thousand requests a second.
const PAUSE: Duration = Duration::from_millis(6);

/// How long a level stays: longer than any bound, so that an older one is seen.
const LEVEL_STAYS: Duration = Duration::from_millis(1_900);

/// The tokens of anna: number and text. Their numbers grow.
type Tokens = Arc<Mutex<Vec<(usize, String)>>>;

pub(super) struct Load {
    nodes: Arc<Nodes>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<History>,
}

impl Load {
    pub(super) async fn start(nodes: Arc<Nodes>) -> Self {
        let mut tokens = Vec::new();
        for number in 0..TOKENS {
            tokens.push((number, nodes.log_in(number % NODES, "anna").await));
        }
        let tokens = Arc::new(Mutex::new(tokens));
        let (stop, _) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for visitor in 0..2 * NODES {
            tasks.spawn(visit(Arc::clone(&nodes), visitor, Arc::clone(&tokens), stop.subscribe()));
        }
        tasks.spawn(log_out(Arc::clone(&nodes), Arc::clone(&tokens), stop.subscribe()));
        tasks.spawn(change_level(Arc::clone(&nodes), stop.subscribe()));
        Self { nodes, stop, tasks }
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
    let mut clients: Vec<_> = (0..NODES).map(|node| nodes.client(node)).collect();
    let (mut next, mut round) = (TOKENS, 0_usize);
    while !*stop.borrow() {
        round += 1;
        let (number, text) = tokens.lock().unwrap().remove(0);
        // Every node has it in memory.
        for (node, client) in clients.iter_mut().enumerate() {
            history.reads.extend(read(number, node, &client.get("/api/me", &text).await));
        }
        let node = number % NODES;
        let everywhere = round.is_multiple_of(10);
        let path = if everywhere { "/api/logout-everywhere" } else { "/api/logout" };
        let answer = clients[node].post(path, &text, Value::Null).await;
        let acknowledged = Instant::now();
        if answer.status == 204 {
            history.ends.push(End { token: number, node, acknowledged });
            if everywhere {
                let others = tokens.lock().unwrap();
                history.ends.extend(others.iter().map(|(token, _)| End { token: *token, node, acknowledged }));
            }
            // The node itself first: it has no excuse.
            for other in [0, 1, 2].map(|step| (node + step) % NODES) {
                loop {
                    let answer = clients[other].get("/api/me", &text).await;
                    history.reads.extend(read(number, other, &answer));
                    if answer.status != 200 || acknowledged.elapsed() > Duration::from_secs(5) {
                        break;
                    }
                }
            }
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

async fn change_level(nodes: Arc<Nodes>, stop: watch::Receiver<bool>) -> History {
    let mut history = History::default();
    let admin = nodes.log_in(0, "admin").await;
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
            let answer = nodes.client(node).post("/api/users/anna/level", &admin, body).await;
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
