//! The admin panel: who is a user, at which level, and who is banned.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;
use tower_tokens::repository::UserRepository as _;
use tower_tokens::user::{CurrentUser, UserId};

use super::super::app::Site;
use super::super::failure::Failure;
use super::super::membership::{Change, Member, Refusal};
use super::super::view::{self, Frame};

#[derive(Template)]
#[template(path = "admin.html")]
struct AdminPage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<&'static str>,
    users: Vec<Row>,
    levels: Vec<String>,
    page: u32,
    has_more: bool,
}

struct Row {
    user_id: UserId,
    username: String,
    email: String,
    level: String,
    banned: bool,
    is_you: bool,
}

impl Row {
    fn new(member: Member, you: &CurrentUser) -> Self {
        let is_you = member.user_id == *you.id();
        let Member { user_id, username, email, level, banned } = member;
        Self { user_id, username, email, level, banned, is_you }
    }
}

#[derive(Deserialize)]
pub(crate) struct AdminQuery {
    #[serde(default)]
    page: Option<u32>,
    #[serde(default)]
    notice: String,
}

/// `GET /admin`
pub(crate) async fn admin(
    State(site): State<Site>,
    user: CurrentUser,
    Query(query): Query<AdminQuery>,
) -> Result<Response, Failure> {
    let notice = match query.notice.as_str() {
        "level" => Some("The level is changed."),
        "banned" => Some("The user is banned, on every device."),
        "unbanned" => Some("The user is let in again."),
        _ => None,
    };
    panel(&site, &user, StatusCode::OK, query.page.unwrap_or(1), notice, None).await
}

#[derive(Deserialize)]
pub(crate) struct LevelForm {
    level: String,
}

/// `POST /admin/users/{id}/level`
pub(crate) async fn change_level(
    State(site): State<Site>,
    admin: CurrentUser,
    Path(id): Path<i64>,
    Form(form): Form<LevelForm>,
) -> Result<Response, Failure> {
    change(&site, &admin, id, Change::Level(form.level), "/admin?notice=level").await
}

/// `POST /admin/users/{id}/ban`
pub(crate) async fn ban(
    State(site): State<Site>,
    admin: CurrentUser,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    change(&site, &admin, id, Change::Ban, "/admin?notice=banned").await
}

/// `POST /admin/users/{id}/unban`
pub(crate) async fn unban(
    State(site): State<Site>,
    admin: CurrentUser,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    change(&site, &admin, id, Change::Unban, "/admin?notice=unbanned").await
}

async fn change(site: &Site, admin: &CurrentUser, id: i64, change: Change, then: &str) -> Result<Response, Failure> {
    let problem = match site.change_membership(admin, &id.into(), change).await {
        Ok(()) => return Ok(Redirect::to(then).into_response()),
        Err(Refusal::Yourself) => "You cannot ban yourself.",
        Err(Refusal::LastAdmin) => "This is the last administrator. Make somebody else one first.",
        Err(Refusal::NoSuchLevel) => "There is no such level.",
        Err(Refusal::Failure(failure)) => return Err(failure),
    };
    panel(site, admin, StatusCode::CONFLICT, 1, None, Some(problem)).await
}

async fn panel(
    site: &Site,
    user: &CurrentUser,
    status: StatusCode,
    page: u32,
    notice: Option<&'static str>,
    problem: Option<&'static str>,
) -> Result<Response, Failure> {
    let page = page.max(1);
    let members = site.members(page).await?;
    let levels = site.users.levels().await?;
    let page = AdminPage {
        frame: Frame::new("/admin", Some(user)),
        notice,
        problem,
        users: members.items.into_iter().map(|member| Row::new(member, user)).collect(),
        levels: levels.iter().map(|level| level.title().to_owned()).collect(),
        page,
        has_more: members.next.is_some(),
    };
    view::page(status, &page)
}
