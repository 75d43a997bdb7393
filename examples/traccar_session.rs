//! The session endpoints of a Traccar server: its clients log in, generate a token, use it and revoke it. Run it, and ask
//! `curl -d 'email=ann@example.org&password=correct horse' http://127.0.0.1:3000/api/session`.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use axum::extract::{Form, State};
use axum::http::{StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get, routing::post};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use tower_tokens::source::{QueryToken, QueryTokenLayer};
use tower_tokens::token::{ApiTokenFormat, TokenKind};
use tower_tokens::{auth::Authenticator, clock::Clock, clock::Timestamp, prelude::*, request::RequestHead};

const ACCOUNTS: &str =
    "CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, email TEXT UNIQUE, password_hash TEXT NOT NULL)";

#[derive(Clone)]
struct Site<C> {
    users: SqliteRepository,
    tokens: Tokens,
    authenticator: Authenticator,
    clock: C,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Fields {
    email: String,
    password: String,
    token: Option<String>,
    expiration: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = SqliteRepository::open("traccar_session.db").await?;
    let app = app(users.clone(), tower_tokens::clock::SystemClock).await?;
    let _ = create_account(&users, "ann@example.org", "correct horse").await; // she is there after the first start
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}

pub(crate) async fn app<C: Clock + Clone>(users: SqliteRepository, clock: C) -> Result<Router, Refusal> {
    users.create_level("member").await?;
    sqlx::query(ACCOUNTS).execute(users.pool()).await.map_err(failed)?;
    let cookie = TokenCookie::builder("JSESSIONID").build()?; // the name that Traccar's clients keep
    let format = ApiTokenFormat::new("traccar")?;
    let tokens = Tokens::new(users.clone()).with_clock(clock.clone()).with_cookie(cookie).with_api_tokens(format);
    let layer = TokenAuthLayer::new(tokens.clone()); // the cookie, then Bearer
    let site = Site { users, tokens, authenticator: layer.authenticator(), clock };
    Ok(Router::new()
        .route("/api/session", get(session).post(log_in).delete(log_out))
        .route("/api/session/token", post(generate))
        .route("/api/session/token/revoke", post(revoke))
        .layer(SameOriginLayer::new())
        .with_state(site)
        .layer(layer)
        .layer(QueryTokenLayer::new("/api/session", "token"))) // outside of all that logs addresses
}

/// The session of the request, or of the token in the address: this route alone reads one there. Traccar's clients present it
/// again and again; a token of your own links is better redeemed, so that it works once.
async fn session<C: Clock>(State(site): State<Site<C>>, user: Option<CurrentUser>, head: Parts) -> Answer {
    if let Some(token) = QueryToken::from_extensions(&head.extensions) {
        let Some(user) = site.tokens.validate(token).await? else { return Ok(StatusCode::NOT_FOUND.into_response()) };
        if user.token().kind() == TokenKind::Api {
            let issued = site.tokens.generate(user.id()).within(user.token()).await?; // ends with the token
            return Ok((issued.session_cookie(), site.account(user.id()).await?).into_response());
        }
    }
    match user {
        Some(user) => Ok(site.account(user.id()).await?.into_response()),
        None => Ok(StatusCode::NOT_FOUND.into_response()),
    }
}

/// The password may be an API token, as Traccar's page promises.
async fn log_in<C: Clock>(State(site): State<Site<C>>, head: Parts, Form(form): Form<Fields>) -> Answer {
    let account = sqlx::query_as::<_, (i64, String)>("SELECT id, password_hash FROM accounts WHERE email = ?");
    let account = account.bind(&form.email).fetch_optional(site.users.pool()).await.map_err(failed)?;
    let user = UserId::from(account.as_ref().map_or(0, |(id, _)| *id)); // no user has 0
    let issued = match site.tokens.validate_password_token(&user, &form.password).await? {
        Some(found) => site.tokens.generate(&user).within(found.token()).await?,
        None => {
            let is_right = tokio::task::spawn_blocking(move || match account {
                Some((_, hash)) => Argon2::default().verify_password(form.password.as_bytes(), hash.as_str()).is_ok(),
                None => Argon2::default().hash_password(form.password.as_bytes()).is_err(), // as slow as a wrong one
            });
            let true = is_right.await.unwrap_or(false) else { return Err(Refusal::wrong_credentials()) };
            site.tokens.generate(&user).name("Traccar client").await?
        }
    };
    let _ = site.authenticator.log_out(RequestHead::of_parts(&head)).await?; // whoever was logged in here before
    Ok((issued.session_cookie(), site.account(&user).await?).into_response())
}

async fn log_out<C: Clock>(State(site): State<Site<C>>, head: Parts) -> Answer {
    let logged_out = site.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    Ok((logged_out, StatusCode::NO_CONTENT).into_response())
}

/// A token for scripts and links, as bare text: until the date, or for seven days.
async fn generate<C: Clock>(State(site): State<Site<C>>, user: CurrentUser, Form(form): Form<Fields>) -> Answer {
    let lifetime = match form.expiration.as_deref().filter(|text| !text.is_empty()) {
        None => Duration::days(7),
        Some(text) => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(end) if Timestamp::from(end) > site.clock.now() => Timestamp::from(end) - site.clock.now(),
            _ => return Err(RefusalKind::InvalidInput.into()),
        },
    };
    let token = site.tokens.generate(user.id()).api_token().name("Traccar token").lifetime(lifetime);
    // A token that generates another one gives no more than it has.
    let is_login = user.token().kind() == TokenKind::Login && user.token().family().is_none();
    let issued = if is_login { token.await? } else { token.within(user.token()).await? };
    let headers = [(header::CONTENT_TYPE, "text/plain"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, issued.token().expose_secret().to_owned()).into_response())
}

/// For good. Somebody else's token, and one that has ended, are left as they are.
async fn revoke<C: Clock>(State(site): State<Site<C>>, user: CurrentUser, Form(form): Form<Fields>) -> Answer {
    let text = form.token.unwrap_or_default();
    if let Some(found) = site.tokens.validate_password_token(user.id(), &text).await? {
        site.tokens.destroy_by_id(user.id(), found.token().id()).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

type Answer = Result<Response, Refusal>;

impl<C> Site<C> {
    /// The user as Traccar's clients read it.
    async fn account(&self, user: &UserId) -> Result<impl IntoResponse + use<C>, Refusal> {
        let email = sqlx::query_scalar::<_, String>("SELECT email FROM accounts WHERE id = ?").bind(user.as_integer());
        let email = email.fetch_one(self.users.pool()).await.map_err(failed)?;
        let body = serde_json::json!({ "id": user, "name": email, "email": email, "administrator": false });
        Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)))
    }
}

pub(crate) async fn create_account(users: &SqliteRepository, email: &str, password: &str) -> Result<(), Refusal> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| Refusal::new(RefusalKind::Unavailable).with_source(error))?.to_string();
    let mut changes = users.begin().await?;
    let user = users.create_user_in(&mut changes, None, "member").await?;
    let insert = sqlx::query("INSERT INTO accounts VALUES (?, ?, ?)").bind(user.as_integer()).bind(email).bind(hash);
    insert.execute(&mut *changes).await.map_err(failed)?;
    Ok(changes.commit().await?)
}

fn failed(error: sqlx::Error) -> Refusal {
    Refusal::new(RefusalKind::Unavailable).with_source(error)
}
