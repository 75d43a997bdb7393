//! A visitor with a browser: it keeps the cookies of a site, and sends forms as the site's own pages do.

use std::collections::BTreeMap;

use crate::http::{Answer, Server};

#[derive(Clone)]
pub(super) struct Visitor<'a> {
    server: &'a Server,
    cookies: BTreeMap<String, String>,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(server: &'a Server) -> Self {
        Self { server, cookies: BTreeMap::new() }
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.get_from("same-origin", path).await
    }

    /// Opens a page by a link, or a redirect, of a page that is on `site` (`Sec-Fetch-Site`).
    pub(super) async fn get_from(&mut self, site: &str, path: &str) -> Answer {
        let cookies = self.cookie_header();
        let headers = [("accept", "text/html"), ("sec-fetch-site", site), ("cookie", &cookies)];
        let answer = self.server.get(path, &headers).await;
        self.keep_cookies_of(answer)
    }

    /// Sends a form of the site.
    pub(super) async fn post(&mut self, path: &str, form: &str) -> Answer {
        self.post_from("same-origin", path, form).await
    }

    /// Sends a form of a page that is on `site` (`Sec-Fetch-Site`).
    pub(super) async fn post_from(&mut self, site: &str, path: &str, form: &str) -> Answer {
        let cookies = self.cookie_header();
        let headers = [
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", site),
            ("cookie", &cookies),
        ];
        let answer = self.server.send_with_body("POST", path, &headers, form).await;
        self.keep_cookies_of(answer)
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub(super) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep_cookies_of(&mut self, answer: Answer) -> Answer {
        for cookie in answer.all("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            assert!(
                name.starts_with("__Host-") && cookie.contains("HttpOnly") && cookie.contains("Secure"),
                "{cookie}"
            );
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        answer
    }
}
