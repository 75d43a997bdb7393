//! The options of the example beside a Trongate site: the program itself, over HTTP, on sessions that PHP writes.
#![expect(clippy::expect_used, reason = "these are tests")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tower_tokens::clock::{Clock, SystemClock};

use crate::http::{Answer, exchange};
use crate::repository::servers::{shared, unique_name};
use crate::source::php_session::{TOKEN, php};
use crate::trongate_site::TrongateSite;

const ID: &str = "0123456789abcdefghijklmnop";

const LOG_IN: &str = "session_id($argv[1]); session_start(); $_SESSION['trongatetoken'] = $argv[2];";
const LOOK: &str = "session_id($argv[1]); session_start(); echo isset($_SESSION['trongatetoken']) ? 'there' : 'gone';";

/// The example, which ends with this.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(site: &TrongateSite, options: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["--database-url", &site.url, "--listen", "127.0.0.1:0"]).args(options);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the example is built with the tests");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("beside Trongate on http://").and_then(|rest| rest.strip_suffix("/whoami"));
        let Some(address) = address else { panic!("the program said {line:?}") };
        Self { address: address.parse().unwrap(), child }
    }

    async fn send(&self, method: &str, path: &str, cookie: &str) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n", self.address);
        exchange(self.address, format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()).await
    }

    /// The status of `/whoami` with this cookie.
    async fn whoami(&self, cookie: &str) -> u16 {
        let answer = self.send("GET", "/whoami", cookie).await;
        assert!(answer.status != 200 || answer.body.contains(r#""source":"session""#), "{}", answer.body);
        answer.status
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("examples").join(format!("beside_trongate{}", std::env::consts::EXE_SUFFIX))
}

async fn site_with_token() -> TrongateSite {
    let site = TrongateSite::new().await;
    let member = site.add_user(2).await;
    site.add_token(TOKEN, member, SystemClock.now().unix_seconds() + 3_600).await;
    site
}

#[tokio::test]
async fn the_name_of_the_cookie_and_the_depth_of_the_directory_are_those_of_php() {
    let site = site_with_token().await;
    let directory = tempfile::tempdir().unwrap();
    // PHP does not make the directories; it ships a script that does.
    std::fs::create_dir_all(directory.path().join("0/1")).unwrap();
    let folder = directory.path().to_str().unwrap();
    let save_path = format!("session.save_path=\"2;{folder}\"");
    php(&[&save_path, "session.name=SITE"], LOG_IN, &[ID, TOKEN]).await;
    assert!(directory.path().join(format!("0/1/sess_{ID}")).exists(), "PHP keeps its sessions two levels down");

    let in_directory = ["--php-sessions", folder];
    for (options, by_name, by_default) in [
        (&["--php-cookie", "SITE", "--php-depth", "2"][..], 200, 401),
        (&["--php-cookie", "SITE"], 401, 401),
        (&["--php-depth", "2"], 401, 200),
        (&["--php-cookie", "SITE", "--php-depth", "1"], 401, 401),
    ] {
        let program = Program::start(&site, &[&in_directory, options].concat());
        assert_eq!(program.whoami(&format!("SITE={ID}")).await, by_name, "{options:?}");
        assert_eq!(program.whoami(&format!("PHPSESSID={ID}")).await, by_default, "{options:?}");
    }
}

#[tokio::test]
async fn sessions_in_redis_are_found_and_cleaned() {
    let site = site_with_token().await;
    let prefix = format!("{}:", unique_name());
    let url = format!("{}2", shared("TOWER_TOKENS_REDIS_URL", "redis"));
    let save_path = url.replace("redis://", "tcp://").trim_end_matches("/2").to_owned();
    let save_path = format!("session.save_path=\"{save_path}?database=2&prefix={prefix}\"");
    let settings = ["session.save_handler=redis", &save_path, "session.gc_maxlifetime=60"];
    php(&settings, LOG_IN, &[ID, TOKEN]).await;

    let cookie = format!("PHPSESSID={ID}");
    let program = Program::start(&site, &["--php-redis", &url]);
    assert_eq!(program.whoami(&cookie).await, 401, "another prefix");
    let program = Program::start(&site, &["--php-redis", &url, "--php-redis-prefix", &prefix, "--clean-php-sessions"]);
    assert_eq!(program.whoami(&cookie).await, 200);
    assert_eq!(php(&settings, LOOK, &[ID]).await, "there");
    assert_eq!(program.send("POST", "/logout", &cookie).await.status, 204);
    assert_eq!(program.whoami(&cookie).await, 401);
    assert_eq!(php(&settings, LOOK, &[ID]).await, "gone");
}

#[tokio::test]
async fn a_place_that_cannot_be_read_ends_the_start() {
    let site = TrongateSite::new().await;
    for (options, why) in [
        (&["--php-sessions", "/nowhere/at/all"][..], "No such file"),
        (&["--php-redis", "redis://127.0.0.1:1/"], "refused"),
        (&["--php-redis", "tcp://127.0.0.1:6379"], "invalid configuration"),
        (&["--php-redis", "redis://127.0.0.1:1/", "--php-sessions", "/tmp"], "one place"),
        (&["--php-depth", "300"], "300"),
    ] {
        let mut command = Command::new(binary());
        let output = command.args(["--database-url", &site.url, "--listen", "127.0.0.1:0"]).args(options).output();
        let output = output.expect("the example is built with the tests");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{options:?}: {said}");
    }
}
