//! A private server that can be killed and started again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

/// Stopped when it is dropped.
#[derive(Clone)]
pub(crate) struct Server(Arc<Inner>);

struct Inner {
    script: PathBuf,
    directory: TempDir,
    url: String,
}

impl Server {
    /// Starts the server of `tests/servers/<name>`.
    pub(crate) async fn start(name: &'static str) -> Self {
        let start = move || {
            let crate_root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| ".".into()));
            let script = crate_root.join("tests/servers").join(name);
            let directory = tempfile::tempdir().unwrap();
            let output = run(&script, "start", &directory);
            let url = output.trim().split_once('=').expect("export NAME=URL").1.to_owned();
            Self(Arc::new(Inner { script, directory, url }))
        };
        tokio::task::spawn_blocking(start).await.unwrap()
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// Where its data lies.
    pub(crate) fn directory(&self) -> &Path {
        self.0.directory.path()
    }

    /// SIGKILL, no farewell.
    pub(crate) async fn kill(&self) {
        self.command("kill").await;
    }

    pub(crate) async fn restart(&self) {
        self.command("restart").await;
    }

    /// Sends a signal to the server's first process, which is all of Redis.
    pub(crate) fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.0.directory.path().join("server.pid")).unwrap();
        let status = Command::new("kill").args(["-s", name, pid.trim()]).status().unwrap();
        assert!(status.success());
    }

    /// Sends a signal to the process of MariaDB.
    pub(in crate::repository) fn signal_mariadb(&self, name: &str) {
        let pid = std::fs::read_to_string(self.0.directory.path().join("data/mariadb.pid")).unwrap();
        let status = Command::new("kill").args(["-s", name, pid.trim()]).status().unwrap();
        assert!(status.success());
    }

    async fn command(&self, command: &'static str) {
        let server = self.clone();
        tokio::task::spawn_blocking(move || run(&server.0.script, command, &server.0.directory)).await.unwrap();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        _ = Command::new(&self.script).arg("stop").arg(self.directory.path()).status();
    }
}

fn run(script: &PathBuf, command: &str, directory: &TempDir) -> String {
    let output = Command::new(script).arg(command).arg(directory.path()).stderr(Stdio::inherit()).output();
    let output = output.expect("the script can be run");
    assert!(output.status.success(), "{} {command} failed", script.display());
    String::from_utf8(output.stdout).unwrap()
}
