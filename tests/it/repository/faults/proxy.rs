//! A network between an application and its server, which loses connections as real ones do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::repository::faults::network::Network;

/// Forwards TCP connections to a server. Ends with every connection when it is dropped.
///
/// It listens on a host of its own, a network namespace, where it may make one; else it is itself what swallows.
pub(crate) struct Proxy {
    address: SocketAddr,
    network: Option<Network>,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    server: Mutex<SocketAddr>,
    /// Connections that were accepted in an earlier era than this one are swallowed.
    swallowed_before: AtomicU64,
    accepted: AtomicU64,
}

impl Proxy {
    /// Forwards to the server that this URL names.
    pub(crate) async fn start(url: &str) -> Self {
        let network = tokio::task::spawn_blocking(Network::new).await.unwrap();
        println!("the network is {}", if network.is_some() { "a namespace" } else { "a proxy that swallows" });
        let listener = match &network {
            Some(network) => {
                let listener = network.listen();
                listener.set_nonblocking(true).unwrap();
                TcpListener::from_std(listener).unwrap()
            }
            None => TcpListener::bind("127.0.0.1:0").await.unwrap(),
        };
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server: Mutex::new(server_of(url)),
            swallowed_before: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, network, shared, accepting }
    }

    /// The same URL, by way of this proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let mut url: url::Url = url.parse().unwrap();
        url.set_host(Some(&self.address.ip().to_string())).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.into()
    }

    /// Loses from now on the answers to the connections that are open, their ends included, as a firewall does that forgot
    /// them: they stay open and silent. New connections work.
    pub(crate) fn swallow_open_connections(&self) {
        if let Some(network) = &self.network {
            return network.forget_open_connections();
        }
        self.shared.swallowed_before.store(self.accepted(), Ordering::SeqCst);
    }

    /// Leads new connections to the server that this URL names. Those that are open stay where they are.
    pub(crate) fn lead_to(&self, url: &str) {
        *self.shared.server.lock().unwrap() = server_of(url);
    }

    /// How many connections were made so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn server_of(url: &str) -> SocketAddr {
    let url: url::Url = url.parse().unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()).parse().unwrap()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
        let server = *shared.server.lock().unwrap();
        connections.spawn(forward(client, server, number, Arc::clone(&shared)));
    }
}

async fn forward(client: TcpStream, server: SocketAddr, number: u64, shared: Arc<Shared>) {
    // A client whose server does not accept sees its connection end.
    let Ok(server) = TcpStream::connect(server).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let is_swallowed = || number < shared.swallowed_before.load(Ordering::SeqCst);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(pump(from_client, to_server, is_swallowed), pump(from_server, to_client, is_swallowed));
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, is_swallowed: impl Fn() -> bool) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        if is_swallowed() {
            if read == 0 {
                // Not even its end gets through: `to` stays open.
                return std::future::pending().await;
            }
            continue;
        }
        if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
            _ = to.shutdown().await;
            return;
        }
    }
}
