//! A site behind Debian's nginx, with the configuration that its page shows.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, UserRepository};

use crate::http::{Answer, Server, exchange};

#[path = "../../../examples/behind_proxy.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

use program::ORIGIN;

const CONFIGURATION: &str = include_str!("../../../examples/behind_proxy.conf");
const LOGIN: &str = "name=ann&password=correct+horse";
const PERSON: (&str, &str) = ("accept", "text/html");

/// What a browser without `Sec-Fetch-Site` sends with a form of the site itself.
const OWN_FORM: [(&str, &str); 3] = [PERSON, ("origin", ORIGIN), ("content-type", "application/x-www-form-urlencoded")];

/// nginx, with the site behind it, until the test ends.
struct Proxy {
    address: SocketAddr,
    nginx: Child,
    _site: Server,
    _directory: TempDir,
}

impl Proxy {
    /// With the configuration of the page.
    async fn start() -> Self {
        Self::with(CONFIGURATION).await
    }

    /// With the server's part of a configuration. Its ports and its TLS are those of a test.
    async fn with(server: &str) -> Self {
        let users = MemoryRepository::new();
        users.create_level("member").await.unwrap();
        users.create_user(Some("ann".into()), "member").await.unwrap();
        let site = Server::start(program::app(Tokens::new(users)).unwrap()).await;
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for replaced in ["listen 443 ssl;", "127.0.0.1:3000"] {
            assert!(server.contains(replaced), "{replaced}");
        }
        let server =
            server.replace("listen 443 ssl;", &format!("listen {address};")).replace("127.0.0.1:3000", &site.host());
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {here}/{name};\n"))
            .collect();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log stderr warn;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{server}\n}}\n"
        );
        let file = directory.path().join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let debians = Path::new("/usr/sbin/nginx"); // not in the path of every user
        let nginx = Command::new(if debians.exists() { debians } else { Path::new("nginx") })
            .args(["-e", "stderr", "-p"])
            .arg(directory.path())
            .arg("-c")
            .arg(file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("nginx is missing (Debian: `apt-get install nginx`): {error}"));
        let proxy = Self { address, nginx, _site: site, _directory: directory };
        let started = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "nginx does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        proxy
    }

    /// A request as a browser sends it to `https://example.org`.
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        exchange(self.address, request.as_bytes()).await
    }

    async fn log_in(&self) -> String {
        let answer = self.send("POST", "/club/login", &OWN_FORM, LOGIN).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        format!("__Secure-club={}", answer.cookie("__Secure-club").unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

#[tokio::test]
async fn a_visitor_is_led_to_the_login_and_back_through_the_proxy() {
    let proxy = Proxy::start().await;
    let refused = proxy.send("GET", "/club/members?page=2", &[PERSON], "").await;
    let login = "/club/login?next=%2Fclub%2Fmembers%3Fpage%3D2";
    assert_eq!((refused.status, refused.header("location")), (303, Some(login)));
    assert_eq!(proxy.send("GET", login, &[PERSON], "").await.status, 200);
    let answer = proxy.send("POST", login, &OWN_FORM, LOGIN).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/club/members?page=2")));
    let set_cookie = answer.all("set-cookie").pop().unwrap();
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/club"] {
        assert!(set_cookie.contains(attribute), "{set_cookie}");
    }
    let cookie = format!("__Secure-club={}", answer.cookie("__Secure-club").unwrap());
    let members = proxy.send("GET", "/club/members?page=2", &[PERSON, ("cookie", &cookie)], "").await;
    assert_eq!(members.status, 200);
    let logged_out = proxy.send("POST", "/club/logout", &[&OWN_FORM[..], &[("cookie", &cookie)]].concat(), "").await;
    assert_eq!((logged_out.status, logged_out.header("location")), (303, Some("/club/login")));
    let removal = logged_out.all("set-cookie").pop().unwrap();
    assert!(removal.contains("Path=/club") && removal.contains("Max-Age=0"), "{removal}");
    assert_eq!(proxy.send("GET", "/club/members", &[PERSON, ("cookie", &cookie)], "").await.status, 303);
}

#[tokio::test]
async fn a_form_whose_login_has_ended_leads_back_to_its_own_page() {
    let proxy = Proxy::start().await;
    let headers = [&OWN_FORM[..], &[("referer", "https://example.org/club/members?page=3")]].concat();
    let refused = proxy.send("POST", "/club/members", &headers, "").await;
    let login = "/club/login?next=%2Fclub%2Fmembers%3Fpage%3D3";
    assert_eq!((refused.status, refused.header("location")), (303, Some(login)));
}

#[tokio::test]
async fn no_header_of_a_client_makes_another_site_this_one() {
    let proxy = Proxy::start().await;
    let cookie = proxy.log_in().await;
    for forwarded in [
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-forwarded-proto", "https"),
        ("x-original-host", "evil.example"),
    ] {
        let evil = [("origin", "https://evil.example"), PERSON, forwarded, ("cookie", &cookie)];
        assert_eq!(proxy.send("POST", "/club/members", &evil, "").await.status, 403, "{forwarded:?}");
        assert_eq!(proxy.send("POST", "/club/logout", &evil, "").await.status, 403, "{forwarded:?}");
    }
    let own = [&OWN_FORM[..], &[("cookie", &cookie)]].concat();
    assert_eq!(proxy.send("POST", "/club/members", &own, "").await.status, 303, "still logged in");
}

/// nginx sends the address of the site as `Host` if it has no other instruction.
#[tokio::test]
async fn a_proxy_that_rewrites_the_host_breaks_nothing() {
    let line = "proxy_set_header Host $host;";
    assert!(CONFIGURATION.contains(line));
    let proxy = Proxy::with(&CONFIGURATION.replace(line, "")).await;
    let cookie = proxy.log_in().await;
    let own = [&OWN_FORM[..], &[("cookie", &cookie)]].concat();
    assert_eq!(proxy.send("POST", "/club/members", &own, "").await.status, 303);
    let headers = [&OWN_FORM[..], &[("referer", "https://example.org/club/members?page=3")]].concat();
    let refused = proxy.send("POST", "/club/members", &headers, "").await;
    assert_eq!(refused.header("location"), Some("/club/login?next=%2Fclub%2Fmembers%3Fpage%3D3"));
    let evil = [("origin", "https://evil.example"), PERSON, ("cookie", &cookie)];
    assert_eq!(proxy.send("POST", "/club/members", &evil, "").await.status, 403);
}
