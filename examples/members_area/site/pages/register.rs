//! Become a member.

use askama::Template;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;
use tower_tokens::user::CurrentUser;

use super::super::app::{MEMBER, Site};
use super::super::failure::Failure;
use super::super::registration::{Applicant, PASSWORD_RULE, Refusal, USERNAME_RULE};
use super::super::view::{self, Frame, Visitor};

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage<'a> {
    frame: Frame,
    problems: &'a [&'static str],
    username: &'a str,
    email: &'a str,
    username_rule: &'static str,
    password_rule: &'static str,
}

/// `GET /register`
pub(crate) async fn registration(Visitor(user): Visitor) -> Result<Response, Failure> {
    form(StatusCode::OK, user.as_ref(), &RegisterForm::default(), &[])
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct RegisterForm {
    username: String,
    email: String,
    password: String,
    password_confirmation: String,
}

/// `POST /register`
pub(crate) async fn register(
    State(site): State<Site>,
    Visitor(user): Visitor,
    Form(typed): Form<RegisterForm>,
) -> Result<Response, Failure> {
    let applicant = Applicant::check(&typed.username, &typed.email, &typed.password, &typed.password_confirmation);
    let outcome = match applicant {
        Ok(applicant) => site.register(applicant, MEMBER).await,
        Err(problems) => Err(Refusal::Form(problems)),
    };
    match outcome {
        Ok(_) => Ok(Redirect::to("/login?notice=registered").into_response()),
        Err(Refusal::Form(problems)) => form(StatusCode::UNPROCESSABLE_ENTITY, user.as_ref(), &typed, &problems),
        Err(Refusal::Failure(failure)) => Err(failure),
    }
}

/// The form with what was typed, the passwords aside.
fn form(
    status: StatusCode,
    user: Option<&CurrentUser>,
    typed: &RegisterForm,
    problems: &[&'static str],
) -> Result<Response, Failure> {
    let page = RegisterPage {
        frame: Frame::new("/register", user),
        problems,
        username: &typed.username,
        email: &typed.email,
        username_rule: USERNAME_RULE,
        password_rule: PASSWORD_RULE,
    };
    view::page(status, &page)
}
