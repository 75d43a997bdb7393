//! Access and refresh tokens for apps: log in, refresh, revoke.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use serde::Deserialize;
use serde_json::json;
use tower_tokens::lifecycle::IssuedPair;
use tower_tokens::token::Token;

use super::api;
use super::app::Site;
use super::device;
use super::failure::Problem;
use super::login::Refusal;

#[derive(Deserialize)]
pub(super) struct LoginBody {
    username: String,
    password: String,
}

/// `POST /api/token`
pub(super) async fn log_in(
    State(site): State<Site>,
    parts: Parts,
    Json(body): Json<LoginBody>,
) -> Result<Response, Problem> {
    match site.log_in_app(&body.username, body.password, &device::name(&parts.headers)).await {
        Ok(pair) => Ok(answer(&pair)),
        Err(Refusal::WrongPassword) => Ok(api::wrong_password()),
        Err(Refusal::Failure(failure)) => Err(failure.into()),
    }
}

#[derive(Deserialize)]
pub(super) struct RefreshBody {
    refresh_token: String,
}

/// `POST /api/token/refresh`
pub(super) async fn refresh(State(site): State<Site>, Json(body): Json<RefreshBody>) -> Result<Response, Problem> {
    let pair = match Token::parse(body.refresh_token) {
        Ok(token) => site.tokens.refresh(&token).await?,
        Err(_) => None,
    };
    Ok(match pair {
        Some(pair) => answer(&pair),
        // RFC 6749 §5.2: one answer for unknown, expired, ended and copied.
        None => (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response(),
    })
}

#[derive(Deserialize)]
pub(super) struct RevokeBody {
    token: String,
}

/// `POST /api/token/revoke` (RFC 7009): whoever has the token may end it, and learns nothing else.
pub(super) async fn revoke(State(site): State<Site>, Form(body): Form<RevokeBody>) -> Result<StatusCode, Problem> {
    if let Ok(token) = Token::parse(body.token) {
        site.tokens.destroy(&token).await?;
    }
    Ok(StatusCode::OK)
}

/// RFC 6749 §5.1.
fn answer(pair: &IssuedPair) -> Response {
    let body = json!({
        "access_token": pair.access_token().expose_secret(),
        "token_type": "Bearer",
        "expires_in": pair.expires_in().whole_seconds(),
        "refresh_token": pair.refresh_token().expose_secret(),
    });
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
