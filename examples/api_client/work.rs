//! The requests: as many at a time as was asked, each again after an outage.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tower_tokens::client::{BearerTokenError, BearerTokenService, ClientError, ClientErrorKind, CloneBody};

pub(crate) type ApiClient = BearerTokenService<Client<HttpConnector, Full<Bytes>>, CloneBody>;

/// How often one request is sent at most, and the pause before the second time; each further one is twice as long.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct Work {
    requests: u64,
    url: String,
    started: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    repeated: AtomicU64,
}

/// Why an attempt failed.
enum Failure {
    /// Another attempt may succeed, after this wait at least.
    Passing(String, Option<Duration>),
    Lasting(String),
}

impl Work {
    pub(crate) fn new(requests: u64, url: String) -> Self {
        let [started, ok, failed, repeated] = Default::default();
        Self { requests, url, started, ok, failed, repeated }
    }

    /// How many requests succeeded, failed, and were sent again.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.ok), read(&self.failed), read(&self.repeated))
    }

    /// How many requests are over, and how many there are.
    pub(crate) fn progress(&self) -> (u64, u64) {
        let (ok, failed, _) = self.counts();
        (ok + failed, self.requests)
    }

    pub(crate) async fn run(self: &Arc<Self>, client: &ApiClient, concurrency: u64) {
        let workers: JoinSet<()> = (0..concurrency.clamp(1, self.requests.max(1)))
            .map(|_| {
                let (work, client) = (Arc::clone(self), client.clone());
                async move {
                    while work.started.fetch_add(1, Ordering::Relaxed) < work.requests {
                        work.request(&client).await;
                    }
                }
            })
            .collect();
        workers.join_all().await;
    }

    async fn request(&self, client: &ApiClient) {
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            match attempt_once(client, &self.url).await {
                Ok(()) => {
                    self.ok.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Err(Failure::Passing(_, wait)) if attempt < ATTEMPTS => {
                    tokio::time::sleep(wait.unwrap_or(pause).clamp(pause, LONGEST_PAUSE)).await;
                    pause *= 2;
                    self.repeated.fetch_add(1, Ordering::Relaxed);
                }
                Err(Failure::Passing(why, _) | Failure::Lasting(why)) => {
                    // One line is enough where a thousand requests fail for one reason.
                    if self.failed.fetch_add(1, Ordering::Relaxed) == 0 {
                        eprintln!("a request failed: {why}");
                    }
                    return;
                }
            }
        }
    }
}

async fn attempt_once(client: &ApiClient, url: &str) -> Result<(), Failure> {
    let request = Request::get(url).body(Full::default()).map_err(|error| Failure::Lasting(error.to_string()))?;
    let response = client.clone().oneshot(request).await.map_err(|error| match &error {
        BearerTokenError::Token(token) if token.kind() != ClientErrorKind::Unavailable => {
            Failure::Lasting(with_causes(&error))
        }
        BearerTokenError::Token(token) => Failure::Passing(with_causes(&error), token.wait()),
        _ => Failure::Passing(with_causes(&error), None),
    })?;
    let status = response.status();
    // After a 401 it says why there was no other token.
    let refused = response.extensions().get::<ClientError>().cloned();
    // To the end, so that the connection serves the next request.
    let body = response.into_body().collect().await;
    match body {
        Err(error) => Err(Failure::Passing(with_causes(&error), None)),
        Ok(_) if status.is_success() => Ok(()),
        // A second 401 in a row: tokens live for so short here that the new one has ended, too.
        Ok(_)
            if status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED) =>
        {
            let wait = refused.as_ref().and_then(ClientError::wait);
            let why = refused.map(|error| with_causes(&error)).unwrap_or_default();
            Err(Failure::Passing(format!("status {status} {why}"), wait))
        }
        Ok(_) => Err(Failure::Lasting(format!("status {status}"))),
    }
}

/// An error and its causes, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
