//! A Rust service beside a running PHP Trongate v2 site: the same visitors, the same logins, the same tables.
//!
//! ```text
//! cargo run --example beside_trongate --features trongate,php-session,redis -- \
//!     --database-url mysql://site:password@127.0.0.1/site --php-sessions /var/lib/php/sessions
//! ```
//!
//! | route | answer |
//! |---|---|
//! | `GET /whoami` | 200 with the user, or 401 |
//! | `GET /admin` | 200 for level 1, else 401 or 403 |
//! | `POST /logout` | 204: every token of the request has ended, on the PHP side too |
//! | `POST /login-as/{user_id}` | only with `--insecure-allow-login-as`: a token for anybody, which PHP takes too |

mod site;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::TrongateRepository;
use tower_tokens::respond::TokenCookie;
use tower_tokens::source::PhpSessions;

use crate::site::{Site, app};

const USAGE: &str =
    "usage: beside_trongate --database-url mysql://USER:PASSWORD@HOST/DATABASE [--php-sessions DIR | --php-redis URL]
    [--php-depth N] [--php-redis-prefix PREFIX] [--php-cookie NAME] [--listen ADDR] [--create-index]
    [--clean-php-sessions] [--insecure-cookie] [--insecure-allow-login-as]

  --php-sessions DIR         PHP's session.save_path; a login in a PHP session is seen only with this or --php-redis
  --php-redis URL            where php-redis keeps the sessions: redis://USER:PASSWORD@HOST:PORT/DATABASE
  --php-redis-prefix PREFIX  `prefix` in session.save_path, default PHPREDIS_SESSION:
  --php-depth N              the number before the `;` in session.save_path, default 0
  --php-cookie NAME          PHP's session.name, default PHPSESSID
  --listen ADDR              default 127.0.0.1:3001
  --create-index             create the index on trongate_tokens.token that is missing, then serve
  --clean-php-sessions       at logout, also take the token out of the PHP session
  --insecure-cookie          let browsers send the token over plain HTTP
  --insecure-allow-login-as  POST /login-as/{user_id} logs anybody in as anybody";

/// How long requests in flight may take after the service was asked to stop.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut causes = vec![error.to_string()];
            let mut source = error.source();
            while let Some(cause) = source {
                causes.push(cause.to_string());
                source = cause.source();
            }
            eprintln!("{}", causes.join(": "));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(options) = Options::parse()? else {
        println!("{USAGE}");
        return Ok(());
    };
    let repository = TrongateRepository::connect(&options.database_url).await?;
    if options.create_index && repository.create_index().await? {
        eprintln!("created the index on trongate_tokens.token");
    }
    if let Some(missing) = repository.check().await? {
        eprintln!("{missing}");
    }
    let sessions = options.sessions()?;
    if let Some(sessions) = &sessions {
        sessions.check().await?;
    }
    let site = Site {
        // Trongate's tables have no place for the last use of a token.
        tokens: Tokens::new(repository)
            .with_touch_interval(None)
            .with_max_tokens_per_user(None)
            .with_cookie(options.cookie),
        sessions,
        insecure_allow_login_as: options.login_as,
    };
    let listener = TcpListener::bind(&options.listen).await.map_err(|error| format!("{}: {error}", options.listen))?;
    let mut out = std::io::stdout();
    writeln!(out, "beside Trongate on http://{}/whoami", listener.local_addr()?)?;
    out.flush()?;

    let stop_signal = stop_signal()?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, app(site)).with_graceful_shutdown(async move {
        stop_signal.await;
        let _ = stop.send(());
    });
    tokio::select! {
        outcome = server.into_future() => outcome?,
        () = async { let _ = stopped.await; tokio::time::sleep(GRACE).await } => {
            eprintln!("some requests did not end in time");
        }
    }
    Ok(())
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
    database_url: String,
    php_sessions: Option<PathBuf>,
    php_redis: Option<String>,
    php_redis_prefix: Option<String>,
    php_depth: u8,
    php_cookie: String,
    listen: String,
    create_index: bool,
    clean: bool,
    cookie: TokenCookie,
    login_as: bool,
}

impl Options {
    /// `None`: somebody asked for help.
    fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        use lexopt::prelude::{Long, Short, ValueExt as _};

        let mut options = Self {
            database_url: String::new(),
            php_sessions: None,
            php_redis: None,
            php_redis_prefix: None,
            php_depth: 0,
            php_cookie: "PHPSESSID".to_owned(),
            listen: "127.0.0.1:3001".to_owned(),
            create_index: false,
            clean: false,
            cookie: TokenCookie::default(),
            login_as: false,
        };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("database-url") => options.database_url = arguments.value()?.string()?,
                Long("php-sessions") => options.php_sessions = Some(arguments.value()?.into()),
                Long("php-redis") => options.php_redis = Some(arguments.value()?.string()?),
                Long("php-redis-prefix") => options.php_redis_prefix = Some(arguments.value()?.string()?),
                Long("php-depth") => options.php_depth = arguments.value()?.parse()?,
                Long("php-cookie") => options.php_cookie = arguments.value()?.string()?,
                Long("listen") => options.listen = arguments.value()?.string()?,
                Long("create-index") => options.create_index = true,
                Long("clean-php-sessions") => options.clean = true,
                Long("insecure-cookie") => {
                    let cookie = TokenCookie::builder(TokenCookie::DEFAULT_NAME);
                    options.cookie = cookie.insecure_without_secure().build()?;
                }
                Long("insecure-allow-login-as") => options.login_as = true,
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(format!("{}\n{USAGE}", argument.unexpected()).into()),
            }
        }
        if options.database_url.is_empty() {
            return Err(format!("--database-url is missing\n{USAGE}").into());
        }
        if options.php_sessions.is_some() && options.php_redis.is_some() {
            return Err(format!("PHP keeps its sessions in one place: --php-sessions or --php-redis\n{USAGE}").into());
        }
        Ok(Some(options))
    }

    /// PHP's sessions, if the options say where they are.
    fn sessions(&self) -> Result<Option<PhpSessions>, Box<dyn Error>> {
        let sessions = match (&self.php_sessions, &self.php_redis) {
            (Some(directory), _) => PhpSessions::new(directory).with_depth(self.php_depth),
            (None, Some(url)) => match &self.php_redis_prefix {
                Some(prefix) => PhpSessions::in_redis(url)?.with_redis_prefix(prefix),
                None => PhpSessions::in_redis(url)?,
            },
            (None, None) => return Ok(None),
        };
        let sessions = sessions.with_cookie_name(&self.php_cookie);
        Ok(Some(if self.clean { sessions.with_removal() } else { sessions }))
    }
}
