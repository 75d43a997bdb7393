//! API tokens for scripts: make, list, rotate, revoke.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_tokens::lifecycle::IssuedToken;
use tower_tokens::token::{TokenId, TokenRecord};
use tower_tokens::user::CurrentUser;

use super::api_tokens::{Refusal, Wanted};
use super::app::Site;
use super::failure::{self, Failure, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    name: String,
    abilities: Vec<String>,
    /// Seconds, or `null` for a token that never ends by itself: it has to be written out.
    #[serde(deserialize_with = "Option::deserialize")]
    expires_in: Option<i64>,
}

/// `POST /api/tokens`
pub(super) async fn create(
    State(site): State<Site>,
    user: CurrentUser,
    Json(body): Json<CreateBody>,
) -> Result<Response, Problem> {
    let wanted = Wanted { name: body.name, abilities: body.abilities, seconds: body.expires_in };
    created(site.create_api_token(&user, wanted).await)
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RotateBody {
    /// For how many seconds the old token works beside the new one.
    overlap: i64,
}

/// `POST /api/tokens/{id}/rotate`
pub(super) async fn rotate(
    State(site): State<Site>,
    user: CurrentUser,
    Path(id): Path<String>,
    Json(body): Json<RotateBody>,
) -> Result<Response, Problem> {
    let id: TokenId = id.parse().map_err(|_| Failure::NotFound)?;
    created(site.rotate_api_token(user.id(), id, body.overlap).await)
}

/// `GET /api/tokens`
pub(super) async fn list(State(site): State<Site>, user: CurrentUser) -> Result<Json<Value>, Problem> {
    let (records, _) = site.api_tokens(user.id()).await?;
    Ok(Json(records.iter().map(line).collect()))
}

/// `DELETE /api/tokens/{id}`
pub(super) async fn revoke(
    State(site): State<Site>,
    user: CurrentUser,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: TokenId = id.parse().map_err(|_| Failure::NotFound)?;
    if !site.revoke_api_token(user.id(), id).await? {
        return Err(Failure::NotFound.into());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The only answer that holds the text of the token, or why there is none.
fn created(outcome: Result<IssuedToken, Refusal>) -> Result<Response, Problem> {
    let issued = match outcome {
        Ok(issued) => issued,
        Err(Refusal::Invalid(detail)) => {
            return Ok(failure::problem(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Content", detail));
        }
        Err(Refusal::Failure(failure)) => return Err(failure.into()),
    };
    let record = issued.record();
    let body = json!({
        "id": record.id(),
        "token": issued.token().expose_secret(),
        "name": record.name(),
        "abilities": record.abilities(),
        "expires_at": record.expires_at().at(),
    });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

fn line(record: &TokenRecord) -> Value {
    json!({
        "id": record.id(),
        "name": record.name(),
        "abilities": record.abilities(),
        "last_four": record.last_four(),
        "created_at": record.created_at(),
        "last_used_at": record.last_used_at(),
        "expires_at": record.expires_at().at(),
    })
}
