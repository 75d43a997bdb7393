//! The same routes for browsers, a mobile app and scripts: a cookie, or `Authorization: Bearer`.
//!
//! `cargo run --example browser_app_script -- 127.0.0.1:3000`

use axum::extract::{Form, State};
use axum::http::{StatusCode, header, request::Parts};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use time::Duration;
use tower_tokens::policy::authenticated_within;
use tower_tokens::token::ApiTokenFormat;
use tower_tokens::{auth::Authenticator, prelude::*, request::RequestHead};

const FORM: &str = "<form method=post><input name=name> <input name=password type=password> <button>Go</button></form>";

#[derive(Clone)]
struct Club {
    tokens: Tokens,
    authenticator: Authenticator,
}

pub(crate) fn app(tokens: Tokens) -> Result<Router, Error> {
    let tokens =
        tokens.with_cookie(TokenCookie::builder("__Host-token").build()?).with_api_tokens(ApiTokenFormat::new("club")?); // `club_…`: scanners of leaked secrets recognise it
    let token_auth = TokenAuthLayer::new(tokens.clone()); // cookie, then Bearer; the first valid one wins
    let policy = SecurityPolicy::new()
        .scenario("members area", any_level(["member", "admin"]))
        .scenario("admin panel", level("admin"))
        .scenario("new script", authenticated_within(Duration::minutes(10)))
        .realm("the club")
        .login_page("/login");
    let guarded =
        |path: &str, method, scenario: &str| Router::new().route(path, method).route_layer(policy.guard(scenario));
    Ok(Router::new()
        .merge(guarded("/me", get(me).delete(async || StatusCode::NO_CONTENT), "members area"))
        .merge(guarded("/admin", get(async || "for admins"), "admin panel"))
        .merge(guarded("/scripts", post(new_script), "new script"))
        .route("/login", get(async || Html(FORM)).post(log_in))
        .route("/api/login", post(log_in_app))
        .route("/logout", post(log_out))
        .layer(SameOriginLayer::new()) // concerns browsers: programs send no `Origin` and no `Sec-Fetch-Site`
        .layer(policy.refusal_layer())
        .with_state(Club { tokens, authenticator: token_auth.authenticator() })
        .layer(token_auth))
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

/// A browser posts its form, and gets a cookie that no script can read.
async fn log_in(State(club): State<Club>, head: Parts, Form(login): Form<Login>) -> Result<impl IntoResponse, Refusal> {
    check_password(&login)?;
    let ended = club.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    let issued = club.tokens.generate(login.name).await?;
    Ok((ended, issued.session_cookie(), Redirect::to("/me")))
}

/// The app posts JSON, and gets the text of its token, which it keeps in the key store of the telephone.
async fn log_in_app(State(club): State<Club>, Json(login): Json<Login>) -> Result<impl IntoResponse, Refusal> {
    check_password(&login)?;
    let lifetime = Lifetime::days(180).with_idle_limit(Duration::days(30));
    let issued = club.tokens.generate(login.name).lifetime(lifetime).name("app").await?;
    Ok(secret(json!({ "token": issued.token().expose_secret() })))
}

#[derive(Deserialize)]
struct Script {
    name: String,
}

/// A member who has logged in within ten minutes makes a token for a script. The text is shown this once.
async fn new_script(
    State(club): State<Club>,
    user: CurrentUser,
    Json(script): Json<Script>,
) -> Result<impl IntoResponse, Refusal> {
    let issued = club.tokens.generate(user.id()).api_token().name(script.name).lifetime(Lifetime::days(365));
    // As old as the login, so that a script cannot make tokens for further scripts for ever.
    let issued = issued.authenticated_at(user.authenticated_at()).await?;
    Ok((StatusCode::CREATED, secret(json!({ "token": issued.token().expose_secret() }))))
}

/// Ends the token of whoever asks: browser, app or script.
async fn log_out(State(club): State<Club>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    Ok((club.authenticator.log_out(RequestHead::of_parts(&head)).await?, StatusCode::NO_CONTENT))
}

async fn me(user: CurrentUser) -> Json<serde_json::Value> {
    Json(json!({ "id": user.id().to_string(), "level": user.level().title(), "from": user.source().to_string() }))
}

/// A response with a secret: no cache may keep it.
fn secret(body: serde_json::Value) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(body))
}

/// Stands for the check of the application; `examples/quickstart.rs` has one with argon2.
fn check_password(login: &Login) -> Result<(), Refusal> {
    if login.password == "correct horse" { Ok(()) } else { Err(Refusal::wrong_credentials()) }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = MemoryRepository::new();
    users.create_level("member").await?;
    users.create_user(Some("ann".into()), "member").await?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app(Tokens::new(users))?).await?)
}
