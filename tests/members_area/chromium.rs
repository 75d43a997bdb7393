//! Chromium with an empty profile, driven through WebDriver. `chromium` and `chromedriver` must be in the path.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A browser of its own, with an empty profile.
pub(crate) struct Browser {
    pub(crate) client: Client,
    port: u16,
    _driver: Child,
    _profile: TempDir,
}

/// A driver that is killed leaves its browser running; one that is asked to stop takes it along, after a failed test too.
impl Drop for Browser {
    fn drop(&mut self) {
        let Ok(mut driver) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let _ = driver.set_read_timeout(Some(TIME_OUT));
        let _ = driver.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let _ = driver.read_to_end(&mut Vec::new());
    }
}

impl Browser {
    pub(crate) async fn start() -> Self {
        Self::with_preferences(json!({})).await
    }

    /// With these settings of its profile, by their names in Chromium's file `Preferences`.
    pub(crate) async fn with_preferences(preferences: serde_json::Value) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is missing (Debian: `apt-get install chromium chromium-driver`)");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver prints its port");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities =
            json!({ "browserName": "chrome", "goog:chromeOptions": { "args": arguments, "prefs": preferences } });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        client.update_timeouts(fantoccini::wd::TimeoutConfiguration::new(None, Some(TIME_OUT), None)).await.unwrap();
        Self { client, port, _driver: driver, _profile: profile }
    }
}

/// How long a page may take to load.
pub(crate) const TIME_OUT: Duration = Duration::from_secs(30);
