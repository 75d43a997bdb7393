//! What a log says of an authentication.

use std::sync::{Arc, Mutex};

use http::Request;
use tower_tokens::request::RequestHead;
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
