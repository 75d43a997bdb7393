//! The members page.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tower_tokens::user::{CurrentUser, SourceKind};

use super::super::app::Site;
use super::super::failure::Failure;
use super::super::view::{self, Frame};

#[derive(Template)]
#[template(path = "members.html")]
struct MembersPage<'a> {
    frame: Frame,
    username: String,
    level: &'a str,
    source: &'static str,
    logged_in: String,
    ends: String,
}

/// `GET /members`
pub(crate) async fn members(State(site): State<Site>, user: CurrentUser) -> Result<Response, Failure> {
    let page = MembersPage {
        frame: Frame::new("/members", Some(&user)),
        username: site.account_of(&user).await?.username,
        level: user.level().title(),
        source: match user.source() {
            SourceKind::Cookie => "in a cookie",
            SourceKind::Bearer => "in the Authorization header",
            other => other.as_str(),
        },
        logged_in: view::ago(user.authenticated_at(), user.checked_at()),
        ends: view::end(user.expires_at()),
    };
    view::page(StatusCode::OK, &page)
}
