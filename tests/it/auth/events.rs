//! What a log says of an authentication.

use std::sync::{Arc, Mutex};

use http::Request;
use tower_tokens::request::RequestHead;
use tower_tokens::source::PhpSessions;
use tower_tokens::user::Reason;
use tracing_subscriber::fmt::MakeWriter;

use crate::site::Site;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn each_way_out_leaves_one_event() {
    let site = Site::async_only().await;
    let authenticator = site.layer().authenticator();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let subscriber = subscriber.with_writer(lines.clone()).finish();
    let good = format!("trongatetoken={}", site.member_token().await);
    let guard = tracing::subscriber::set_default(subscriber);
    for (cookie, event) in [
        (good.as_str(), "TRACE tower_tokens: authenticated source=\"cookie\""),
        ("trongatetoken=unknown", "DEBUG tower_tokens: no user reason=invalid credential"),
        ("a=b", "DEBUG tower_tokens: no user reason=no credential"),
    ] {
        lines.0.lock().unwrap().clear();
        let request = Request::get("/").header("cookie", cookie).body(()).unwrap();
        let _ = authenticator.authenticate(RequestHead::of(&request)).await;
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let ours: Vec<_> = text.lines().filter(|line| line.contains("tower_tokens")).collect();
        assert_eq!(ours.len(), 1, "{text}");
        assert!(ours[0].contains(event), "{text}");
    }
    drop(guard);
}

#[tokio::test]
async fn a_session_that_cannot_be_read_is_one_warning_a_minute() {
    let site = Site::new().await;
    let directory = tempfile::tempdir().unwrap();
    // A way through a file: not even root can read there.
    std::fs::write(directory.path().join("file"), "").unwrap();
    let sessions = PhpSessions::new(directory.path().join("file"));
    let authenticator = site.layer().sources([sessions.source()]).authenticator();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let guard = tracing::subscriber::set_default(subscriber.with_writer(lines.clone()).finish());
    let request = Request::get("/").header("cookie", "PHPSESSID=0123456789abcdefghijklmnop").body(()).unwrap();
    for _ in 0..200 {
        let refused = authenticator.authenticate(RequestHead::of(&request)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Unavailable);
    }
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let of = |level: &str| text.lines().filter(|line| line.contains(level) && line.contains("not looked up")).count();
    assert_eq!((of(" WARN "), of("DEBUG ")), (1, 199), "{text}");
    assert!(text.lines().any(|line| line.contains(" WARN ") && line.contains("left_out=0")), "{text}");
}
