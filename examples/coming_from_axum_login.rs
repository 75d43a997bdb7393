//! axum-login's example `sqlite` with this crate: log in as `ferris` with the password `hunter42`, see a page, log out.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, request::Parts};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Router, routing::get, routing::post};
use sqlx::SqlitePool;
use time::Duration;
use tower_tokens::extract::User;
use tower_tokens::policy::authenticated;
use tower_tokens::{auth::Authenticator, prelude::*, request::RequestHead, respond::safe_next};

/// The table of axum-login's example, as it is.
const USERS: &str = "CREATE TABLE IF NOT EXISTS users
    (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL)";

#[derive(Template)]
#[template(
    source = "{% if failed %}<p>Invalid credentials{% endif %}<form method=post><input name=username>
        <input name=password type=password>{% if let Some(next) = next %}<input name=next type=hidden value=\"{{ next }}\">
        {% endif %}<button>Log in</button></form>",
    ext = "html"
)]
struct LoginPage {
    failed: bool,
    next: Option<String>,
}

#[derive(Template)]
#[template(
    source = "<p>Logged in as {{ username }}.<form method=post action=/logout><button>Log out</button></form>",
    ext = "html"
)]
struct ProtectedPage<'a> {
    username: &'a str,
}

/// The columns of `users` that handlers need.
#[derive(serde::Deserialize)]
struct Account {
    username: String,
}

#[derive(Clone)]
struct Site {
    database: SqlitePool,
    tokens: Tokens,
    authenticator: Authenticator,
}

#[derive(serde::Deserialize)]
struct Credentials {
    username: String,
    password: String,
    next: Option<String>,
}

#[derive(serde::Deserialize)]
struct NextUrl {
    next: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    let repository = SqliteRepository::open("example.db").await?;
    let (database, tokens) = open(repository).await?;
    tokens.spawn_pruning(std::time::Duration::from_secs(60));
    let hash = Argon2::default().hash_password(b"hunter42")?.to_string();
    let ferris = sqlx::query("INSERT OR IGNORE INTO users (username, password) VALUES ('ferris', ?)").bind(hash);
    ferris.execute(&database).await?;
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app(database, tokens)).await?)
}

/// The tokens of the users in the application's table. A new password ends them; so does a day without a request.
pub(crate) async fn open(repository: SqliteRepository) -> Result<(SqlitePool, Tokens), Box<dyn std::error::Error>> {
    let database = repository.pool().clone();
    sqlx::query(USERS).execute(&database).await?;
    let users = UserTable::new("users").ends_with("password").data::<Account>(["username"]);
    let repository = repository.with_users(users);
    repository.migrate().await?;
    let lifetime = Lifetime::days(30).with_idle_limit(Duration::days(1));
    let cookie = TokenCookie::builder("__Host-token").build()?;
    Ok((database, Tokens::new(repository).with_lifetime(lifetime).with_cookie(cookie)))
}

pub(crate) fn app(database: SqlitePool, tokens: Tokens) -> Router {
    let policy = SecurityPolicy::new().scenario("protected", authenticated()).login_page("/login");
    let token_auth = TokenAuthLayer::new(tokens.clone());
    Router::new()
        .route("/", get(protected))
        .route_layer(policy.guard("protected"))
        .route("/login", get(login_page).post(log_in))
        .route("/logout", post(log_out))
        .layer(SameOriginLayer::new())
        .layer(policy.refusal_layer())
        .with_state(Site { database, tokens, authenticator: token_auth.authenticator() })
        .layer(token_auth)
}

async fn login_page(Query(NextUrl { next }): Query<NextUrl>) -> Result<Html<String>, Refusal> {
    LoginPage { failed: false, next }.render().map(Html).map_err(failed)
}

async fn log_in(State(site): State<Site>, head: Parts, Form(form): Form<Credentials>) -> Result<Response, Refusal> {
    let account = sqlx::query_as::<_, (i64, String)>("SELECT id, password FROM users WHERE username = ?");
    let account = account.bind(&form.username).fetch_optional(&site.database).await.map_err(failed)?;
    let (id, hash) = account.unzip();
    let is_right = tokio::task::spawn_blocking(move || match hash {
        Some(hash) => Argon2::default().verify_password(form.password.as_bytes(), hash.as_str()).is_ok(),
        None => Argon2::default().hash_password(form.password.as_bytes()).is_err(), // as slow as a wrong password
    });
    let (true, Some(id)) = (is_right.await.map_err(failed)?, id) else {
        let form = LoginPage { failed: true, next: form.next }.render().map_err(failed)?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(form)).into_response());
    };
    _ = site.authenticator.log_out(RequestHead::of_parts(&head)).await?; // whoever was logged in here before
    let issued = site.tokens.generate(id).await?;
    let next = form.next.as_deref().and_then(safe_next).unwrap_or("/");
    Ok((issued.remember_me(), Redirect::to(next)).into_response())
}

/// The user's row came along with the look-up of the token: there is no second query.
async fn protected(User(_, account): User<Account>) -> Result<Html<String>, Refusal> {
    ProtectedPage { username: &account.username }.render().map(Html).map_err(failed)
}

async fn log_out(State(site): State<Site>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    let logged_out = site.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    Ok((logged_out, Redirect::to("/login")))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Refusal {
    Refusal::new(RefusalKind::Unavailable).with_source(error)
}
