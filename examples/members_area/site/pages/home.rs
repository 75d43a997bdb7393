//! The start page, and what every page needs.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::super::failure::Failure;
use super::super::view::{self, Frame, Visitor};

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
}

/// `GET /`
pub(crate) async fn home(Visitor(user): Visitor) -> Result<Response, Failure> {
    view::page(StatusCode::OK, &Home { frame: Frame::new("/", user.as_ref()) })
}

/// `GET /style.css`
pub(crate) async fn style() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("../style.css"))
}

/// `GET /favicon.svg`
pub(crate) async fn favicon() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("../favicon.svg"))
}

/// Every other path.
pub(crate) async fn not_found() -> Failure {
    Failure::NotFound
}
