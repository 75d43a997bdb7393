//! The routes, on whatever tokens and sessions.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_tokens::auth::{Authenticator, TokenAuthLayer};
use tower_tokens::clock::Timestamp;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, check};
use tower_tokens::request::RequestHead;
use tower_tokens::respond::{Refusal, RefusalKind};
use tower_tokens::source::{DEFAULT_NAME, PhpSessions, SameOrigin, TokenSource};
use tower_tokens::user::CurrentUser;

/// The number of Trongate's level `admin`. Trongate asks for the number, whatever the title says.
const ADMIN_LEVEL_ID: i64 = 1;

/// The Rust side of a Trongate site.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) tokens: Tokens,
    pub(crate) sessions: Option<PhpSessions>,
    /// Whether anybody may become anybody.
    pub(crate) insecure_allow_login_as: bool,
}

#[derive(Clone)]
struct AppState {
    site: Site,
    authenticator: Authenticator,
}

pub(crate) fn app(site: Site) -> Router {
    let layer = TokenAuthLayer::new(site.tokens.clone()).sources(sources(&site));
    let policy = SecurityPolicy::new().scenario(
        "admin panel",
        check(|user, _| user.level().id() == ADMIN_LEVEL_ID).named("level 1, the administrators"),
    );

    let admin = Router::new().route("/admin", get(admin)).route_layer(policy.guard("admin panel"));
    let mut app = Router::new().route("/whoami", get(whoami)).route("/logout", post(log_out)).merge(admin);
    if site.insecure_allow_login_as {
        app = app.route("/login-as/{user_id}", post(log_in_as));
    }
    app.with_state(AppState { site, authenticator: layer.authenticator() }).layer(layer)
}

/// In Trongate's own order: header, cookie, session. `Bearer` is for new clients.
fn sources(site: &Site) -> Vec<TokenSource> {
    let mut sources = vec![TokenSource::header(DEFAULT_NAME), TokenSource::cookie(DEFAULT_NAME)];
    sources.extend(site.sessions.as_ref().map(PhpSessions::source));
    sources.push(TokenSource::bearer());
    sources
}

async fn whoami(user: CurrentUser) -> Json<Value> {
    Json(json!({
        "user_id": user.id(),
        "level": user.level().title(),
        "level_id": user.level().id(),
        "source": user.source().as_str(),
        "expires_at": user.expires_at().at(),
    }))
}

async fn admin(user: CurrentUser) -> Json<Value> {
    Json(json!({ "admin": user.id() }))
}

/// Does what Trongate's `destroy` does: ends every token that the request presents, and clears out the expired ones.
async fn log_out(State(state): State<AppState>, parts: Parts) -> Result<Response, AppError> {
    let head = RequestHead::of_parts(&parts);
    let AppState { site, authenticator } = &state;
    let is_same_origin = SameOrigin::new().allows(head);

    // Without those that a browser sends by itself if another site made it do so.
    let logged_out = authenticator.log_out(head).await?;
    if logged_out.ended() == 0 && !is_same_origin {
        return Ok(Refusal::new(RefusalKind::CrossSite).into_response());
    }
    site.tokens.prune().await?;
    Ok((logged_out, StatusCode::NO_CONTENT).into_response())
}

/// Logs anybody in as anybody, to try a token of this side on the PHP side.
async fn log_in_as(State(state): State<AppState>, Path(user_id): Path<i64>) -> Result<Response, AppError> {
    let issued = state.site.tokens.generate(user_id).await?;
    let body = json!({
        "user_id": issued.user_id(),
        "token": issued.token().expose_secret(),
        "expires_at": issued.expires_at().at().map(|end: Timestamp| end.to_string()),
    });
    Ok((issued.session_cookie(), Json(body)).into_response())
}

/// What goes wrong in a handler, as an answer.
struct AppError(Error);

impl From<Error> for AppError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self.0.kind() {
            ErrorKind::UserNotFound => StatusCode::NOT_FOUND.into_response(),
            _ if self.0.is_outage() => Refusal::new(RefusalKind::Unavailable).into_response(),
            _ => {
                eprintln!("{}", self.0);
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
