//! Register, log in, see the members page, log out: run it and open <http://127.0.0.1:3000>.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use axum::extract::{Form, State};
use axum::response::{Html, IntoResponse, Redirect};
use axum::{Router, http::request::Parts, routing::get, routing::post};
use tower_tokens::{auth::Authenticator, prelude::*, request::RequestHead};

const HOME: &str = "Hello! <a href=/register>Register</a>, <a href=/login>log in</a>, <a href=/members>members</a>";
const FORM: &str = "<form method=post><input name=name> <input name=password type=password> <button>Go</button></form>";
const ACCOUNTS: &str = "CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, password_hash TEXT NOT NULL)";

#[derive(Clone)]
struct Site {
    users: SqliteRepository,
    tokens: Tokens,
    authenticator: Authenticator,
}

#[derive(serde::Deserialize)]
struct Login {
    name: String,
    password: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    let users = SqliteRepository::open("members.db").await?; // tokens, users and their levels
    users.create_level("member").await?;
    sqlx::query(ACCOUNTS).execute(users.pool()).await?; // the application's own table, in the same file
    let tokens = Tokens::new(users.clone()).with_cookie(TokenCookie::builder("__Host-token").build()?);
    let policy = SecurityPolicy::new().scenario("members area", level("member")).login_page("/login");
    let token_auth = TokenAuthLayer::new(tokens.clone());
    let app = Router::new()
        .route("/", get(async || Html(HOME)))
        .route("/register", get(async || Html(FORM)).post(register))
        .route("/login", get(async || Html(FORM)).post(log_in))
        .route("/logout", post(log_out))
        // Around the routes above: the user if there is one, refusals as pages, and no form that another site posts.
        .layer((token_auth.clone(), policy.refusal_layer(), SameOriginLayer::new()))
        .route("/members", get(members).layer((token_auth.clone(), policy.guard("members area"))))
        .with_state(Site { users, tokens, authenticator: token_auth.authenticator() });
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?)
}

async fn register(State(site): State<Site>, Form(form): Form<Login>) -> Result<Redirect, Refusal> {
    let (1..=40, 8..=200) = (form.name.len(), form.password.len()) else {
        return Err(RefusalKind::InvalidInput.into());
    };
    let hash = move || Argon2::default().hash_password(form.password.as_bytes()).map(|hash| hash.to_string());
    let hash = hashing(hash).await?.map_err(failed)?;
    let mut changes = site.users.begin().await?; // of both tables, or of neither
    site.users.create_user_in(&mut changes, Some(form.name.as_str().into()), "member").await?;
    let insert = sqlx::query("INSERT INTO accounts VALUES (?, ?)").bind(form.name).bind(hash);
    insert.execute(&mut *changes).await.map_err(failed)?;
    changes.commit().await?;
    Ok(Redirect::to("/login"))
}

async fn log_in(State(site): State<Site>, head: Parts, Form(form): Form<Login>) -> Result<impl IntoResponse, Refusal> {
    let hash = sqlx::query_scalar::<_, String>("SELECT password_hash FROM accounts WHERE name = ?").bind(&form.name);
    let hash = hash.fetch_optional(site.users.pool()).await.map_err(failed)?;
    let is_right = hashing(move || match hash {
        Some(hash) => Argon2::default().verify_password(form.password.as_bytes(), hash.as_str()).is_ok(),
        None => Argon2::default().hash_password(form.password.as_bytes()).is_err(), // as slow as a wrong password
    });
    let true = is_right.await? else { return Err(Refusal::wrong_credentials()) };
    log_out(State(site.clone()), head).await?; // whoever was logged in here before
    let issued = site.tokens.generate(form.name.as_str()).lifetime(Lifetime::days(30)).await?;
    Ok((issued.remember_me(), Redirect::to("/members")))
}

async fn members(user: CurrentUser) -> Html<String> {
    let (name, level) = (user.id().to_string().replace('&', "&amp;").replace('<', "&lt;"), user.level());
    Html(format!("Hello, {name}, {level}! <form method=post action=/logout><button>Log out</button></form>"))
}

/// Ends every token that the request presents, and takes the cookie away.
async fn log_out(State(site): State<Site>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    let logged_out = site.authenticator.log_out(RequestHead::of_parts(&head)).await?;
    Ok((logged_out, Redirect::to("/")))
}

/// Runs `work`, which takes 19 MiB and a core, beside the requests; four at a time, though their visitors leave.
async fn hashing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    static PERMITS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(4);
    let permit = PERMITS.acquire().await.map_err(failed)?;
    Ok(tokio::task::spawn_blocking(move || (work(), permit)).await.map_err(failed)?.0)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Refusal {
    Refusal::new(RefusalKind::Unavailable).with_source(error)
}
