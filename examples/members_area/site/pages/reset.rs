//! Forgot the password: ask for a link, and set a new password with it.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;
use tower_tokens::user::CurrentUser;

use super::super::app::Site;
use super::super::failure::Failure;
use super::super::registration::{PASSWORD_RULE, password_problems};
use super::super::reset::Refusal;
use super::super::view::{self, Frame};

const SENT: &str = "If somebody has an account with that name or address, a link is on its way. It works once, for 15 \
                    minutes. This example sends no e-mails: the link is in the server’s log.";
const DEAD: &str = "This link does not work any more. It works once, for 15 minutes, and only until the password changes. \
                    You can have a new one.";

#[derive(Template)]
#[template(path = "forgot.html")]
struct ForgotPage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "reset.html")]
struct ResetPage<'a> {
    frame: Frame,
    problems: &'a [&'static str],
    username: &'a str,
    token: &'a str,
    password_rule: &'static str,
}

#[derive(Deserialize)]
pub(crate) struct ForgotQuery {
    #[serde(default)]
    notice: String,
}

/// `GET /forgot`
pub(crate) async fn forgot(
    user: Option<Extension<CurrentUser>>,
    Query(query): Query<ForgotQuery>,
) -> Result<Response, Failure> {
    let notice = (query.notice == "sent").then_some(SENT);
    view::page(StatusCode::OK, &ForgotPage { frame: Frame::new("/forgot", user.as_deref()), notice, problem: None })
}

#[derive(Deserialize)]
pub(crate) struct ForgotForm {
    #[serde(default)]
    login: String,
}

/// `POST /forgot`
pub(crate) async fn send_link(State(site): State<Site>, Form(form): Form<ForgotForm>) -> Result<Redirect, Failure> {
    site.send_reset_links(&form.login).await?;
    Ok(Redirect::to("/forgot?notice=sent"))
}

#[derive(Deserialize)]
pub(crate) struct ResetQuery {
    #[serde(default)]
    token: String,
}

/// `GET /reset`
///
/// It changes nothing: programs that look through a mailbox follow every link.
pub(crate) async fn reset(
    State(site): State<Site>,
    user: Option<Extension<CurrentUser>>,
    Query(query): Query<ResetQuery>,
) -> Result<Response, Failure> {
    let frame = Frame::new("/reset", user.as_deref());
    match site.open_reset(&query.token).await {
        Ok(reset) => form(StatusCode::OK, frame, &reset.account.username, &query.token, &[]),
        Err(refusal) => refused(frame, refusal),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct ResetForm {
    token: String,
    password: String,
    password_confirmation: String,
}

/// `POST /reset`
pub(crate) async fn set_password(
    State(site): State<Site>,
    user: Option<Extension<CurrentUser>>,
    Form(typed): Form<ResetForm>,
) -> Result<Response, Failure> {
    let frame = Frame::new("/reset", user.as_deref());
    let reset = match site.open_reset(&typed.token).await {
        Ok(reset) => reset,
        Err(refusal) => return refused(frame, refusal),
    };
    let problems = password_problems(&typed.password, &typed.password_confirmation);
    if !problems.is_empty() {
        let username = &reset.account.username;
        return form(StatusCode::UNPROCESSABLE_ENTITY, frame, username, &typed.token, &problems);
    }
    // A task of its own: a browser that goes away in the middle must not leave half of it done.
    let work = tokio::spawn(async move { site.set_password(reset, typed.password).await });
    match work.await.map_err(Failure::internal)? {
        Ok(()) => Ok(Redirect::to("/login?notice=reset").into_response()),
        Err(refusal) => refused(frame, refusal),
    }
}

fn form(
    status: StatusCode,
    frame: Frame,
    username: &str,
    token: &str,
    problems: &[&'static str],
) -> Result<Response, Failure> {
    view::page(status, &ResetPage { frame, problems, username, token, password_rule: PASSWORD_RULE })
}

fn refused(frame: Frame, refusal: Refusal) -> Result<Response, Failure> {
    match refusal {
        Refusal::DeadLink => view::page(StatusCode::GONE, &ForgotPage { frame, notice: None, problem: Some(DEAD) }),
        Refusal::Failure(failure) => Err(failure),
    }
}
