//! The program of the README: log in, look around, log out.

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use tower::{Layer, ServiceBuilder};
use tower_tokens::auth::{Authenticator, TokenAuthLayer};
use tower_tokens::extract::Authenticated;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::SecurityPolicy;
use tower_tokens::token::Lifetime;
use tower_tokens::user::{CurrentUser, UserId, UserLevel};

use crate::http::Server;
use crate::site::{Site, policy};

#[derive(Clone)]
struct AppState {
    tokens: Tokens,
    policy: SecurityPolicy,
    user: UserId,
    authenticator: Authenticator,
}

impl FromRef<AppState> for Authenticator {
    fn from_ref(state: &AppState) -> Self {
        state.authenticator.clone()
    }
}

async fn login(State(app): State<AppState>) -> impl IntoResponse {
    // The application has checked the password here.
    let issued = app.tokens.generate(app.user).lifetime(Lifetime::days(30)).await.unwrap();
    (issued.remember_me(), Redirect::to("/members"))
}

async fn logout(State(app): State<AppState>, user: CurrentUser) -> impl IntoResponse {
    app.tokens.destroy_current(&user).await.unwrap();
    (app.tokens.removal_cookie(), Redirect::to("/"))
}

async fn members(user: CurrentUser) -> String {
    format!("user {} ({})", user.id(), user.level())
}

async fn front(user: Option<CurrentUser>) -> String {
    user.map_or_else(|| "welcome".to_owned(), |user| format!("welcome back, {}", user.id()))
}

async fn level(level: UserLevel) -> String {
    level.title().to_owned()
}

async fn alone(Authenticated(user): Authenticated) -> String {
    format!("{} alone", user.level())
}

async fn admin(State(app): State<AppState>, user: CurrentUser) -> Result<&'static str, tower_tokens::respond::Refusal> {
    app.policy.make_sure_allowed("admin panel", &user).await?;
    Ok("panel")
}

fn state(site: &Site) -> AppState {
    let authenticator = TokenAuthLayer::new(site.tokens.clone()).authenticator();
    AppState { tokens: site.tokens.clone(), policy: policy(), user: site.member.clone(), authenticator }
}

fn routes(site: &Site) -> Router {
    let state = state(site);
    Router::new()
        .route("/members", get(members))
        .route_layer(state.policy.guard("members area"))
        .route("/", get(front))
        .route("/level", get(level))
        .route("/alone", get(alone))
        .route("/admin", get(admin))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .with_state(state)
}

/// The whole visit, however the layer is attached.
async fn visit(server: &Server, site: &Site) {
    let page = ("accept", "text/html");
    let answer = server.get("/members", &[page]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login?next=%2Fmembers")));
    assert_eq!(server.get("/", &[]).await.body, "welcome");
    assert_eq!(server.get("/level", &[]).await.status, 401);

    let answer = server.send("POST", "/login", &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/members")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let set_cookie = answer.header("set-cookie").unwrap();
    assert!(set_cookie.contains("; Max-Age=2592000; "), "{set_cookie}");
    let cookie = format!("theme=dark; trongatetoken={}", answer.cookie("trongatetoken").unwrap());
    let cookie = ("cookie", cookie.as_str());

    let answer = server.get("/members", &[cookie, page]).await;
    assert_eq!(answer.body, format!("user {} (member)", site.member));
    assert_eq!(answer.header("cache-control"), Some("private"));
    assert_eq!(server.get("/", &[cookie]).await.body, format!("welcome back, {}", site.member));
    assert_eq!(server.get("/level", &[cookie]).await.body, "member");
    assert_eq!(server.get("/alone", &[cookie]).await.body, "member alone");
    let denied = server.get("/admin", &[cookie]).await;
    assert_eq!(denied.status, 403);
    assert_eq!(denied.header("www-authenticate"), Some(r#"Bearer realm="the club", error="insufficient_scope""#));

    let forged = server.send("POST", "/logout", &[cookie, ("sec-fetch-site", "cross-site")]).await;
    assert_eq!(forged.status, 403, "another site cannot log them out");
    let answer = server.send("POST", "/logout", &[cookie, ("sec-fetch-site", "same-origin")]).await;
    assert_eq!((answer.status, answer.cookie("trongatetoken")), (303, Some("")));
    assert!(answer.header("set-cookie").unwrap().contains("; Max-Age=0; "));
    assert_eq!(server.get("/members", &[cookie, page]).await.status, 303, "the stolen cookie is dead too");
    assert_eq!(server.get("/", &[cookie]).await.body, "welcome", "a stale cookie is not an error of its sender");
    assert_eq!(server.get("/alone", &[cookie]).await.status, 401);
}

#[tokio::test]
async fn the_program_of_the_readme_does_what_it_says() {
    for site in [Site::new().await, Site::async_only().await] {
        let layer = || TokenAuthLayer::new(site.tokens.clone()).responses(policy().responses());
        visit(&Server::start(routes(&site).layer(layer())).await, &site).await;
        visit(&Server::start(routes(&site).layer(ServiceBuilder::new().layer(layer()))).await, &site).await;
        visit(&Server::start(layer().layer(routes(&site))).await, &site).await;
        let middle =
            ServiceBuilder::new().map_request(|request: Request| request).layer(layer()).service(routes(&site));
        visit(&Server::start(middle).await, &site).await;
    }
}

#[tokio::test]
async fn without_the_layer_every_request_is_refused_and_the_log_says_why() {
    let site = Site::new().await;
    let server = Server::start(routes(&site)).await;
    let cookie = format!("trongatetoken={}", site.member_token().await);
    for path in ["/members", "/", "/level", "/admin"] {
        assert_eq!(server.get(path, &[("cookie", &cookie)]).await.status, 500, "{path}");
    }
    assert_eq!(server.get("/alone", &[("cookie", &cookie)]).await.body, "member alone", "it needs no layer");
    assert_eq!(server.get("/alone", &[]).await.header("www-authenticate"), Some(r#"Bearer realm="members""#));
}
