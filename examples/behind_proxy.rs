//! A site behind a reverse proxy that ends TLS and takes a prefix off the path: `https://example.org/club/` is `/` here.
//!
//! `cargo run --example behind_proxy -- 127.0.0.1:3000`, behind nginx with `examples/behind_proxy.conf`.

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;
use tower_tokens::respond::safe_next;
use tower_tokens::{auth::Authenticator, prelude::*, request::RequestHead, source::SameOrigin};

/// The origin that browsers see.
pub(crate) const ORIGIN: &str = "https://example.org";

/// The part of the path that only the proxy sees.
pub(crate) const PREFIX: &str = "/club";

const FORM: &str = "<form method=post><input name=name> <input name=password type=password> <button>Go</button></form>";

#[derive(Clone)]
struct Club {
    tokens: Tokens,
    authenticator: Authenticator,
}

pub(crate) fn app(tokens: Tokens) -> Result<Router, Error> {
    // `Secure` whatever the connection from the proxy is. Not `__Host-`, whose path must be `/`: the host has other sites.
    let cookie = TokenCookie::builder("__Secure-club").path(PREFIX).build()?;
    let tokens = tokens.with_cookie(cookie);
    // Named, because the proxy may rewrite `Host`. `X-Forwarded-Host` is never read.
    let rule = SameOrigin::new().trusted_origin(ORIGIN)?;
    let token_auth = TokenAuthLayer::new(tokens.clone()).same_origin(rule.clone());
    let policy = SecurityPolicy::new()
        .scenario("members area", level("member"))
        .login_page("/club/login") // as the browser sees it
        .public_prefix(PREFIX) // so that `next` is `/club/members`
        .public_origin(ORIGIN); // so that the way back of a form is known, though `Host` is rewritten
    Ok(Router::new()
        .route("/members", get(members).post(async || Redirect::to("/club/members")))
        .route_layer(policy.guard("members area"))
        .route("/login", get(async || Html(FORM)).post(log_in))
        .route("/logout", post(log_out))
        .layer(SameOriginLayer::with_rule(rule))
        .layer(policy.refusal_layer())
        .with_state(Club { tokens, authenticator: token_auth.authenticator() })
        .layer(token_auth))
}

async fn members(user: CurrentUser) -> Html<String> {
    Html(format!("Hello, {}! <form method=post action=/club/logout><button>Log out</button></form>", user.id()))
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

#[derive(Deserialize)]
struct Next {
    next: Option<String>,
}

async fn log_in(
    State(club): State<Club>,
    Query(query): Query<Next>,
    head: Parts,
    Form(login): Form<Login>,
) -> Result<impl IntoResponse, Refusal> {
    // Stands for the check of the application; `examples/quickstart.rs` has one with argon2.
    if login.password != "correct horse" {
        return Err(Refusal::wrong_credentials());
    }
    let ended = club.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    let issued = club.tokens.generate(login.name).await?;
    let next = query.next.as_deref().and_then(safe_next).unwrap_or("/club/members"); // with the prefix already
    Ok((ended, issued.session_cookie(), Redirect::to(next)))
}

async fn log_out(State(club): State<Club>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    let logged_out = club.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    Ok((logged_out, Redirect::to("/club/login")))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = MemoryRepository::new();
    users.create_level("member").await?;
    users.create_user(Some("ann".into()), "member").await?;
    // The address of this machine alone: who reaches the port without the proxy has no TLS.
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app(Tokens::new(users))?).await?)
}
