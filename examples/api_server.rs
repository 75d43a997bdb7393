//! A small API for `examples/api_client`: its clients log in with a user name and a password, refresh, work, and log out.
//!
//! ```text
//! echo 'correct horse' >password
//! cargo run --example api_server --features pairs -- --username ann --password-file password --access-seconds 5
//! ```
//!
//! | route | answer |
//! |---|---|
//! | `POST /auth/login` | `{"username","password"}`: tokens and their lifetimes in seconds, or 401 |
//! | `POST /auth/refresh` | `{"accessToken","refreshToken"}`: the same shape, or 401 |
//! | `POST /auth/logout` | `{"accessToken","refreshToken"}`: 204, the tokens have ended |
//! | `GET /work` | 200 for an access token, else 401 |

use std::error::Error;
use std::io::Write as _;

use axum::extract::{Json, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode, http::header::CACHE_CONTROL};
use lexopt::prelude::{Long, ValueExt as _};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tower_tokens::lifecycle::{IssuedPair, PairSettings};
use tower_tokens::token::Token;
use tower_tokens::{prelude::*, source::TokenSource};

const USAGE: &str =
    "usage: api_server --username U --password-file F [--listen ADDR] [--access-seconds N] [--refresh-seconds N]";

#[derive(Clone)]
struct Api {
    tokens: Tokens,
    user: UserId,
    credentials: std::sync::Arc<(String, String)>,
    refresh_seconds: u32,
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Presented {
    access_token: String,
    refresh_token: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut username, mut password, mut listen) = (None, None, "127.0.0.1:3003".to_owned());
    let (mut access_seconds, mut refresh_seconds) = (900_u32, 86_400_u32);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("username") => username = Some(arguments.value()?.string()?),
            Long("password-file") => {
                password = Some(std::fs::read_to_string(arguments.value()?)?.trim_end().to_owned())
            }
            Long("listen") => listen = arguments.value()?.string()?,
            Long("access-seconds") => access_seconds = arguments.value()?.parse()?,
            Long("refresh-seconds") => refresh_seconds = arguments.value()?.parse()?,
            _ => return Err(format!("{}\n{USAGE}", argument.unexpected()).into()),
        }
    }
    let app = app(username.ok_or(USAGE)?, password.ok_or(USAGE)?, access_seconds, refresh_seconds).await?;
    let listener = tokio::net::TcpListener::bind(listen).await?;
    // The address with the port that the system chose, for `--listen 127.0.0.1:0`.
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    Ok(axum::serve(listener, app).await?)
}

async fn app(username: String, password: String, access: u32, refresh_seconds: u32) -> Result<Router, Box<dyn Error>> {
    let repository = MemoryRepository::new();
    repository.create_level("member").await?;
    let user = repository.create_user(None, "member").await?;
    let seconds = |seconds: u32| time::Duration::seconds(seconds.into());
    let pairs = PairSettings::new().access(seconds(access)).refresh(seconds(refresh_seconds));
    let tokens = Tokens::new(repository).with_pairs(pairs);
    let api = Api { tokens: tokens.clone(), user, credentials: (username, password).into(), refresh_seconds };
    Ok(Router::new()
        .route("/work", get(work))
        .layer(TokenAuthLayer::new(tokens).sources([TokenSource::bearer()]))
        .route("/auth/login", post(log_in))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(log_out))
        .with_state(api))
}

async fn log_in(State(api): State<Api>, Json(login): Json<Login>) -> Result<Response, Refusal> {
    let (username, password) = &*api.credentials;
    let is_right =
        username.as_bytes().ct_eq(login.username.as_bytes()) & password.as_bytes().ct_eq(login.password.as_bytes());
    if !bool::from(is_right) {
        return Err(Refusal::wrong_credentials());
    }
    Ok(api.answer(&api.tokens.generate_pair(&api.user).await?))
}

async fn refresh(State(api): State<Api>, Json(tokens): Json<Presented>) -> Result<Response, Refusal> {
    let Ok(token) = Token::parse(tokens.refresh_token) else { return Err(Refusal::wrong_credentials()) };
    match api.tokens.refresh(&token).await? {
        Some(pair) => Ok(api.answer(&pair)),
        None => Err(Refusal::wrong_credentials()),
    }
}

async fn log_out(State(api): State<Api>, Json(tokens): Json<Presented>) -> Result<StatusCode, Refusal> {
    for text in [tokens.refresh_token, tokens.access_token] {
        if let Ok(token) = Token::parse(text) {
            api.tokens.destroy(&token).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn work(user: CurrentUser) -> String {
    format!("work of user {}\n", user.id())
}

impl Api {
    fn answer(&self, pair: &IssuedPair) -> Response {
        let body = serde_json::json!({
            "accessToken": pair.access_token().expose_secret(),
            "accessTokenExpiresIn": pair.expires_in().whole_seconds(),
            "refreshToken": pair.refresh_token().expose_secret(),
            "refreshTokenExpiresIn": self.refresh_seconds,
        });
        ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}
