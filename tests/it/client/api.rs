//! Somebody else's API on the loopback interface: an OAuth 2 token endpoint, and work that needs its access tokens. It remembers
//! each request, and fails as a test says.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::service_fn;
use tower_tokens::client::{HttpPost, MemoryTokenStore, OAuth2Endpoint, TokenManager};

use crate::http::Server;

pub(crate) type HyperClient = Client<HttpConnector, Full<Bytes>>;

/// An HTTP client without redirects.
pub(crate) fn hyper() -> HyperClient {
    Client::builder(TokioExecutor::new()).build_http()
}

#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What happens to requests to a path before they are handled.
#[derive(Clone)]
pub(crate) enum Fault {
    /// This status, these headers, this body.
    Answer(u16, Vec<(&'static str, String)>, String),
    Hang,
    /// The request is handled after the wait.
    Late(Duration),
    /// The access token of the request ends while the request is handled.
    EndToken,
}

#[derive(Default)]
pub(crate) struct State {
    /// Of tokens that are valid now.
    pub(crate) access: HashSet<String>,
    pub(crate) refresh: HashSet<String>,
    pub(crate) seen: Vec<Seen>,
    issued: u32,
    /// For one request each, in this order.
    faults: Vec<(String, Fault)>,
    /// For each request.
    lasting: Vec<(String, Fault)>,
}

impl State {
    fn issue(&mut self) -> String {
        self.issued += 1;
        let (access, refresh) = (format!("access-{}", self.issued), format!("refresh-{}", self.issued));
        let json = format!(
            r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh}"}}"#
        );
        self.access.insert(access);
        self.refresh.insert(refresh);
        json
    }

    /// No request fails from now on.
    pub(crate) fn heal(&mut self) {
        self.faults.clear();
        self.lasting.clear();
    }

    fn fault(&mut self, path: &str) -> Option<Fault> {
        if let Some(index) = self.faults.iter().position(|(of, _)| of == path) {
            return Some(self.faults.remove(index).1);
        }
        self.lasting.iter().find(|(of, _)| of == path).map(|(_, fault)| fault.clone())
    }
}

pub(crate) struct Api {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(answer(&state, request).await) }
        });
        Self { server: Server::start(service).await, state }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.server.host())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.origin() + path
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next request to this path fails so.
    pub(crate) fn fail_once(&self, path: &str, fault: Fault) {
        self.state().faults.push((path.to_owned(), fault));
    }

    /// Each request to this path fails so.
    pub(crate) fn fail(&self, path: &str, fault: Fault) {
        self.state().lasting.push((path.to_owned(), fault));
    }

    /// The access tokens of everybody are revoked.
    pub(crate) fn revoke_access(&self) {
        self.state().access.clear();
    }

    /// How many requests to this path there were.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.state().seen.iter().filter(|seen| seen.path == path).count()
    }

    pub(crate) fn last(&self) -> Seen {
        self.state().seen.last().unwrap().clone()
    }

    /// A manager that logs in here, with the tokens in memory.
    pub(crate) fn manager(&self) -> TokenManager {
        self.manager_over(HttpPost::new(hyper()))
    }

    pub(crate) fn manager_over(&self, http: HttpPost) -> TokenManager {
        let endpoint = OAuth2Endpoint::client_credentials(http, &self.url("/token"), "id", "s3cret").unwrap();
        TokenManager::new(endpoint, MemoryTokenStore::new())
    }
}

async fn answer(state: &Mutex<State>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, 1_000_000).await.unwrap().to_vec()).unwrap();
    let path = head.uri.path().to_owned();
    let seen = Seen { method: head.method.to_string(), path: path.clone(), headers: head.headers, body };
    let token = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let fault = {
        let mut state = state.lock().unwrap();
        state.seen.push(seen.clone());
        state.fault(&path)
    };
    match fault {
        Some(Fault::Answer(status, headers, body)) => return response(status, &headers, body),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Late(wait)) => tokio::time::sleep(wait).await,
        Some(Fault::EndToken) => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            state.lock().unwrap().access.remove(token.as_deref().unwrap_or_default());
        }
        None => {}
    }
    let mut state = state.lock().unwrap();
    match path.as_str() {
        "/token" => match seen.body.split('&').find_map(|field| field.strip_prefix("refresh_token=")) {
            Some(refresh) if !state.refresh.remove(refresh) => {
                response(400, &[], r#"{"error":"invalid_grant"}"#.to_owned())
            }
            _ => response(200, &[], state.issue()),
        },
        "/work" if token.is_some_and(|token| state.access.contains(&token)) => {
            response(200, &[], format!("done: {}", seen.body))
        }
        "/work" => response(401, &[("www-authenticate", "Bearer".to_owned())], "go away".to_owned()),
        "/open" => response(200, &[], seen.header("authorization").unwrap_or("nothing").to_owned()),
        "/redirect" => {
            let to = seen.header("x-to").unwrap().to_owned();
            response(307, &[("location", to)], String::new())
        }
        _ => response(404, &[], String::new()),
    }
}

fn response(status: u16, headers: &[(&'static str, String)], body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response.headers_mut().entry(header::CONTENT_TYPE).or_insert("application/json".parse().unwrap());
    response
}
