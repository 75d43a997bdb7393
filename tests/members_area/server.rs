//! The site in this process, on a real port, with a clock that the test moves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::serve;
use tempfile::TempDir;
use time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_tokens::clock::{Clock, ManualClock, SystemClock, Timestamp};
use tower_tokens::lifecycle::PairSettings;
use tower_tokens::respond::TokenCookie;

use crate::site::{Mailer, Site, app};
use crate::visitor::Visitor;

/// A running site.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) admin_password: String,
    clock: ManualClock,
    mailbox: Mailbox,
    directory: TempDir,
    running: Option<Running>,
}

/// A letter with a link in it.
pub(crate) struct Letter {
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) link: String,
}

/// Keeps the letters that the site sends.
#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<Vec<Letter>>>);

impl Mailer for Mailbox {
    fn send_reset_link(&self, username: &str, email: &str, link: &str) {
        let letter = Letter { username: username.into(), email: email.into(), link: link.into() };
        self.0.lock().unwrap().push(letter);
    }
}

struct Running {
    site: Site,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// A site at its first start, at noon of some day.
    pub(crate) async fn start() -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_seconds(1_795_262_400));
        Self::start_with(clock.clone(), clock).await
    }

    /// A site on the system's clock, for clients that have a clock of their own.
    pub(crate) async fn start_now() -> Self {
        Self::start_with(SystemClock, ManualClock::at(SystemClock.now())).await
    }

    async fn start_with(clock: impl Clock + Clone, manual: ManualClock) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::default();
        let site = open(&database_in(&directory), clock, mailbox.clone()).await;
        let admin_password = site.seed_admin().await.unwrap().expect("the first start seeds the administrator");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, admin_password, clock: manual, mailbox, directory, running: Some(run(site, listener)) }
    }

    /// Stops the site, and starts it again on the same file and port.
    pub(crate) async fn restart(&mut self) {
        let running = self.running.take().unwrap();
        running.stop.send(()).unwrap();
        running.task.await.unwrap();
        running.site.close().await;
        let site = open(&self.database(), self.clock.clone(), self.mailbox.clone()).await;
        assert_eq!(site.seed_admin().await.unwrap(), None, "only the first start seeds the administrator");
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.running = Some(run(site, listener));
    }

    /// Takes the database away from the running site.
    pub(crate) async fn lose_database(&self) {
        self.running.as_ref().unwrap().site.close().await;
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    pub(crate) fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    pub(crate) fn database(&self) -> PathBuf {
        database_in(&self.directory)
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.directory.path().join("members.db.keys")
    }

    /// Empties the mailbox.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        std::mem::take(&mut self.mailbox.0.lock().unwrap())
    }

    /// Somebody with an empty cookie jar.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(self.address)
    }

    /// The administrator, logged in.
    pub(crate) async fn admin(&self) -> Visitor {
        let mut admin = self.visitor();
        let answer = admin.log_in("admin", &self.admin_password).await;
        assert_eq!(answer.status, 303);
        admin
    }

    /// A member of this name, registered and logged in.
    pub(crate) async fn member(&self, name: &str) -> Visitor {
        let mut member = self.visitor();
        assert_eq!(member.register(name).await.status, 303);
        assert_eq!(member.log_in(name, PASSWORD).await.status, 303);
        member
    }
}

/// The name of the site's cookie, the program's own.
pub(crate) const COOKIE: &str = "__Host-members";

/// The password of every member.
pub(crate) const PASSWORD: &str = "correct horse battery";

fn database_in(directory: &TempDir) -> PathBuf {
    directory.path().join("members.db")
}

async fn open(database: &Path, clock: impl Clock + Clone, mailbox: Mailbox) -> Site {
    Site::open(database, clock, TokenCookie::builder(COOKIE).build().unwrap(), PairSettings::new(), mailbox)
        .await
        .unwrap()
}

fn run(site: Site, listener: TcpListener) -> Running {
    let (stop, stopped) = oneshot::channel::<()>();
    let router = app(site.clone());
    let task = tokio::spawn(async move {
        let server = serve(listener, router).with_graceful_shutdown(async move {
            let _ = stopped.await;
        });
        server.await.unwrap();
    });
    Running { site, stop, task }
}
