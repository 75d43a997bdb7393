//! The routes.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_tokens::auth::{Authenticator, TokenAuthLayer};
use tower_tokens::extract::User;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, level};
use tower_tokens::request::RequestHead;
use tower_tokens::respond::{Refusal, RefusalKind};

use super::database::{Database, Profile};

/// What handlers share.
#[derive(Clone)]
struct Site {
    database: Database,
    tokens: Tokens,
    authenticator: Authenticator,
}

#[derive(serde::Deserialize)]
struct Login {
    email: String,
    password: String,
}

/// The whole site. A layer around the router, and the guard around one route.
pub(super) fn app(database: Database, tokens: Tokens) -> Router {
    let policy = SecurityPolicy::new().scenario("administration", level("admin"));
    let token_auth = TokenAuthLayer::new(tokens.clone());
    Router::new()
        .route("/api/admin", get(me))
        .route_layer(policy.guard("administration"))
        .route("/api/login", post(log_in))
        .route("/api/me", get(me))
        .route("/api/logout", post(log_out))
        .with_state(Site { database, tokens, authenticator: token_auth.authenticator() })
        .layer(token_auth)
}

async fn log_in(State(site): State<Site>, Json(login): Json<Login>) -> Result<Json<Value>, Refusal> {
    let account = site.database.account(&login.email).await.map_err(failed)?;
    let (user, hash) = account.unzip();
    let verified = hash.clone();
    let is_right = hashing(move || match hash {
        Some(hash) => Argon2::default().verify_password(login.password.as_bytes(), hash.as_str()).is_ok(),
        None => Argon2::default().hash_password(login.password.as_bytes()).is_err(), // as slow as a wrong password
    });
    let (true, Some(user)) = (is_right.await?, user) else { return Err(Refusal::wrong_credentials()) };
    let issued = site.tokens.generate(user).await?;
    // A password that changed meanwhile changed before the token was made, so it did not end the token.
    if site.database.account(&login.email).await.map_err(failed)?.map(|(_, hash)| hash) != verified {
        site.tokens.destroy(issued.token()).await?;
        return Err(Refusal::wrong_credentials());
    }
    Ok(Json(json!({ "token": issued.token().expose_secret() })))
}

/// The user's row came along with the look-up of the token: there is no second query.
async fn me(User(user, profile): User<Profile>) -> Json<Value> {
    Json(json!({ "id": user.id(), "email": profile.email, "role": user.level().title() }))
}

async fn log_out(State(site): State<Site>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    let logged_out = site.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    Ok((logged_out, StatusCode::NO_CONTENT))
}

/// Runs `work`, which takes 19 MiB and a core, beside the requests; four at a time, though their visitors leave.
async fn hashing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    static PERMITS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(4);
    let permit = PERMITS.acquire().await.map_err(failed)?;
    Ok(tokio::task::spawn_blocking(move || (work(), permit)).await.map_err(failed)?.0)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Refusal {
    Refusal::new(RefusalKind::Unavailable).with_source(error)
}
