//! How long a change takes to all subscriptions of a bus, and a heartbeat back to its own, with 1, 10 and 100 nodes (Redis: 1,000
//! too), each of which sends its heartbeats, at 100 changes a second. All nodes are in this process, on these cores.
//!
//! `tests/run with-servers cargo bench --features postgres,redis --bench bus`

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_tokens::repository::{
    ChangeBus, ChangeSubscription, Notice, PostgresRepository, RedisRepository, Subject, TokenRepository,
};

const CHANGES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(10);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if let Ok(url) = std::env::var("TOWER_TOKENS_REDIS_URL") {
        let bus = RedisRepository::connect(&url).await.unwrap().with_prefix("bench").change_bus().unwrap();
        for nodes in [1, 10, 100, 1_000] {
            measure("Redis", &bus, nodes).await;
        }
    }
    if let Ok(url) = std::env::var("TOWER_TOKENS_POSTGRES_URL") {
        let store = PostgresRepository::connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        let bus = store.change_bus().unwrap();
        for nodes in [1, 10, 80] {
            measure("PostgreSQL", &bus, nodes).await;
        }
    }
}

/// What a node has seen: a change with this number, or how long its heartbeat took.
enum Seen {
    Change(u32, Instant),
    Heartbeat(Duration),
}

async fn measure(name: &str, bus: &Arc<dyn ChangeBus>, nodes: u32) {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for _ in 0..nodes {
        let subscription = bus.subscribe().await.unwrap();
        tasks.spawn(node(subscription, bus.heartbeat_interval(), sender.clone()));
    }
    // Heartbeats of many nodes are not sent at one time.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut announced = Vec::new();
    for number in 0..CHANGES {
        bus.announce(&Subject::User(number.to_string())).await.unwrap();
        announced.push(Instant::now());
        tokio::time::sleep(PAUSE).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    tasks.shutdown().await;
    drop(sender);
    let (mut last, mut received, mut heartbeats) = (vec![Duration::ZERO; announced.len()], 0, Vec::new());
    while let Some(seen) = seen.recv().await {
        match seen {
            Seen::Heartbeat(took) => heartbeats.push(took),
            Seen::Change(number, at) => {
                received += 1;
                let place = usize::try_from(number).unwrap();
                last[place] = last[place].max(at.saturating_duration_since(announced[place]));
            }
        }
    }
    assert_eq!(received, nodes * CHANGES, "no change is lost");
    println!(
        "{name}, {nodes} nodes: a change is with the last of them after {:?} (99 %: {:?}), a heartbeat is back after {:?} (99 %: {:?})",
        quantile(&mut last, 50),
        quantile(&mut last, 99),
        quantile(&mut heartbeats, 50),
        quantile(&mut heartbeats, 99),
    );
}

async fn node(mut subscription: Box<dyn ChangeSubscription>, every: Duration, seen: mpsc::UnboundedSender<Seen>) {
    let mut ticks = tokio::time::interval(every);
    let (mut number, mut sent) = (0, Instant::now());
    loop {
        tokio::select! {
            notice = subscription.next() => {
                let seen_now = match notice.unwrap() {
                    Notice::Changed(Subject::User(id)) | Notice::Changing(Subject::User(id)) => {
                        Seen::Change(id.parse().unwrap(), Instant::now())
                    }
                    Notice::Heartbeat(_) => Seen::Heartbeat(sent.elapsed()),
                    _ => continue,
                };
                _ = seen.send(seen_now);
            }
            _ = ticks.tick() => {
                (number, sent) = (number + 1, Instant::now());
                subscription.heartbeat(number).await.unwrap();
            }
        }
    }
}

fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}
