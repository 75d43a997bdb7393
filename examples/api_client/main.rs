//! A client of somebody else's API that keeps its tokens fresh, in a file that any number of its processes share.
//!
//! ```text
//! cargo run --example api_client --features client -- --base-url http://127.0.0.1:3003 --username ann --password-file password \
//!     --store-dir tokens --environment test --requests 1000 --concurrency 20
//! ```
//!
//! The API is that of `examples/api_server.rs`: `POST /auth/login`, `/auth/refresh`, `/auth/logout`, and `GET /work`, which
//! is asked for as often as `--requests` says. The last line is JSON: `{"ok":1000,"failed":0,"logins":1,"refreshes":3,"retries":2,"seconds":1.234}`.
//! `retries` counts the requests that were sent again: with another token after a 401, and after an outage. The status is 0
//! if no request failed. On a terminal there is a progress bar.

mod endpoint;
mod options;
mod progress;
mod work;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::ServiceBuilder;
use tower_tokens::client::{Account, BearerTokenLayer, FileTokenStore, HttpPost, TokenManager};

use crate::endpoint::LoginEndpoint;
use crate::options::Options;
use crate::work::Work;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", work::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Whether no request failed.
async fn run() -> Result<bool, Box<dyn Error>> {
    let Some(options) = Options::parse()? else {
        println!("{}", options::USAGE);
        return Ok(true);
    };
    let client = Client::builder(TokioExecutor::new()).build_http();
    let endpoint = LoginEndpoint::new(HttpPost::new(client.clone()), &options)?;
    let account = Account::new(&options.username, &options.base_url, &options.environment);
    let manager = TokenManager::new(endpoint, FileTokenStore::new(&options.store_dir, &account));
    let layer = BearerTokenLayer::new(manager.clone()).with_origin(&options.origin()?)?;
    let service = ServiceBuilder::new().layer(layer.clone()).service(client);

    let started = Instant::now();
    let work = Arc::new(Work::new(options.requests, format!("{}/work", options.base_url)));
    let progress = progress::show(Arc::clone(&work));
    work.run(&service, options.concurrency).await;
    progress.await?;
    if options.logs_out {
        manager.log_out().await?;
    }
    // A refresh in the background has a new refresh token to save.
    manager.finish().await;

    let (statistics, (ok, failed, repeated)) = (manager.statistics(), work.counts());
    let result = serde_json::json!({
        "ok": ok,
        "failed": failed,
        "logins": statistics.logins(),
        "refreshes": statistics.refreshes(),
        "retries": repeated + layer.repeated_requests(),
        "seconds": (started.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0,
    });
    writeln!(std::io::stdout(), "{result}")?;
    Ok(failed == 0)
}
