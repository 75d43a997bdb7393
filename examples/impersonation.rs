//! An administrator sees the site as a member does, and comes back: run it, and send the cookie that it prints.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect};
use axum::{Router, http::request::Parts, routing::get, routing::post};
use tower_tokens::policy::{authenticated, check, check_async, deny_if, not};
use tower_tokens::{auth::Authenticator, clock::Timestamp, lifecycle::IssuedToken, prelude::*, request::RequestHead};

type Users = Arc<dyn UserRepository>;

/// What the code of an impersonating token begins with; the rest is the id of the administrator.
const BEHIND: &str = "admin ";

#[derive(Clone)]
struct Site {
    users: Users,
    tokens: Tokens,
    own: Authenticator,      // reads the cookie that every page reads
    way_back: Authenticator, // reads the cookie that no page reads
    both: Authenticator,
    way_back_cookie: TokenCookie,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    let users = Arc::new(MemoryRepository::new());
    users.create_level("admin").await?;
    users.create_level("member").await?;
    let (admin, _member) = (users.create_user(None, "admin").await?, users.create_user(None, "member").await?);
    let tokens = Tokens::new(Arc::clone(&users)).with_cookie(TokenCookie::builder("__Host-token").build()?);
    println!("Cookie: __Host-token={}", tokens.generate(&admin).await?.token().expose_secret());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app(users, tokens)?).await?)
}

pub(crate) fn app(users: Users, tokens: Tokens) -> Result<Router, Error> {
    let way_back_cookie = TokenCookie::builder("__Host-way-back").build()?;
    let sources = [tokens.cookie().name(), way_back_cookie.name()].map(TokenSource::cookie);
    let reading = |sources: &[TokenSource]| TokenAuthLayer::new(tokens.clone()).sources(sources.iter().cloned());
    let (layer, way_back, both) = (reading(&sources[..1]), reading(&sources[1..]), reading(&sources));
    let (own, way_back, both) = (layer.authenticator(), way_back.authenticator(), both.authenticator());
    let (is_impersonated, admins) = (check(|user, ()| behind(user).is_some()), Arc::clone(&users));
    let is_backed = check_async(move |user, ()| is_backed(user, Arc::clone(&admins)));
    let is_backed = not(is_impersonated.clone()).or(is_backed); // asks the store for impersonating tokens only
    let policy = SecurityPolicy::new()
        .scenario("pages", authenticated().and(is_backed.clone()))
        .scenario("impersonate", level("admin"))
        .scenario("change password", authenticated().and(is_backed).and(deny_if(is_impersonated)));
    Ok(Router::new()
        .route("/", get(async |user: CurrentUser| Html(format!("{}<p>user {}", banner(&user), user.id()))))
        .route_layer(policy.guard("pages"))
        .merge(Router::new().route("/become/{id}", post(become_user)).route_layer(policy.guard("impersonate")))
        .merge(Router::new().route("/password", post(async || "")).route_layer(policy.guard("change password")))
        .route("/way-back", post(come_back))
        .route("/logout", post(log_out))
        .layer(SameOriginLayer::new())
        .layer(policy.refusal_layer())
        .with_state(Site { users, tokens, own, way_back, both, way_back_cookie })
        .layer(layer))
}

/// The administrator who acts as this user.
fn behind(user: &CurrentUser) -> Option<UserId> {
    Some(user.token().code()?.strip_prefix(BEHIND)?.parse::<i64>().ok()?.into())
}

fn banner(user: &CurrentUser) -> String {
    let text = "<form method=post action=/way-back>You see this site as another user. <button>Go back</button></form>";
    behind(user).map(|_| text.to_owned()).unwrap_or_default()
}

/// Whether the administrator behind this user is still one: if not, the token is worth nothing.
async fn is_backed(user: CurrentUser, users: Users) -> Result<bool, Error> {
    let Some(admin) = behind(&user) else { return Ok(false) };
    Ok(users.user(&admin).await?.is_some_and(|admin| admin.level.title() == "admin" && !admin.disabled))
}

async fn become_user(
    State(site): State<Site>,
    admin: CurrentUser,
    Path(id): Path<i64>,
    head: Parts,
) -> Result<impl IntoResponse, Refusal> {
    let user = site.users.user(&id.into()).await?.ok_or(RefusalKind::NotFound)?;
    let ("member", false) = (user.level.title(), user.disabled) else { return Err(RefusalKind::Denied.into()) };
    let code = format!("{BEHIND}{}", admin.id());
    let issued = site.tokens.generate(&user.id).lifetime(Lifetime::seconds(30 * 60)).code(code).name("support");
    let issued = issued.authenticated_at(Timestamp::from_unix_seconds(0)).await?; // the user proved nothing
    let kept = site.rotated(&site.own, RequestHead::of_parts(&head)).await?;
    tracing::info!(admin = %admin.id(), user = %user.id, "an administrator became a user");
    Ok((issued.session_cookie(), site.way_back_cookie.set_session(kept.token()), Redirect::to("/")))
}

async fn come_back(State(site): State<Site>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    let head = RequestHead::of_parts(&head);
    let issued = site.rotated(&site.way_back, head).await?;
    let _ = site.own.log_out(head).await?;
    tracing::info!(admin = %issued.user_id(), "an administrator came back");
    Ok((issued.session_cookie(), site.way_back_cookie.removal(), Redirect::to("/")))
}

async fn log_out(State(site): State<Site>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    Ok((site.both.log_out(RequestHead::of_parts(&head)).await?, site.way_back_cookie.removal(), Redirect::to("/")))
}

impl Site {
    /// Gives the valid token in a cookie a new text, so that no text is ever valid in both cookies.
    async fn rotated(&self, cookie: &Authenticator, head: RequestHead<'_>) -> Result<IssuedToken, Refusal> {
        let user = cookie.authenticate(head).await?;
        let token = cookie.current_token(head, &user).await?;
        Ok(self.tokens.regenerate(&token).await?)
    }
}
