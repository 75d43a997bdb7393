//! A members-only site on an embedded database: register, log in, stay in, see and end one's devices, and an admin
//! panel.
//!
//! ```text
//! cargo run --release --features sqlite,sealed,pairs,endpoints --example members_area
//! ```
//!
//! | option | meaning |
//! |---|---|
//! | `--listen ADDR` | where to listen; port 0 takes a free one. Default: `127.0.0.1:3000` |
//! | `--database PATH` | the SQLite file. Default: `members.db` in the working directory |
//! | `--public-url URL` | where people reach the site, for the links in e-mails. Default: `http://` and `ADDR` |
//! | `--access-seconds N`, `--refresh-seconds N` | how long access and refresh tokens live. Default: 15 minutes and 30 days |
//! | `--insecure-cookie` | a cookie without `Secure` and the `__Host-` name, for plain HTTP from another machine, and for Safari |
//!
//! Scripts get a token with the same password, and use it as `Authorization: Bearer`:
//!
//! ```text
//! curl -H 'Content-Type: application/json' -d '{"username":"ann","password":"…"}' http://127.0.0.1:3000/api/login
//! curl -H 'Authorization: Bearer …' http://127.0.0.1:3000/api/me
//! curl -H 'Authorization: Bearer …' -X POST http://127.0.0.1:3000/api/logout
//! ```
//!
//! Apps log in for an access and a refresh token, and exchange the latter. Scripts get API tokens, made on the page "API
//! tokens" or with a login, each with abilities of its own; one of them stands in for the password at `/api/login`:
//!
//! ```text
//! curl -H 'Content-Type: application/json' -d '{"username":"ann","password":"…"}' http://127.0.0.1:3000/api/token
//! curl -H 'Content-Type: application/json' -d '{"refresh_token":"…"}' http://127.0.0.1:3000/api/token/refresh
//! curl -d 'token=…' http://127.0.0.1:3000/api/token/revoke
//! curl -H 'Authorization: Bearer …' -H 'Content-Type: application/json' \
//!     -d '{"name":"backup","abilities":["read"],"expires_in":2592000}' http://127.0.0.1:3000/api/tokens
//! curl -H 'Authorization: Bearer members_…' http://127.0.0.1:3000/api/records
//! ```
//!
//! Who forgot the password gets a link that works once, for 15 minutes. The example sends no e-mails: the link is a line in
//! its log, on stderr. The keys of these links are in a file beside the database, `members.db.keys`, which is made at the
//! first start, for its owner alone to read.
//!
//! The crate does tokens, cookies, guards, levels, and the sealed token in the link. What the site does itself is in
//! `site/accounts.rs`, `site/password.rs`, `site/registration.rs` and `site/reset.rs`. It leaves out what a site on the
//! open internet needs beside that: a limit on login attempts and on e-mails, and an e-mail that proves the e-mail address.

mod site;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tower_tokens::clock::SystemClock;
use tower_tokens::lifecycle::PairSettings;
use tower_tokens::respond::TokenCookie;

use site::{Mailer, Site, app};

/// How long requests may run on after the site was asked to stop.
const GRACE: Duration = Duration::from_secs(10);
const PRUNING_INTERVAL: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("members_area: {error}");
            let mut source = error.source();
            while let Some(error) = source {
                eprintln!("  because: {error}");
                source = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(options) = Options::parse()? else {
        println!("{USAGE}");
        return Ok(());
    };
    let listener = TcpListener::bind(&options.listen).await.map_err(|error| format!("{}: {error}", options.listen))?;
    let public_url = match options.public_url {
        Some(url) => url,
        None => format!("http://{}", listener.local_addr()?),
    };
    let site =
        Site::open(&options.database, SystemClock, options.cookie, options.pairs, LogMailer { public_url }).await?;
    let admin_password = site.seed_admin().await?;
    let pruning = site.tokens.spawn_pruning(PRUNING_INTERVAL);

    let stop_signal = stop_signal()?;
    let (stop, stopped) = tokio::sync::oneshot::channel();

    let mut out = std::io::stdout();
    if let Some(password) = admin_password {
        writeln!(out, "first start: the user admin can log in; the password is shown only now")?;
        writeln!(out, "admin password: {password}")?;
    }
    writeln!(out, "members area on http://{}/", listener.local_addr()?)?;
    out.flush()?;

    let server = axum::serve(listener, app(site.clone())).with_graceful_shutdown(async move {
        stop_signal.await;
        let _ = stop.send(());
    });
    tokio::select! {
        outcome = server.into_future() => outcome?,
        () = async { let _ = stopped.await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("some requests did not end in time");
        }
    }
    pruning.stop();
    site.close().await;
    Ok(())
}

/// Writes e-mails into the log.
struct LogMailer {
    /// A setting and not the request's `Host`: whoever asks for a link could name a site of their own there.
    public_url: String,
}

impl Mailer for LogMailer {
    fn send_reset_link(&self, username: &str, _email: &str, link: &str) {
        tracing::info!("password reset for {username}: {}{link}", self.public_url.trim_end_matches('/'));
    }
}

/// Ends at Ctrl-C, or when the service manager says so. It listens from this call on, not only when it is awaited.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

struct Options {
    listen: String,
    database: PathBuf,
    public_url: Option<String>,
    cookie: TokenCookie,
    pairs: PairSettings,
}

const HOST_COOKIE: &str = "__Host-members";

const USAGE: &str = "usage: members_area [--listen ADDR] [--database PATH] [--public-url URL] [--insecure-cookie]
                    [--access-seconds N] [--refresh-seconds N]";

/// The seconds that an option says: 1 at least.
fn seconds(arguments: &mut lexopt::Parser) -> Result<time::Duration, Box<dyn Error>> {
    use lexopt::ValueExt as _;

    let seconds: u32 = arguments.value()?.parse()?;
    if seconds == 0 {
        return Err(format!("a lifetime is 1 second at least\n{USAGE}").into());
    }
    Ok(time::Duration::seconds(seconds.into()))
}

impl Options {
    /// `None`: somebody asked for help.
    fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        use lexopt::prelude::{Long, Short, ValueExt as _};

        let mut options = Self {
            listen: "127.0.0.1:3000".to_owned(),
            database: PathBuf::from("members.db"),
            public_url: None,
            // A name that no other host of the domain can set, and that browsers take only with `Secure` and `Path=/`.
            cookie: TokenCookie::builder(HOST_COOKIE).build()?,
            pairs: PairSettings::new(),
        };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("listen") => options.listen = arguments.value()?.string()?,
                Long("database") => options.database = arguments.value()?.into(),
                Long("public-url") => options.public_url = Some(arguments.value()?.string()?),
                Long("insecure-cookie") => {
                    let cookie = TokenCookie::builder(TokenCookie::DEFAULT_NAME);
                    options.cookie = cookie.insecure_without_secure().build()?;
                }
                Long("access-seconds") => options.pairs = options.pairs.access(seconds(&mut arguments)?),
                Long("refresh-seconds") => options.pairs = options.pairs.refresh(seconds(&mut arguments)?),
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(format!("{}\n{USAGE}", argument.unexpected()).into()),
            }
        }
        Ok(Some(options))
    }
}
