//! `examples/api_client` and `examples/api_server`, as processes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The examples' binaries, which `cargo test` builds beside this one.
fn binary(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

struct Programs {
    _server: Child,
    url: String,
    directory: TempDir,
}

impl Programs {
    async fn start(access_seconds: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let password = directory.path().join("password");
        std::fs::write(&password, "correct horse\n").unwrap();
        let mut server = Command::new(binary("api_server"))
            .args(["--listen", "127.0.0.1:0", "--username", "ann", "--access-seconds", access_seconds])
            .arg("--password-file")
            .arg(&password)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        Self { _server: server, url, directory }
    }

    fn client(&self, password: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("api_client"));
        command.args(["--base-url", &self.url, "--username", "ann", "--environment", "test", "--password-file"]);
        command.arg(self.directory.path().join(password)).arg("--store-dir").arg(self.store()).args(arguments);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("tokens")
    }

    /// What the client prints, and whether it was content.
    async fn run(&self, password: &str, arguments: &[&str]) -> (Value, bool, String) {
        let output = self.client(password, arguments).output().await.unwrap();
        let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let last = stdout.lines().last().unwrap_or("null");
        (serde_json::from_str(last).unwrap(), output.status.success(), stderr)
    }
}

fn counts(result: &Value) -> [u64; 5] {
    assert!(result["seconds"].as_f64().unwrap() >= 0.0);
    ["ok", "failed", "logins", "refreshes", "retries"].map(|name| result[name].as_u64().unwrap())
}

fn files(directory: &Path) -> usize {
    std::fs::read_dir(directory)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "json")
        .count()
}

#[tokio::test]
async fn the_client_logs_in_once_and_the_next_run_has_its_tokens() {
    let programs = Programs::start("900").await;
    let (result, succeeded, errors) = programs.run("password", &["--requests", "500", "--concurrency", "20"]).await;
    assert_eq!((counts(&result), succeeded), ([500, 0, 1, 0, 0], true), "{errors}");
    assert_eq!(errors, "", "no progress bar without a terminal");
    let (result, ..) = programs.run("password", &["--requests", "3"]).await;
    assert_eq!(counts(&result), [3, 0, 0, 0, 0], "the tokens of the first run");
    let (result, ..) = programs.run("password", &["--requests", "3", "--log-out"]).await;
    assert_eq!((counts(&result), files(&programs.store())), ([3, 0, 0, 0, 0], 0));
    let (result, ..) = programs.run("password", &["--requests", "3"]).await;
    assert_eq!((counts(&result), files(&programs.store())), ([3, 0, 1, 0, 0], 1));
}

#[tokio::test]
async fn tokens_that_live_a_second_are_refreshed_and_no_request_fails() {
    let programs = Programs::start("1").await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut command = programs.client("password", &["--requests", "4000", "--concurrency", "8"]);
        clients.push(tokio::spawn(async move { command.output().await.unwrap() }));
    }
    let (mut ok, mut logins) = (0, 0);
    for client in clients {
        let output = client.await.unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let [requests, failed, client_logins, ..] = counts(&serde_json::from_slice(&output.stdout).unwrap());
        assert_eq!(failed, 0, "{errors}");
        (ok, logins) = (ok + requests, logins + client_logins);
    }
    assert_eq!((ok, logins), (16_000, 1), "four processes, one login");
}

#[tokio::test]
async fn a_wrong_password_is_one_login_and_an_error_without_the_password() {
    let programs = Programs::start("900").await;
    std::fs::write(programs.directory.path().join("wrong"), "battery-staple").unwrap();
    let (result, succeeded, errors) = programs.run("wrong", &["--requests", "50"]).await;
    assert_eq!((counts(&result), succeeded), ([0, 50, 0, 0, 0], false));
    assert!(errors.contains("refused") && errors.contains("401") && !errors.contains("staple"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[tokio::test]
async fn a_wrong_command_line_is_refused() {
    let output = Command::new(binary("api_client")).args(["--requests", "1"]).output().await.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: api_client"));
    let output = Command::new(binary("api_client")).arg("--help").output().await.unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("usage: api_client"));
}
