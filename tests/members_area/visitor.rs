//! An HTTP client that does what a browser does with cookies and forms, and shows what came back.

use std::net::SocketAddr;

use cookie::Cookie;
use http::header::{COOKIE, HOST, LOCATION, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use time::Duration;

use crate::server::PASSWORD;

/// A visitor with a cookie jar. Redirects are not followed, so that a test sees them.
pub(crate) struct Visitor {
    address: SocketAddr,
    user_agent: String,
    jar: Vec<Cookie<'static>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |location| location.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn cookie(&self) -> Option<Cookie<'static>> {
        let header = self.headers.get(SET_COOKIE)?;
        Some(Cookie::parse(header.to_str().unwrap().to_owned()).unwrap())
    }

    /// The first piece of the body between these two texts.
    pub(crate) fn between(&self, before: &str, after: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found)
    }
}

impl Visitor {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned();
        Self { address, user_agent, jar: Vec::new() }
    }

    pub(crate) fn with_user_agent(mut self, user_agent: &str) -> Self {
        self.user_agent = user_agent.to_owned();
        self
    }

    /// Opens a page.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")], String::new()).await
    }

    /// Opens a page with these headers alone.
    pub(crate) async fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, String::new()).await
    }

    /// The token in the cookie jar.
    pub(crate) fn token(&self) -> Option<String> {
        self.jar.iter().find(|cookie| cookie.name() == crate::server::COOKIE).map(|cookie| cookie.value().to_owned())
    }

    /// Sends a form of this site.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = format!("http://{}", self.address);
        let from_here = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
        self.post_with(path, fields, &from_here).await
    }

    /// Sends a form with these headers instead of those that say that it is one of this site.
    pub(crate) async fn post_with(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let mut all = vec![("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, pairs.join("&")).await
    }

    /// Asks as a script does, with JSON and no `Accept: text/html`.
    pub(crate) async fn json(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let body = body.map_or_else(String::new, |body| body.to_string());
        self.send(method, path, &[("accept", "application/json"), ("content-type", "application/json")], body).await
    }

    /// Asks as a script does that keeps its token itself.
    pub(crate) async fn bearer(&mut self, method: Method, path: &str, token: &str) -> Answer {
        let authorization = format!("Bearer {token}");
        self.send(method, path, &[("authorization", &authorization)], String::new()).await
    }

    pub(crate) async fn register(&mut self, name: &str) -> Answer {
        let email = format!("{name}@example.org");
        let fields =
            [("username", name), ("email", &email), ("password", PASSWORD), ("password_confirmation", PASSWORD)];
        self.post("/register", &fields).await
    }

    pub(crate) async fn log_in(&mut self, name: &str, password: &str) -> Answer {
        self.post("/login", &[("username", name), ("password", password), ("next", "")]).await
    }

    pub(crate) async fn log_in_remembered(&mut self, name: &str, password: &str) -> Answer {
        self.post("/login", &[("username", name), ("password", password), ("remember", "on")]).await
    }

    /// Whether the members page is open to this visitor.
    pub(crate) async fn is_in(&mut self) -> bool {
        let answer = self.get("/members").await;
        match answer.status {
            200 => true,
            303 if answer.location() == "/login?next=%2Fmembers" => false,
            _ => panic!("neither in nor out: {answer:?}"),
        }
    }

    /// The same visitor, after the server moved.
    pub(crate) fn on(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Closes the browser, which forgets every cookie that has no date.
    pub(crate) fn close_browser(&mut self) {
        self.jar.retain(|cookie| cookie.max_age().is_some());
    }

    /// The cookies as another program on this computer would steal them.
    pub(crate) fn copy_of_cookies(&self) -> Self {
        Self { address: self.address, user_agent: self.user_agent.clone(), jar: self.jar.clone() }
    }

    /// Puts the other's cookies beside this visitor's own, though they have the same name.
    pub(crate) fn also_carries_the_cookies_of(&mut self, other: &Self) {
        self.jar.extend(other.jar.iter().cloned());
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header(HOST, self.address.to_string())
            .header(USER_AGENT, &self.user_agent);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.jar.is_empty() {
            let pairs: Vec<_> = self.jar.iter().map(|cookie| cookie.stripped().to_string()).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        // No connection is kept: one that a restarted server closed would be in the way.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let response = client.request(request.body(Full::<bytes::Bytes>::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        for header in parts.headers.get_all(SET_COOKIE) {
            self.keep(Cookie::parse(header.to_str().unwrap().to_owned()).unwrap());
        }
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    fn keep(&mut self, cookie: Cookie<'static>) {
        self.jar.retain(|kept| kept.name() != cookie.name());
        if cookie.max_age() != Some(Duration::ZERO) {
            self.jar.push(cookie);
        }
    }
}
