//! Access and refresh tokens for apps: the login. What exchanges and revokes them are the crate's endpoints.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::request::Parts;
use serde::Deserialize;
use serde_json::json;
use tower_tokens::lifecycle::IssuedPair;

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
