//! The program in the README is this one, and it does what it says.

mod links;
mod promises;

use axum::body::Body;
use http::{Request, StatusCode, header};
use tower::ServiceExt;
use tower_tokens::prelude::*;

const PROGRAM: &str = include_str!("program.rs");

#[derive(serde::Deserialize)]
struct Login {
    name: String,
}

/// Passwords are the application's.
async fn check_password(form: &Login) -> Result<UserId, Refusal> {
    Ok(UserId::from(form.name.as_str()))
}

mod program {
    use super::{Login, check_password};

    include!("program.rs");

    pub(super) async fn start(path: &str) -> Router {
        app(path).await.unwrap()
    }
}

#[test]
fn the_readme_shows_the_program_that_is_tested() {
    assert!(include_str!("../../../README.md").contains(PROGRAM));
}

#[tokio::test]
async fn a_visitor_is_kept_out_and_a_member_is_let_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("members.db").to_str().unwrap().to_owned();
    let users = SqliteRepository::open(&path).await.unwrap();
    users.create_level("member").await.unwrap();
    users.create_user(Some("ann".into()), "member").await.unwrap();
    let app = program::start(&path).await;

    let visitor = Request::get("/members").header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(visitor).await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/login?next=%2Fmembers");

    let login = Request::post("/login").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = app.clone().oneshot(login.body(Body::from("name=ann")).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let set_cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    let cookie = set_cookie.split(';').next().unwrap();

    let member = Request::get("/members").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    let response = app.oneshot(member).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "user ann (member)");
}
