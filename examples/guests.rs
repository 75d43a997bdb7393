//! Guests with a cart who register or log in on the same device, and keep the cart: run it, and send it requests.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use axum::extract::{Form, State};
use axum::{Router, http::request::Parts, response::IntoResponse, response::Redirect, routing::get, routing::post};
use tokio::task::spawn_blocking;
use tower_tokens::{auth::Authenticator, prelude::*, request::RequestHead, user::Reason};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, user_id INTEGER NOT NULL, password_hash TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS carts (user_id INTEGER REFERENCES tower_tokens_users ON DELETE CASCADE, item TEXT,
        count INTEGER NOT NULL, PRIMARY KEY (user_id, item))";
const MERGE: &str = "INSERT INTO carts SELECT ?2, item, count FROM carts WHERE user_id = ?1
    ON CONFLICT DO UPDATE SET count = count + excluded.count";

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
    let app = app(SqliteRepository::open("guests.db").await?).await?;
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}

pub(crate) async fn app(users: SqliteRepository) -> Result<Router, Refusal> {
    tokio::try_join!(users.create_level("guest"), users.create_level("member"))?;
    sqlx::raw_sql(TABLES).execute(users.pool()).await.map_err(failed)?;
    let tokens = Tokens::new(users.clone()).with_cookie(TokenCookie::builder("__Host-token").build()?);
    let layer = TokenAuthLayer::new(tokens.clone());
    let policy = SecurityPolicy::new().scenario("orders", level("member")); // a guest has a token, and is no member
    Ok(Router::new()
        .route("/orders", get(async |user: CurrentUser| format!("orders of user {}", user.id())))
        .route_layer(policy.guard("orders"))
        .route("/cart", get(show_cart).post(add))
        .route("/register", post(register))
        .route("/login", post(log_in))
        .layer(SameOriginLayer::new())
        .layer(policy.refusal_layer())
        .with_state(Site { users, tokens, authenticator: layer.authenticator() })
        .layer(layer))
}

async fn show_cart(State(site): State<Site>, user: Option<CurrentUser>) -> Result<String, Refusal> {
    let cart = sqlx::query_scalar("SELECT group_concat(count || ' ' || item, ', ') FROM carts WHERE user_id = ?");
    let cart = cart.bind(user.and_then(|user| user.id().as_integer())).fetch_one(site.users.pool());
    Ok(Option::<String>::unwrap_or_default(cart.await.map_err(failed)?))
}

/// Makes a guest when there is something to keep. If a visit made one, each robot would leave a user behind.
async fn add(State(site): State<Site>, user: Option<CurrentUser>, item: String) -> Result<impl IntoResponse, Refusal> {
    let 1..=40 = item.len() else { return Err(RefusalKind::InvalidInput.into()) };
    let (user, cookie) = match user {
        Some(user) => (user.id().clone(), None),
        None => {
            let guest = site.users.create_user(None, "guest").await?;
            (guest.clone(), Some(site.tokens.generate(guest).lifetime(Lifetime::days(30)).await?.remember_me()))
        }
    };
    let add = sqlx::query("INSERT INTO carts VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1");
    add.bind(user.as_integer()).bind(item).execute(site.users.pool()).await.map_err(failed)?;
    Ok((cookie, Redirect::to("/cart")))
}

async fn register(State(site): State<Site>, head: Parts, Form(new): Form<Login>) -> Result<impl IntoResponse, Refusal> {
    let (1..=40, 8..=200) = (new.name.len(), new.password.len()) else { return Err(RefusalKind::InvalidInput.into()) };
    let hash = spawn_blocking(move || Argon2::default().hash_password(new.password.as_bytes()).map(|h| h.to_string()));
    let hash = hash.await.map_err(failed)?.map_err(failed)?;
    let mut transaction = site.users.begin().await?;
    let member = site.users.create_user_in(&mut transaction, None, "member").await?;
    let insert = sqlx::query("INSERT INTO accounts VALUES (?, ?, ?) ON CONFLICT DO NOTHING").bind(new.name);
    let inserted = insert.bind(member.as_integer()).bind(hash).execute(&mut *transaction).await.map_err(failed)?;
    let 1 = inserted.rows_affected() else { return Err(RefusalKind::AlreadyExists.into()) };
    transaction.commit().await?;
    enter(&site, RequestHead::of_parts(&head), member).await
}

async fn log_in(State(site): State<Site>, head: Parts, Form(form): Form<Login>) -> Result<impl IntoResponse, Refusal> {
    let account = sqlx::query_as("SELECT user_id, password_hash FROM accounts WHERE name = ?").bind(form.name);
    let account: Option<(i64, String)> = account.fetch_optional(site.users.pool()).await.map_err(failed)?;
    let member = spawn_blocking(move || match account {
        Some((id, hash)) => Argon2::default().verify_password(form.password.as_bytes(), &*hash).is_ok().then_some(id),
        None => Argon2::default().hash_password(form.password.as_bytes()).err().map(|_| 0), // as slow as a wrong password
    });
    let member = member.await.map_err(failed)?.ok_or_else(Refusal::wrong_credentials)?;
    enter(&site, RequestHead::of_parts(&head), member.into()).await
}

/// Logs in a member who has just proved who they are. They get what a guest had here, and nothing of another member.
async fn enter(site: &Site, head: RequestHead<'_>, member: UserId) -> Result<impl IntoResponse + use<>, Refusal> {
    match site.authenticator.authenticate(head).await {
        Ok(user) if user.level().title() == "guest" => {
            let (guest, mut change) = (user.id().as_integer(), site.users.begin().await?);
            let merge = sqlx::query(MERGE).bind(guest).bind(member.as_integer());
            merge.execute(&mut *change).await.map_err(failed)?;
            let empty = sqlx::query("DELETE FROM carts WHERE user_id = ?").bind(guest);
            empty.execute(&mut *change).await.map_err(failed)?;
            change.commit().await?;
            site.users.delete_user(user.id()).await?; // and all tokens of the guest
        }
        Err(why) if why.reason() == Reason::Unavailable => return Err(why.into()), // or the cart would be lost
        _ => {}
    }
    let _ = site.authenticator.log_out(head).await?;
    let issued = site.tokens.generate(&member).lifetime(Lifetime::days(30)).await?;
    Ok((issued.remember_me(), Redirect::to("/cart")))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Refusal {
    Refusal::new(RefusalKind::Unavailable).with_source(error)
}
