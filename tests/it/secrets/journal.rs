//! All that was logged or written down, and the secrets that must not be in it.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// What everybody in this process logs, at every level. Threads of databases have no other subscriber than the global one.
static LOG: OnceLock<Shared> = OnceLock::new();

type Shared = Arc<Mutex<Vec<u8>>>;

/// How much of the beginning of a secret is as bad as all of it.
const TELLING: usize = 12;

#[derive(Clone)]
pub(super) struct Journal {
    log: Shared,
    written: Shared,
    secrets: Arc<Mutex<Vec<String>>>,
}

impl Journal {
    pub(super) fn open() -> Self {
        let log = LOG.get_or_init(|| {
            let log = Shared::default();
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_span_events(FmtSpan::FULL)
                .with_ansi(false)
                .with_writer(Writer(Arc::clone(&log)))
                .init();
            log
        });
        Self { log: Arc::clone(log), written: Shared::default(), secrets: Arc::default() }
    }

    /// From now on this text must not be written.
    pub(super) fn keep(&self, secret: impl Into<String>) -> String {
        let secret = secret.into();
        self.secrets.lock().unwrap().push(secret.clone());
        secret
    }

    pub(super) fn write_text(&self, text: &str) {
        let mut written = self.written.lock().unwrap();
        written.extend_from_slice(text.as_bytes());
        written.push(b'\n');
    }

    pub(super) fn says(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.log.lock().unwrap()).contains(text)
    }

    pub(super) fn has_written(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.written.lock().unwrap()).contains(text)
    }

    #[track_caller]
    pub(super) fn assert_silent(&self) {
        for (what, text) in [("logged", &self.log), ("written", &self.written)] {
            let text = String::from_utf8_lossy(&text.lock().unwrap()).into_owned();
            if self.leaks_in(&text) {
                let leak = text.lines().find(|line| self.leaks_in(line)).unwrap_or("(over several lines)");
                panic!("a secret was {what}: {leak}");
            }
        }
    }

    pub(super) fn leaks_in(&self, text: &str) -> bool {
        let secrets = self.secrets.lock().unwrap();
        secrets.iter().flat_map(|secret| self.spellings(secret)).any(|spelling| text.contains(&spelling))
    }

    /// The secret and its digest as somebody might print them. Lists of bytes over several lines are not looked for.
    pub(super) fn spellings(&self, secret: &str) -> Vec<String> {
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let beginning = |text: String| text.chars().take(TELLING).collect::<String>();
        let list = |bytes: &[u8]| {
            let numbers: Vec<_> = bytes.iter().take(TELLING).map(u8::to_string).collect();
            numbers.join(", ")
        };
        let mut spellings = vec![
            beginning(secret.to_owned()),
            beginning(secret.escape_debug().to_string()),
            list(secret.as_bytes()),
            list(&digest),
        ];
        for bytes in [secret.as_bytes(), &digest] {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            spellings.extend([beginning(hex.to_ascii_uppercase()), beginning(hex)]);
            spellings.extend([STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)].map(beginning));
        }
        // As the password of Basic credentials that `ask_everywhere` makes.
        spellings.push(STANDARD_NO_PAD.encode(format!("anybody:{secret}")).chars().skip(12).take(TELLING).collect());
        spellings
    }
}

struct Writer(Shared);

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Arc::clone(&self.0))
    }
}

struct Line(Shared);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
