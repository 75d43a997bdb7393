//! A server on the loopback interface, and a client that writes and reads the exact bytes of HTTP/1.1.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::ServiceExt;
use axum::extract::Request;
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::Service;

/// A server that ends with its test.
pub(crate) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start<S>(service: S) -> Self
    where
        S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            axum::serve(listener, ServiceExt::<Request>::into_make_service(service)).await.unwrap();
        });
        Self { address, task }
    }

    /// What stands in `Host`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers).await
    }

    /// Sends a request without a body, with `Host` and `Connection: close` of its own.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send_with_body(method, path, headers, "").await
    }

    /// Sends a request with a body, whose type is among `headers`.
    pub(crate) async fn send_with_body(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.host());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.send_bytes(request.as_bytes()).await
    }

    /// Sends what no HTTP library would, and reads until the server closes the connection.
    pub(crate) async fn send_bytes(&self, request: &[u8]) -> Answer {
        exchange(self.address, request).await
    }
}

/// Sends these bytes to a server, and reads until it closes the connection.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let request = request.to_vec();
    // A server that refuses a request half-way closes its end, so that the rest cannot be written: no failure here.
    let writer = tokio::spawn(async move {
        let _ = write.write_all(&request).await;
        write
    });
    let mut response = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = read.read(&mut chunk).await {
        response.extend_from_slice(&chunk[..length]);
    }
    writer.abort();
    Answer::parse(&response)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A response as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    /// The value of a header that stands at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} stands more than once: {values:?}");
        values.first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value that `Set-Cookie` gives to a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let mut pairs =
            self.all("set-cookie").into_iter().filter_map(|cookie| cookie.split(';').next()?.split_once('='));
        pairs.rfind(|(other, _)| *other == name).map(|(_, value)| value)
    }
}
