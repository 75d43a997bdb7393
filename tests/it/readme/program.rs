//! The program in the README is `examples/quickstart.rs`, and it does what it says.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::http::{Answer, exchange};

const README: &str = include_str!("../../../README.md");
const PROGRAM: &str = include_str!("../../../examples/quickstart.rs");
const MANIFEST: &str = include_str!("../../../Cargo.toml");

/// Something that a browser sends with a form of this site.
const OWN_FORM: [(&str, &str); 2] = [("accept", "text/html"), ("sec-fetch-site", "same-origin")];

/// The program, in a directory and on a port of its own, until the test ends.
struct Running {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Running {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(binary())
            .arg(address.to_string())
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} is built by `cargo test`: {error}", binary().display()));
        let running = Self { child, address, _directory: directory };
        let started = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "the program does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], form: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            request.push_str("content-type: application/x-www-form-urlencoded\r\n");
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{form}", form.len()));
        exchange(self.address, request.as_bytes()).await
    }

    async fn page(&self, path: &str, cookie: &str) -> Answer {
        self.send("GET", path, &[("accept", "text/html"), ("cookie", cookie)], "").await
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        self.send("POST", path, &OWN_FORM, form).await
    }

    /// The cookie of somebody who logs in.
    async fn log_in(&self, form: &str) -> String {
        let answer = self.post("/login", form).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/members")), "{}", answer.body);
        assert!(answer.header("set-cookie").unwrap().contains("HttpOnly"));
        format!("__Host-token={}", answer.cookie("__Host-token").unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example's binary, which `cargo test` builds beside this one.
fn binary() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("examples").join(format!("quickstart{}", std::env::consts::EXE_SUFFIX))
}

#[test]
fn the_readme_shows_the_program_that_is_tested() {
    assert!(README.contains(&format!("```rust\n{PROGRAM}```\n")), "README.md and examples/quickstart.rs differ");
    let lines = PROGRAM.lines().count();
    assert!((60..=100).contains(&lines), "{lines} lines are too many to type, or too few to be whole");
    assert_eq!(README.matches("```rust").count(), 1, "another program would have to be tested too");
}

/// Each crate that the program names is added by a command of the README, with the features that the tests build it with.
#[test]
fn the_readme_adds_every_crate_that_the_program_uses() {
    let added: Vec<&str> = README.lines().filter_map(|line| line.strip_prefix("cargo add ")).collect();
    for name in ["tower_tokens", "axum", "argon2", "tracing_subscriber", "serde", "tokio", "sqlx"] {
        assert!(PROGRAM.contains(&format!("{name}::")), "the program no longer uses {name}");
        let package = name.replace('_', "-");
        let is_added = added.iter().any(|line| line.split(' ').any(|word| word == package));
        assert!(is_added, "the README does not add {package}");
        assert!(package == "tower-tokens" || MANIFEST.contains(&format!("\n{package} = ")), "{package} is not tested");
    }
    assert!(added.contains(&"tower-tokens --features sqlite"), "the store of the program");
    assert!(added.contains(&"tokio --features full") && added.contains(&"serde --features derive"));
}

#[tokio::test]
async fn a_visitor_registers_logs_in_sees_the_members_page_and_logs_out() {
    let program = Running::start().await;
    assert!(program.page("/", "").await.body.contains("href=/register"));
    for path in ["/register", "/login"] {
        let form = program.page(path, "").await;
        assert!(form.status == 200 && form.body.contains("<form method=post>"), "{path}");
    }
    let refused = program.page("/members", "").await;
    assert_eq!((refused.status, refused.header("location")), (303, Some("/login?next=%2Fmembers")));

    let credentials = "name=ann&password=correct+horse";
    let registered = program.post("/register", credentials).await;
    assert_eq!((registered.status, registered.header("location")), (303, Some("/login")));
    let cookie = program.log_in(credentials).await;
    let members = program.page("/members", &cookie).await;
    assert_eq!(members.status, 200);
    assert!(members.body.contains("Hello, ann, member!"), "{}", members.body);
    assert_eq!(members.header("cache-control"), Some("private"));

    let headers = [&OWN_FORM[..], &[("cookie", &cookie)]].concat();
    let logged_out = program.send("POST", "/logout", &headers, "").await;
    assert_eq!((logged_out.status, logged_out.header("location")), (303, Some("/")));
    assert_eq!(logged_out.cookie("__Host-token"), Some(""));
    assert_eq!(program.page("/members", &cookie).await.status, 303, "the token itself has ended");
}

#[tokio::test]
async fn what_is_wrong_gets_a_page_that_says_so() {
    let program = Running::start().await;
    let credentials = "name=ann&password=correct+horse";
    assert_eq!(program.post("/register", credentials).await.status, 303);
    let again = program.post("/register", credentials).await;
    let wrong = program.post("/login", "name=ann&password=wrong").await;
    let unknown = program.post("/login", "name=bob&password=wrong").await;
    let short = program.post("/register", "name=bob&password=short").await;
    for (answer, status) in [(&again, 409), (&wrong, 401), (&unknown, 401), (&short, 400)] {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.cookie("__Host-token"), None);
    }
    assert!(wrong.body.contains("name or the password is wrong"), "{}", wrong.body);
    assert_eq!(wrong.body, unknown.body, "who has an account is not to be learnt here");
    let program_of_a_script = program.send("POST", "/login", &[("accept", "*/*")], "name=ann&password=wrong").await;
    assert_eq!(program_of_a_script.status, 401);
    assert_eq!(program_of_a_script.header("content-type"), Some("application/problem+json"));
}

#[tokio::test]
async fn another_site_cannot_log_a_user_in_or_out() {
    let program = Running::start().await;
    let credentials = "name=ann&password=correct+horse";
    assert_eq!(program.post("/register", credentials).await.status, 303);
    let cookie = program.log_in(credentials).await;
    for headers in [
        &[("accept", "text/html"), ("sec-fetch-site", "cross-site")][..],
        &[("accept", "text/html"), ("origin", "https://evil.example")],
    ] {
        for path in ["/login", "/logout", "/register"] {
            let headers = [headers, &[("cookie", &cookie)]].concat();
            let answer = program.send("POST", path, &headers, credentials).await;
            assert_eq!(answer.status, 403, "{path} {headers:?}");
            assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
            assert_eq!(answer.cookie("__Host-token"), None);
        }
    }
    assert_eq!(program.page("/members", &cookie).await.status, 200, "still logged in");
}

#[tokio::test]
async fn logging_in_again_ends_the_token_before_and_a_contradiction_has_a_way_out() {
    let program = Running::start().await;
    for name in ["ann", "bob"] {
        assert_eq!(program.post("/register", &format!("name={name}&password=correct+horse")).await.status, 303);
    }
    let ann = program.log_in("name=ann&password=correct+horse").await;
    let bob = program.log_in("name=bob&password=correct+horse").await;
    let both = format!("{ann}; {bob}");
    assert_eq!(program.page("/members", &both).await.status, 400);
    assert_eq!(program.page("/", &both).await.status, 200);
    let headers = [&OWN_FORM[..], &[("cookie", &both)]].concat();
    let again = program.send("POST", "/login", &headers, "name=ann&password=correct+horse").await;
    assert_eq!(again.status, 303);
    let new = format!("__Host-token={}", again.cookie("__Host-token").unwrap());
    assert_eq!(program.page("/members", &new).await.status, 200);
    for old in [ann, bob] {
        assert_eq!(program.page("/members", &old).await.status, 303);
    }
}

#[tokio::test]
async fn a_name_is_shown_as_text() {
    let program = Running::start().await;
    let credentials = "name=%3Cb%3E%26amp%3B%22&password=correct+horse";
    assert_eq!(program.post("/register", credentials).await.status, 303);
    let cookie = program.log_in(credentials).await;
    assert!(program.page("/members", &cookie).await.body.contains("Hello, &lt;b>&amp;amp;\", member!"));
}
