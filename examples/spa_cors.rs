//! An API whose pages are on another origin: a single-page application, CORS, and a login by cookie.
//!
//! `cargo run --example spa_cors -- 127.0.0.1:3000 http://127.0.0.1:5173`: the address of the API, the origin of the pages,
//! and a third word if they are on another site.

use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tower_http::cors::CorsLayer;
use tower_tokens::{auth::Authenticator, prelude::*, request::RequestHead, source::SameOrigin};

/// Where the pages are, seen from the API.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pages {
    /// `https://app.example.com` for `https://api.example.com`: two origins of one site.
    OnTheSameSite,
    /// `https://app.example.org` for `https://api.example.com`: two sites.
    OnAnotherSite,
}

/// The cookie. Pages on another site get it only with `SameSite=None`; the same-origin rule of [`app`] stays in force.
pub(crate) fn cookie(pages: Pages) -> Result<TokenCookie, Error> {
    match pages {
        Pages::OnTheSameSite => TokenCookie::builder("__Host-token").build(),
        Pages::OnAnotherSite => TokenCookie::builder("__Host-token").insecure_sent_by_other_sites().build(),
    }
}

#[derive(Clone)]
struct Api {
    tokens: Tokens,
    authenticator: Authenticator,
}

/// The API. `origin` is the pages' own, as the browser sends it: `https://app.example.com`.
pub(crate) fn app(tokens: Tokens, origin: &str) -> Result<Router, Error> {
    let rule = SameOrigin::new().trusted_origin(origin)?; // checks that `origin` is one: visible ASCII
    let token_auth = TokenAuthLayer::new(tokens.clone()).same_origin(rule.clone());
    let policy = SecurityPolicy::new()
        .scenario("members area", any_level(["member", "admin"]))
        .scenario("admin panel", level("admin"));
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::try_from(origin).map_err(|_| ErrorKind::InvalidInput)?) // never `*` with credentials
        .allow_credentials(true) // the browser sends the cookie, and shows the answer to the page
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER]);
    let admin = Router::new().route("/admin", get(async || "for admins")).route_layer(policy.guard("admin panel"));
    Ok(Router::new()
        .route("/me", get(me).delete(async || StatusCode::NO_CONTENT))
        .route_layer(policy.guard("members area"))
        .merge(admin)
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .layer(SameOriginLayer::with_rule(rule)) // the rule for requests without a credential, such as the login
        .with_state(Api { tokens, authenticator: token_auth.authenticator() })
        .layer(token_auth)
        .layer(cors)) // outermost: it answers preflights itself, and every refusal below carries its headers
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

async fn log_in(State(api): State<Api>, head: Parts, Json(login): Json<Login>) -> Result<impl IntoResponse, Refusal> {
    if !is_password_of(&login.name, &login.password) {
        return Err(Refusal::wrong_credentials());
    }
    let ended = api.authenticator.log_out(RequestHead::of_parts(&head)).await?; // whoever was logged in here before
    let issued = api.tokens.generate(login.name.as_str()).await?;
    Ok((ended, issued.session_cookie(), StatusCode::NO_CONTENT))
}

async fn log_out(State(api): State<Api>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    Ok((api.authenticator.log_out(RequestHead::of_parts(&head)).await?, StatusCode::NO_CONTENT))
}

async fn me(user: CurrentUser) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "id": user.id().to_string(), "level": user.level().title() }))
}

/// Stands for the check of the application; `examples/quickstart.rs` has one with argon2.
fn is_password_of(name: &str, password: &str) -> bool {
    [("ann", "ann's password"), ("root", "root's password")].contains(&(name, password))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (Some(address), Some(origin)) = (std::env::args().nth(1), std::env::args().nth(2)) else {
        return Err("say the address of the API and the origin of the pages".into());
    };
    let users = MemoryRepository::new();
    for (name, level) in [("ann", "member"), ("root", "admin")] {
        users.create_level(level).await?;
        users.create_user(Some(name.into()), level).await?;
    }
    let pages = if std::env::args().len() > 3 { Pages::OnAnotherSite } else { Pages::OnTheSameSite };
    let tokens = Tokens::new(users).with_cookie(cookie(pages)?);
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app(tokens, &origin)?).await?)
}
