//! Log in and log out.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use tower_tokens::request::RequestHead;
use tower_tokens::respond::safe_next;
use tower_tokens::user::CurrentUser;

use super::super::app::Site;
use super::super::device;
use super::super::failure::{CHALLENGE, Failure};
use super::super::login::{Credentials, Refusal, Stay};
use super::super::view::{self, Frame};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    notice: Option<&'a str>,
    problem: Option<&'a str>,
    username: &'a str,
    remember: bool,
    next: &'a str,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct LoginQuery {
    next: String,
    notice: String,
}

/// `GET /login`
///
/// Not `Option<CurrentUser>`, which refuses what is wrong with a credential: whoever has a bad one comes here to get a
/// good one.
pub(crate) async fn login(
    user: Option<Extension<CurrentUser>>,
    Query(query): Query<LoginQuery>,
) -> Result<Response, Failure> {
    let notice = match (query.notice.as_str(), &user) {
        ("registered", _) => Some("Welcome! Your account is ready. Log in with your new password."),
        ("reset", _) => Some("Your new password is set, and every device is logged out. Log in with the new password."),
        (_, Some(_)) => Some("You are logged in already. Logging in again replaces this login."),
        ("logged-out", None) => Some("You are logged out."),
        _ => None,
    };
    let page = LoginPage {
        frame: Frame::new("/login", user.as_deref()),
        notice,
        problem: None,
        username: "",
        remember: false,
        next: safe_next(&query.next).unwrap_or_default(),
    };
    view::page(StatusCode::OK, &page)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct LoginForm {
    username: String,
    password: String,
    remember: String,
    next: String,
}

/// `POST /login`
pub(crate) async fn log_in(
    State(site): State<Site>,
    parts: Parts,
    Form(form): Form<LoginForm>,
) -> Result<Response, Failure> {
    let next = safe_next(&form.next).unwrap_or_default();
    // A browser leaves an empty box out of the form. Scripts that write it out mean what they write.
    let remember = !matches!(form.remember.as_str(), "" | "0" | "false" | "off" | "no");
    let stay = if remember { Stay::Remembered } else { Stay::ThisSession };
    let credentials = Credentials { username: form.username.clone(), password: form.password, stay };
    match site.log_in(credentials, RequestHead::of_parts(&parts), &device::name(&parts.headers)).await {
        Ok(issued) => {
            let cookie = match stay {
                Stay::Remembered => issued.remember_me(),
                Stay::ThisSession => issued.session_cookie(),
            };
            Ok((cookie, Redirect::to(if next.is_empty() { "/members" } else { next })).into_response())
        }
        Err(Refusal::WrongPassword) => {
            let page = LoginPage {
                frame: Frame::new("/login", parts.extensions.get::<CurrentUser>()),
                notice: None,
                problem: Some("This user name and this password do not go together."),
                username: &form.username,
                remember,
                next,
            };
            Ok(([CHALLENGE], view::page(StatusCode::UNAUTHORIZED, &page)?).into_response())
        }
        Err(Refusal::Failure(failure)) => Err(failure),
    }
}

/// `POST /logout`
pub(crate) async fn log_out(State(site): State<Site>, parts: Parts) -> Result<Response, Failure> {
    let logged_out = site.authenticator.log_out(RequestHead::of_parts(&parts)).await?;
    Ok((logged_out, Redirect::to("/login?notice=logged-out")).into_response())
}
