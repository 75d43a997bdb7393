//! An API for the users in a table that is there already: roles, bans, deletions and new passwords hold at the next
//! request, whoever made them.
//!
//! ```text
//! cargo run --example own_users --features sqlite,postgres,mysql -- \
//!     --database-url postgres://app:password@127.0.0.1/app --create-demo
//! ```
//!
//! | route | answer |
//! |---|---|
//! | `POST /api/login` | `{"email","password"}`: 200 with `{"token"}`, or 401 |
//! | `GET /api/me` | `{"id","email","role"}`, or 401 |
//! | `GET /api/admin` | the same for the role `admin`, else 403 |
//! | `POST /api/logout` | 204: the token has ended |

mod database;
mod site;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use lexopt::ValueExt as _;
use tokio::net::TcpListener;

use crate::database::Database;
use crate::site::app;

const USAGE: &str = "usage: own_users --database-url URL [--listen ADDR] [--create-demo]

  --database-url URL  postgres://…, mysql://… or sqlite:FILE, with a table `users`: id (PostgreSQL: uuid; elsewhere
                      char(36) or text), email, password_hash (argon2), role (text), banned_at (a timestamp or NULL)
  --listen ADDR       default 127.0.0.1:3002
  --create-demo       create the table, with anna@example.org (anna-password, role member) and
                      admin@example.org (admin-password, role admin)";

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt::init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (mut causes, mut source) = (vec![error.to_string()], error.source());
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
    let (mut url, mut listen, mut creates_demo) = (None, "127.0.0.1:3002".to_owned(), false);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("database-url") => url = Some(arguments.value()?.parse::<String>()?),
            lexopt::Arg::Long("listen") => listen = arguments.value()?.parse()?,
            lexopt::Arg::Long("create-demo") => creates_demo = true,
            lexopt::Arg::Long("help") => {
                println!("{USAGE}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let (database, tokens) = Database::open(&url.ok_or(USAGE)?, creates_demo).await?;
    let listener = TcpListener::bind(listen).await?;
    // The address with the port that the system chose, for `--listen 127.0.0.1:0`.
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let stopped = async { _ = tokio::signal::ctrl_c().await };
    axum::serve(listener, app(database, tokens)).with_graceful_shutdown(stopped).await?;
    Ok(())
}
