//! One node of a site that runs on several: an answer of the store is kept in memory, and what is ended or changed on one
//! node holds on all of them.
//!
//! ```text
//! cargo run --example many_nodes --features sqlite,postgres,mysql,redis,trongate -- \
//!     --listen 127.0.0.1:3001 --database-url postgres://app:password@127.0.0.1/app --create-demo
//! ```
//!
//! `examples/many_nodes/start` starts three of them behind nginx. With `--trongate` the database is that of a running Trongate site: a
//! log-out by PHP holds on all nodes, too.
//!
//! | route | answer |
//! |---|---|
//! | `POST /api/login` | `{"username","password"}`: 200 with `{"token"}`, or 401 |
//! | `GET /api/me` | `{"user_id","level","cached"}`, or 401; `cached`: whether this node had the answer in memory; on a Trongate site `user_id` is a number |
//! | `POST /api/logout` | 204: the token has ended |
//! | `POST /api/logout-everywhere` | 204: all tokens of the user have ended |
//! | `POST /api/users/{id}/level` | `{"level"}`, for the level `admin`: 204, or 404 |
//! | `GET /api/stats` | the numbers of this node's cache |

mod clock;
mod site;
mod store;
mod trongate;

use std::error::Error;
use std::io::Write as _;

use lexopt::prelude::{Long, ValueExt as _};
use time::Duration;
use tokio::net::TcpListener;

use crate::clock::ClockAhead;
use crate::store::Store;

const USAGE: &str = "usage: many_nodes --database-url URL [--trongate | --bus URL] [--listen ADDR] [--create-demo]
    [--clock-ahead SECONDS]

  --database-url URL     postgres://…, mysql://…, redis://… or sqlite:FILE
  --trongate             the database is that of a Trongate site (mysql://…), which gets triggers
  --bus URL              redis://…: announce changes there, and not through the store
  --listen ADDR          default 127.0.0.1:3000
  --create-demo          create the users anna (anna-password, level member) and admin (admin-password, level admin)
  --clock-ahead SECONDS  try a node whose clock is ahead, or with a negative number behind";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let (mut url, mut bus, mut listen) = (None, None, "127.0.0.1:3000".to_owned());
    let (mut is_trongate, mut creates_demo, mut clock) = (false, false, ClockAhead(Duration::ZERO));
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("database-url") => url = Some(arguments.value()?.string()?),
            Long("trongate") => is_trongate = true,
            Long("bus") => bus = Some(arguments.value()?.string()?),
            Long("listen") => listen = arguments.value()?.string()?,
            Long("create-demo") => creates_demo = true,
            Long("clock-ahead") => clock = ClockAhead(Duration::seconds(arguments.value()?.parse::<i32>()?.into())),
            _ => return Err(format!("{}\n{USAGE}", argument.unexpected()).into()),
        }
    }
    let url = url.ok_or(USAGE)?;
    let store = match (is_trongate, &bus) {
        (false, bus) => Store::open(&url, bus.as_deref()).await?,
        (true, None) => Store::open_trongate(&url).await?,
        (true, Some(_)) => return Err(USAGE.into()),
    };
    if creates_demo {
        site::create_demo(&store).await?;
    }
    let listener = TcpListener::bind(listen).await?;
    // The address with the port that the system chose, for `--listen 127.0.0.1:0`.
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    Ok(axum::serve(listener, site::app(store, clock)).await?)
}
