//! Limits on login attempts, with tower_governor: five at once from one address, then one every twelve seconds.
//!
//! `cargo run --example login_throttling -- 127.0.0.1:3000`

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::{GovernorError, GovernorLayer};
use tower_tokens::prelude::*;

const FORM: &str = "<form method=post><input name=name> <input name=password type=password> <button>Go</button></form>";

pub(crate) const BURST: u32 = 5;
const ONE_EVERY: Duration = Duration::from_secs(12);

pub(crate) fn app(tokens: Tokens) -> Result<Router, Error> {
    let token_auth = TokenAuthLayer::new(tokens.clone());
    let policy = SecurityPolicy::new().scenario("members area", level("member")).login_page("/login");
    let mut limits = GovernorConfigBuilder::default(); // by the address of the peer
    let limits = limits.burst_size(BURST).period(ONE_EVERY).finish().ok_or(ErrorKind::Configuration)?;
    let forgotten = limits.limiter().clone();
    tokio::spawn(async move {
        let mut minutes = tokio::time::interval(Duration::from_secs(60));
        loop {
            minutes.tick().await;
            forgotten.retain_recent(); // or every address stays in memory
        }
    });
    let login = Router::new()
        .route("/login", post(log_in))
        .layer(GovernorLayer::new(limits).error_handler(too_many)) // this route alone: members are not counted
        .route("/login", get(async || Html(FORM)));
    Ok(Router::new()
        .route("/members", get(async |user: CurrentUser| format!("Hello, {}", user.id())))
        .route_layer(policy.guard("members area"))
        .merge(login)
        .layer(SameOriginLayer::new())
        .layer(policy.refusal_layer())
        .with_state(tokens)
        .layer(token_auth))
}

/// 429, with the seconds to wait (RFC 6585 §4).
fn too_many(error: GovernorError) -> Response<Body> {
    let (status, wait) = match error {
        GovernorError::TooManyRequests { wait_time, .. } => (StatusCode::TOO_MANY_REQUESTS, wait_time),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, 0), // no address: see `main`
    };
    let mut response = (status, "Too many attempts. Please wait.").into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.max(1)));
    response
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

async fn log_in(State(tokens): State<Tokens>, Form(login): Form<Login>) -> Result<impl IntoResponse, Refusal> {
    // Stands for the check of the application; `examples/quickstart.rs` has one with argon2.
    if login.password != "correct horse" {
        return Err(Refusal::wrong_credentials());
    }
    let issued = tokens.generate(login.name).await?;
    Ok((issued.session_cookie(), Redirect::to("/members")))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = MemoryRepository::new();
    users.create_level("member").await?;
    users.create_user(Some("ann".into()), "member").await?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    let app = app(Tokens::new(users))?.into_make_service_with_connect_info::<SocketAddr>(); // the address of the peer
    Ok(axum::serve(listener, app).await?)
}
