//! The routes.

use axum::extract::{Path, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tower_tokens::auth::Authenticator;
use tower_tokens::clock::Clock as _;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::policy::checked_now;
use tower_tokens::prelude::*;
use tower_tokens::request::RequestHead;
use tower_tokens::source::TokenSource;
use tower_tokens::token::{TokenKey, TokenKinds};

use super::clock::ClockAhead;
use super::store::Store;

/// User name, password and level. An application has them in a table of its own, and no password: see `examples/own_users`.
const DEMO: [(&str, &str, &str); 2] = [("anna", "anna-password", "member"), ("admin", "admin-password", "admin")];

#[derive(Clone)]
struct Node {
    store: Store,
    clock: ClockAhead,
    tokens: Tokens,
    authenticator: Authenticator,
}

/// Whether this node had the answer in memory when the request came.
#[derive(Clone, Copy)]
struct WasCached(bool);

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct NewLevel {
    level: String,
}

pub(super) async fn create_demo(store: &Store) -> Result<(), Error> {
    for (name, _, level) in DEMO {
        store.create_user(name, level).await?;
    }
    Ok(())
}

pub(super) fn app(store: Store, clock: ClockAhead) -> Router {
    // An administrator who has just ceased to be one, on whichever node, changes nothing any more.
    let policy = SecurityPolicy::new().scenario("administration", level("admin").and(checked_now()));
    let tokens = store.tokens().with_clock(clock);
    let auth = TokenAuthLayer::new(tokens.clone()).sources([TokenSource::bearer()]).checkable();
    let node = Node { store, clock, tokens, authenticator: auth.authenticator() };
    Router::new()
        .route("/api/users/{id}/level", post(change_level))
        .route_layer(policy.guard("administration"))
        .route("/api/login", post(log_in))
        .route("/api/me", get(me))
        .route("/api/logout", post(log_out))
        .route("/api/logout-everywhere", post(log_out_everywhere))
        .route("/api/stats", get(stats))
        .layer(auth)
        // It comes before the layer that looks the token up.
        .layer(from_fn_with_state(node.clone(), note_whether_cached))
        .with_state(node)
}

async fn log_in(State(node): State<Node>, Json(login): Json<Login>) -> Result<Json<Value>, Refusal> {
    let is_right = |(name, password, _): &&(&str, &str, &str)| {
        *name == login.username && bool::from(password.as_bytes().ct_eq(login.password.as_bytes()))
    };
    let (name, ..) = DEMO.iter().find(is_right).ok_or_else(Refusal::wrong_credentials)?;
    let id = node.store.id_of(name).await?.ok_or_else(Refusal::wrong_credentials)?;
    match node.tokens.generate(id).await {
        Ok(issued) => Ok(Json(json!({ "token": issued.token().expose_secret() }))),
        Err(error) if error.kind() == ErrorKind::UserNotFound => Err(Refusal::wrong_credentials()),
        Err(error) => Err(error.into()),
    }
}

async fn me(user: CurrentUser, Extension(WasCached(cached)): Extension<WasCached>) -> Json<Value> {
    Json(json!({ "user_id": user.id(), "level": user.level().title(), "cached": cached }))
}

async fn log_out(State(node): State<Node>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    let logged_out = node.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    Ok((logged_out, StatusCode::NO_CONTENT))
}

async fn log_out_everywhere(State(node): State<Node>, user: CurrentUser) -> Result<StatusCode, Refusal> {
    node.store.repository().delete_by_user(user.id(), TokenKinds::ALL, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change_level(
    State(node): State<Node>,
    Path(id): Path<String>,
    Json(new): Json<NewLevel>,
) -> Result<StatusCode, Refusal> {
    match node.store.change_level(&id, &new.level).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) if error.kind() == ErrorKind::UserNotFound => Ok(StatusCode::NOT_FOUND),
        Err(error) if error.kind() == ErrorKind::LevelNotFound => Ok(StatusCode::UNPROCESSABLE_ENTITY),
        Err(error) => Err(error.into()),
    }
}

async fn stats(State(node): State<Node>) -> Json<Value> {
    let numbers = node.store.statistics();
    Json(json!({
        "hits": numbers.hits,
        "look_ups": numbers.look_ups,
        "joined": numbers.joined,
        "evictions": numbers.evictions,
        "changes": numbers.changes,
        "announced": numbers.announced,
        "interruptions": numbers.interruptions,
        "tokens": numbers.tokens,
        "is_used": numbers.is_used,
        "bus_lag_ms": numbers.bus_lag.as_millis(),
        "time_without_ms": numbers.time_without.as_millis(),
        "max_staleness_ms": node.store.max_staleness().as_millis(),
    }))
}

async fn note_whether_cached(
    State(node): State<Node>,
    headers: HeaderMap,
    mut request: Request,
    next: Next,
) -> Response {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let find_now = |token| node.store.repository().find_now(TokenKey::new(token), node.clock.now());
    let cached = token.is_some_and(|token| find_now(token).is_some());
    request.extensions_mut().insert(WasCached(cached));
    next.run(request).await
}
