//! axum-login's example `sqlite` with this crate: log in as `ferris` with the password `hunter42`, see a page, log out.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, request::Parts};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Router, routing::get, routing::post};
use time::Duration;
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
struct ProtectedPage {
    username: String,
}

#[derive(Clone)]
struct Site {
    users: SqliteRepository,
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
    let users = SqliteRepository::open("example.db").await?;
    let tokens = tokens(&users)?;
    tokens.spawn_pruning(std::time::Duration::from_secs(60));
    let app = app(users.clone(), tokens).await?;
    let hash = Argon2::default().hash_password(b"hunter42")?.to_string();
    let ferris = sqlx::query("INSERT OR IGNORE INTO users (username, password) VALUES ('ferris', ?)").bind(hash);
    ferris.execute(users.pool()).await?;
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}

/// A login ends after a day without a request, and after 30 days in any case.
pub(crate) fn tokens(users: &SqliteRepository) -> Result<Tokens, Error> {
    let lifetime = Lifetime::days(30).with_idle_limit(Duration::days(1));
    let cookie = TokenCookie::builder("__Host-token").build()?;
    Ok(Tokens::new(users.clone()).with_lifetime(lifetime).with_cookie(cookie))
}

pub(crate) async fn app(users: SqliteRepository, tokens: Tokens) -> Result<Router, Box<dyn std::error::Error>> {
    sqlx::query(USERS).execute(users.pool()).await?;
    users.create_level("user").await?;
    let policy = SecurityPolicy::new().scenario("protected", level("user")).login_page("/login");
    let token_auth = TokenAuthLayer::new(tokens.clone());
    Ok(Router::new()
        .route("/", get(protected))
        .route_layer(policy.guard("protected"))
        .route("/login", get(login_page).post(log_in))
        .route("/logout", post(log_out))
        .layer(SameOriginLayer::new())
        .layer(policy.refusal_layer())
        .with_state(Site { users, tokens, authenticator: token_auth.authenticator() })
        .layer(token_auth))
}

async fn login_page(Query(NextUrl { next }): Query<NextUrl>) -> Result<Html<String>, Refusal> {
    LoginPage { failed: false, next }.render().map(Html).map_err(failed)
}

async fn log_in(State(site): State<Site>, head: Parts, Form(form): Form<Credentials>) -> Result<Response, Refusal> {
    let account = sqlx::query_as::<_, (i64, String)>("SELECT id, password FROM users WHERE username = ?");
    let account = account.bind(&form.username).fetch_optional(site.users.pool()).await.map_err(failed)?;
    let (id, hash) = account.unzip();
    let is_right = tokio::task::spawn_blocking(move || match hash {
        Some(hash) => Argon2::default().verify_password(form.password.as_bytes(), hash.as_str()).is_ok(),
        None => Argon2::default().hash_password(form.password.as_bytes()).is_err(), // as slow as a wrong password
    });
    let (true, Some(id)) = (is_right.await.map_err(failed)?, id) else {
        let form = LoginPage { failed: true, next: form.next }.render().map_err(failed)?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(form)).into_response());
    };
    match site.users.create_user(Some(id.into()), "user").await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {} // the first login of this user, or a later one
    }
    _ = site.authenticator.log_out(RequestHead::of_parts(&head)).await?; // whoever was logged in here before
    let issued = site.tokens.generate(id).await?;
    let next = form.next.as_deref().and_then(safe_next).unwrap_or("/");
    Ok((issued.remember_me(), Redirect::to(next)).into_response())
}

/// The name is in the application's table: a second query.
async fn protected(State(site): State<Site>, user: CurrentUser) -> Result<Html<String>, Refusal> {
    let name = sqlx::query_scalar("SELECT username FROM users WHERE id = ?").bind(user.id().as_integer());
    let username = name.fetch_one(site.users.pool()).await.map_err(failed)?;
    ProtectedPage { username }.render().map(Html).map_err(failed)
}

async fn log_out(State(site): State<Site>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    let logged_out = site.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    Ok((logged_out, Redirect::to("/login")))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Refusal {
    Refusal::new(RefusalKind::Unavailable).with_source(error)
}
