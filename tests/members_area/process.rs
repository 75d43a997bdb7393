//! The program itself: what it prints, and how it stops.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::visitor::Visitor;

#[tokio::test]
async fn the_first_start_prints_the_administrators_password_and_later_ones_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("club.db");

    let mut first = Program::start(&database).await;
    let password = first.admin_password.clone().expect("the first start prints `admin password: …`");
    assert!(password.len() >= 20, "{password}");
    let mut admin = Visitor::new(first.address);
    assert_eq!(admin.log_in("admin", &password).await.status, 303);
    assert_eq!(admin.get("/admin").await.status, 200);
    first.stop("-TERM").await;

    let mut second = Program::start(&database).await;
    assert_eq!(second.admin_password, None);
    let mut admin = admin.on(second.address);
    assert!(admin.is_in().await, "still logged in after the restart");
    second.stop("-INT").await;
}

#[tokio::test]
async fn the_cookie_is_secure_unless_somebody_writes_insecure() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("club.db");
    let mut program = Program::start_with(&database, &["--insecure-cookie"]).await;
    let password = program.admin_password.clone().unwrap();
    let cookie = Visitor::new(program.address).log_in("admin", &password).await.cookie().unwrap();
    assert_eq!((cookie.secure(), cookie.http_only()), (None, Some(true)));
    program.stop("-TERM").await;

    let mut program = Program::start(&database).await;
    let cookie = Visitor::new(program.address).log_in("admin", &password).await.cookie().unwrap();
    assert_eq!(cookie.secure(), Some(true));
    program.stop("-TERM").await;
}

#[tokio::test]
async fn a_reset_link_is_a_line_in_the_log_and_leads_to_the_public_address_of_the_site() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("club.db");
    let mut program = Program::start_with(&database, &["--public-url", "https://club.example/"]).await;
    let mut admin = Visitor::new(program.address);
    let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-host", "evil.example")];
    assert_eq!(admin.post_with("/forgot", &[("login", "admin")], &headers).await.status, 303);
    program.stop("-TERM").await;

    let log = std::fs::read_to_string(log_of(&database)).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("token=")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    let (_, link) = lines[0].split_once("password reset for admin: https://club.example/reset?token=").expect(&log);

    let mut program = Program::start(&database).await;
    let mut admin = admin.on(program.address);
    let form = [("token", link), ("password", "a new password"), ("password_confirmation", "a new password")];
    assert_eq!(admin.post("/reset", &form).await.status, 303);
    assert_eq!(admin.log_in("admin", "a new password").await.status, 303);
    program.stop("-TERM").await;
}

#[tokio::test]
async fn a_wrong_option_is_refused_with_the_usage() {
    let output = Command::new(program()).arg("--frobnicate").output().await.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: members_area"));
}

pub(crate) struct Program {
    child: Child,
    /// Kept open: a program that cannot print any more would stop.
    _lines: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
    pub(crate) admin_password: Option<String>,
}

impl Program {
    pub(crate) async fn start(database: &Path) -> Self {
        Self::start_with(database, &[]).await
    }

    async fn start_with(database: &Path, options: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--database"])
            .arg(database)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(File::create(log_of(database)).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut admin_password = None;
        loop {
            let line = lines.next_line().await.unwrap().expect("the program prints where it listens");
            if let Some(password) = line.strip_prefix("admin password: ") {
                admin_password = Some(password.to_owned());
            }
            if let Some((_, address)) = line.split_once("http://") {
                let address = address.trim_end_matches('/').parse().unwrap();
                return Self { child, _lines: lines, address, admin_password };
            }
        }
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) async fn stop(&mut self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
        assert!(self.child.wait().await.unwrap().success(), "a graceful end is a success");
    }
}

fn log_of(database: &Path) -> PathBuf {
    database.with_extension("log")
}

/// Cargo builds the examples along with the tests, and puts them beside the tests' own folder.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/members_area");
    let hint = "missing: build it with `cargo build --features sqlite,sealed --example members_area`";
    assert!(program.exists(), "{} is {hint}", program.display());
    program
}
