//! One node of a site that runs on several: an answer of the store is kept in memory, and what is ended or changed on one
//! node holds on all of them.
//!
//! ```text
//! cargo run --example many_nodes --features sqlite,postgres,mysql,redis -- \
//!     --listen 127.0.0.1:3001 --database-url postgres://app:password@127.0.0.1/app --create-demo
//! ```
//!
//! `examples/many_nodes/start` starts three of them behind nginx.
//!
//! | route | answer |
//! |---|---|
//! | `POST /api/login` | `{"username","password"}`: 200 with `{"token"}`, or 401 |
//! | `GET /api/me` | `{"user_id","level","cached"}`, or 401; `cached`: whether this node had the answer in memory |
//! | `POST /api/logout` | 204: the token has ended |
//! | `POST /api/logout-everywhere` | 204: all tokens of the user have ended |
//! | `POST /api/users/{id}/level` | `{"level"}`, for the level `admin`: 204, or 404 |
//! | `GET /api/stats` | the numbers of this node's cache |

mod site;
mod store;

use std::error::Error;
use std::io::Write as _;

use lexopt::prelude::{Long, ValueExt as _};
use tokio::net::TcpListener;

const USAGE: &str = "usage: many_nodes --database-url URL [--listen ADDR] [--bus URL] [--create-demo]

  --database-url URL  postgres://…, mysql://…, redis://… or sqlite:FILE
  --listen ADDR       default 127.0.0.1:3000
  --bus URL           redis://…: announce changes there, and not through the store
  --create-demo       create the users anna (anna-password, level member) and admin (admin-password, level admin)";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let (mut url, mut bus, mut listen, mut creates_demo) = (None, None, "127.0.0.1:3000".to_owned(), false);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("database-url") => url = Some(arguments.value()?.string()?),
            Long("bus") => bus = Some(arguments.value()?.string()?),
            Long("listen") => listen = arguments.value()?.string()?,
            Long("create-demo") => creates_demo = true,
            _ => return Err(format!("{}\n{USAGE}", argument.unexpected()).into()),
        }
    }
    let repository = store::open(&url.ok_or(USAGE)?, bus.as_deref()).await?;
    if creates_demo {
        site::create_demo(&repository).await?;
    }
    let listener = TcpListener::bind(listen).await?;
    // The address with the port that the system chose, for `--listen 127.0.0.1:0`.
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    Ok(axum::serve(listener, site::app(repository)).await?)
}
