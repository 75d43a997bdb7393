//! JSON for scripts, on the same data as the pages.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_tokens::request::RequestHead;
use tower_tokens::user::CurrentUser;

use super::app::Site;
use super::device;
use super::failure::{self, CHALLENGE, Problem};
use super::login::{Credentials, Refusal, Stay};

/// `GET /api/me`
pub(super) async fn me(user: CurrentUser) -> Json<Value> {
    Json(json!({
        "user_id": user.id(),
        "level": user.level().title(),
        "source": user.source().as_str(),
        "expires_at": user.expires_at().at(),
    }))
}

#[derive(Deserialize)]
pub(super) struct UsersQuery {
    page: Option<u32>,
}

/// `GET /api/admin/users`
pub(super) async fn users(State(site): State<Site>, Query(query): Query<UsersQuery>) -> Result<Json<Value>, Problem> {
    let page = query.page.unwrap_or(1).max(1);
    let members = site.members(page).await?;
    let users: Vec<Value> = members
        .items
        .into_iter()
        .map(|member| {
            json!({
                "user_id": member.user_id,
                "username": member.username,
                "email": member.email,
                "level": member.level,
                "banned": member.banned,
            })
        })
        .collect();
    Ok(Json(json!({ "users": users, "next_page": members.next.map(|_| page.saturating_add(1)) })))
}

#[derive(Deserialize)]
pub(super) struct LoginBody {
    username: String,
    password: String,
    #[serde(default)]
    remember: bool,
}

/// `POST /api/login`
pub(super) async fn log_in(
    State(site): State<Site>,
    parts: Parts,
    Json(body): Json<LoginBody>,
) -> Result<Response, Problem> {
    let stay = if body.remember { Stay::Remembered } else { Stay::ThisSession };
    let credentials = Credentials { username: body.username, password: body.password, stay };
    match site.log_in(credentials, RequestHead::of_parts(&parts), &device::name(&parts.headers)).await {
        Ok(issued) => {
            let body = Json(json!({
                "token": issued.token().expose_secret(),
                "expires_at": issued.expires_at().at(),
            }));
            let cookie = match stay {
                Stay::Remembered => issued.remember_me(),
                Stay::ThisSession => issued.session_cookie(),
            };
            Ok((cookie, body).into_response())
        }
        Err(Refusal::WrongPassword) => Ok(wrong_password()),
        Err(Refusal::Failure(failure)) => Err(failure.into()),
    }
}

/// One answer for an unknown user and for a wrong password.
pub(super) fn wrong_password() -> Response {
    let detail = "This user name and this password do not go together.";
    ([CHALLENGE], failure::problem(StatusCode::UNAUTHORIZED, "Unauthorized", detail)).into_response()
}

/// `POST /api/logout`
pub(super) async fn log_out(State(site): State<Site>, parts: Parts) -> Result<Response, Problem> {
    let logged_out = site.authenticator.log_out(RequestHead::of_parts(&parts)).await?;
    Ok((logged_out, StatusCode::NO_CONTENT).into_response())
}
