//! Three processes under load, on each store, and with a bus that fails in every way.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::many_nodes::history::{History, quantile};
use crate::many_nodes::load::Load;
use crate::many_nodes::nodes::{NODES, Nodes};
use crate::repository::faults::{Proxy, Server};
use crate::repository::{mysql, postgres};
use crate::trongate_site::TrongateSite;

const CALM: Duration = Duration::from_secs(8);

/// As long as three levels stay.
const SHORT: Duration = Duration::from_secs(5);

/// A database file for all nodes.
fn file() -> (String, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (format!("sqlite:{}", directory.path().join("site.db").display()), directory)
}

/// Checks a history, and prints its figures.
fn check(name: &str, history: &History, bound: Duration) {
    let (delays, faults) = (history.delays(), history.too_old(bound));
    let [median, most, all] = [0.5, 0.99, 1.0].map(|share| quantile(&delays, share));
    println!(
        "{name}: {} validations, {} ends, {} levels; the last validation after an end: median {median:?}, 99 % {most:?}, longest {all:?}; bound {bound:?}",
        history.reads.len(),
        history.ends.len(),
        history.levels.len()
    );
    assert!(faults.is_empty(), "{name}: {} too old: {:?}", faults.len(), &faults[..faults.len().min(5)]);
    assert!(history.reads.len() > 500 && history.ends.len() > 10, "{name}: hardly any load");
}

async fn calm(name: &str, url: &str) {
    let nodes = Arc::new(Nodes::start(url, [&[]; 3]).await);
    let load = Load::start(Arc::clone(&nodes)).await;
    let history = run(name, &nodes, load, CALM).await;
    assert!(history.wrongly_refused().is_empty(), "{name}: {:?}", history.wrongly_refused());
}

/// Lets the load go on for a time, and checks what the nodes answered and that they used their caches.
async fn run(name: &str, nodes: &Nodes, load: Load, time: Duration) -> History {
    let bound = nodes.max_staleness().await;
    tokio::time::sleep(time).await;
    let history = load.stop().await;
    check(name, &history, bound);
    for node in 0..NODES {
        let stats = nodes.stats(node).await;
        println!("{name}, node {node}: {stats}");
        assert!(stats["hits"].as_u64().unwrap() > 100, "{name}: the cache is not used: {stats}");
    }
    history
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_too_old_on_sqlite() {
    let (url, _directory) = file();
    calm("SQLite", &url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_too_old_on_postgres() {
    calm("PostgreSQL", &postgres::fresh_url().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_too_old_on_mysql() {
    calm("MariaDB", &mysql::fresh_url().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_too_old_on_redis() {
    let server = Server::start("redis").await;
    calm("Redis", server.url()).await;
}

/// PHP logs users out, too, and does not know that there are caches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_too_old_on_trongate() {
    let site = TrongateSite::new().await;
    let nodes = Arc::new(Nodes::start(&site.url, [&["--trongate"]; 3]).await);
    let load = Load::start(Arc::clone(&nodes)).await.with_php(site.pool.clone()).await;
    let history = run("Trongate", &nodes, load, SHORT).await;
    let by_php = history.ends.iter().filter(|end| end.node.is_none()).count();
    assert!(by_php > 5, "PHP ended {by_php} tokens");
}

/// One node's clock is an hour ahead, and another's an hour behind.
async fn with_wrong_clocks(name: &str, url: &str) {
    let options: [&[&str]; NODES] = [&[], &["--clock-ahead", "3600"], &["--clock-ahead", "-3600"]];
    let nodes = Arc::new(Nodes::start(url, options).await);
    let load = Load::start(Arc::clone(&nodes)).await;
    let mut kept = Vec::new();
    for node in 0..NODES {
        kept.push(nodes.log_in(node, "admin").await);
    }
    let history = run(name, &nodes, load, SHORT).await;
    assert!(history.wrongly_refused().is_empty(), "{name}: {:?}", history.wrongly_refused());
    for (maker, token) in kept.iter().enumerate() {
        for node in 0..NODES {
            let answer = nodes.client(node).get("/api/me", token).await;
            assert_eq!(answer.status, 200, "{name}: a token of node {maker} on node {node}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_too_old_while_clocks_are_wrong_on_sqlite() {
    let (url, _directory) = file();
    with_wrong_clocks("SQLite, clocks an hour off", &url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_too_old_while_clocks_are_wrong_on_postgres() {
    with_wrong_clocks("PostgreSQL, clocks an hour off", &postgres::fresh_url().await).await;
}

/// A bus beside the store that fails, one node that is paused, and what comes after each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_too_old_while_the_bus_or_a_node_fails() {
    let (url, _directory) = file();
    let server = Server::start("redis").await;
    let proxy = Proxy::start(server.url()).await;
    let through_proxy = proxy.url(server.url());
    let buses = [server.url(), &through_proxy, server.url()].map(|bus| ["--bus", bus]);
    let nodes = Arc::new(Nodes::start(&url, buses.each_ref().map(<[_; 2]>::as_slice)).await);
    let bound = nodes.max_staleness().await;
    let load = Load::start(Arc::clone(&nodes)).await;
    let second = Duration::from_secs(1);
    tokio::time::sleep(2 * second).await;

    // Each ends with: every node uses its cache again by itself.
    let recovered = async |what: &str| {
        for node in 0..3 {
            nodes.wait_for_use(node).await;
        }
        println!("recovered: {what}");
        tokio::time::sleep(second).await;
    };
    let before = nodes.interruptions(1).await;
    proxy.swallow_open_connections();
    nodes.wait_for_interruption(1, before).await;
    recovered("one node's connections swallow everything").await;

    let before = nodes.interruptions(0).await;
    server.kill().await;
    nodes.wait_for_interruption(0, before).await;
    tokio::time::sleep(2 * second).await;
    server.restart().await;
    recovered("the bus was killed and started again").await;

    let before = nodes.interruptions(2).await;
    server.signal("STOP");
    nodes.wait_for_interruption(2, before).await;
    tokio::time::sleep(2 * second).await;
    server.signal("CONT");
    recovered("the bus was stopped and went on").await;

    nodes.signal(2, "STOP");
    tokio::time::sleep(10 * second).await;
    nodes.signal(2, "CONT");
    recovered("a node was paused for ten seconds").await;

    flood(server.url()).await;
    recovered("the bus was flooded").await;

    check("SQLite beside a failing Redis", &load.stop().await, bound);
}

/// A hundred thousand messages on the channel of the bus.
async fn flood(url: &str) {
    let client = ::redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for _ in 0..1_000 {
        let mut pipeline = ::redis::pipe();
        for number in 0..100 {
            pipeline.cmd("PUBLISH").arg("tower_tokens_bus").arg(format!("u{number}")).ignore();
        }
        let () = pipeline.query_async(&mut connection).await.unwrap();
    }
}
