use axum::{Form, Router, extract::State, response::{IntoResponse, Redirect}, routing::{get, post}};
use tower_tokens::prelude::*;

#[derive(Clone)]
struct AppState { tokens: Tokens }

async fn app(path: &str) -> Result<Router, Error> {
    let tokens = Tokens::new(SqliteRepository::open(path).await?);
    let policy = SecurityPolicy::new()
        .scenario("admin panel", level("admin"))
        .scenario("members area", any_level(["member", "admin"]))
        .login_page("/login");
    Ok(Router::new()
        .route("/members", get(members))
        .route_layer(policy.guard("members area"))
        .route("/login", post(login))
        .layer(TokenAuthLayer::new(tokens.clone()).answers(policy.answers()))
        .with_state(AppState { tokens }))
}

async fn login(State(app): State<AppState>, Form(form): Form<Login>) -> Result<impl IntoResponse, Refusal> {
    let user_id = check_password(&form).await?;                                    // yours
    let issued = app.tokens.generate(user_id).lifetime(Lifetime::days(30)).await?; // ours
    Ok((issued.remember_me(), Redirect::to("/members")))                           // Set-Cookie
}

async fn members(user: CurrentUser) -> String {
    format!("user {} ({})", user.id(), user.level())
}
