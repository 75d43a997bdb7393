//! What all pages share: the frame around them, and how times read.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use time::OffsetDateTime;
use tower_tokens::clock::Timestamp;
use tower_tokens::extract::AuthRejection;
use tower_tokens::token::Expiry;
use tower_tokens::user::CurrentUser;

use super::app::ADMIN;
use super::failure::Failure;

/// The frame around a page: which links it offers to whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    viewer: Viewer,
    /// The path of the link that is this page.
    pub(super) here: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Viewer {
    Visitor,
    Member,
    Admin,
}

impl Frame {
    pub(super) fn new(here: &'static str, user: Option<&CurrentUser>) -> Self {
        let viewer = match user {
            None => Viewer::Visitor,
            Some(user) if user.level().title() == ADMIN => Viewer::Admin,
            Some(_) => Viewer::Member,
        };
        Self { viewer, here }
    }

    /// For answers that do not know, or do not ask, who is there.
    pub(super) fn anonymous() -> Self {
        Self::new("", None)
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.viewer != Viewer::Visitor
    }

    pub(super) fn is_admin(&self) -> bool {
        self.viewer == Viewer::Admin
    }
}

/// Who looks at a public page: the user, or `None`, also if something is wrong with the credential. Whoever has the
/// cookies of two users must find the way to the login. Only an outage is refused: it must not look like a logout.
pub(crate) struct Visitor(pub(crate) Option<CurrentUser>);

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        match Option::<CurrentUser>::from_request_parts(parts, state).await {
            Err(rejection) if !rejection.refusal().status().is_server_error() => Ok(Self(None)),
            found => found.map(Self),
        }
    }
}

/// The rendered page. It is for this visitor alone, and not for who presses "back" after they logged out.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Result<Response, Failure> {
    let html = Html(template.render().map_err(Failure::internal)?);
    Ok((status, [(CACHE_CONTROL, "private, no-store")], html).into_response())
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    frame: &'a Frame,
    status: u16,
    title: &'a str,
    text: &'a str,
}

/// A page that says one thing.
pub(super) fn message(frame: &Frame, status: StatusCode, title: &str, text: &str) -> Response {
    (status, Html(message_html(frame, status, title, text))).into_response()
}

/// The HTML of a page that says one thing; without its frame if that cannot be rendered.
pub(super) fn message_html(frame: &Frame, status: StatusCode, title: &str, text: &str) -> String {
    Message { frame, status: status.as_u16(), title, text }.render().unwrap_or_else(|_| text.to_owned())
}

/// `2026-11-21 20:58 UTC`.
pub(super) fn moment(time: Timestamp) -> String {
    let time = OffsetDateTime::from(time);
    let (date, hour, minute) = (time.date(), time.hour(), time.minute());
    format!("{date} {hour:02}:{minute:02} UTC")
}

/// `just now`, `5 minutes ago`, `yesterday`, and the moment itself when it is longer ago.
pub(super) fn ago(time: Timestamp, now: Timestamp) -> String {
    let passed = now - time;
    match (passed.whole_minutes(), passed.whole_hours()) {
        (..1, _) => "just now".to_owned(),
        (1, _) => "a minute ago".to_owned(),
        (minutes @ 2..60, _) => format!("{minutes} minutes ago"),
        (_, 1) => "an hour ago".to_owned(),
        (_, hours @ 2..24) => format!("{hours} hours ago"),
        (_, 24..48) => "yesterday".to_owned(),
        _ => moment(time),
    }
}

pub(super) fn end(expiry: Expiry) -> String {
    expiry.at().map_or_else(|| "never".to_owned(), moment)
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let now = Timestamp::from_unix_seconds(1_795_287_701);
        assert_eq!(moment(now), "2026-11-21 19:01 UTC");
        let before = |passed: Duration| ago(now - passed, now);
        assert_eq!(before(Duration::seconds(59)), "just now");
        assert_eq!(before(-Duration::hours(3)), "just now", "a clock that went back");
        assert_eq!(before(Duration::seconds(60)), "a minute ago");
        assert_eq!(before(Duration::minutes(59)), "59 minutes ago");
        assert_eq!(before(Duration::minutes(60)), "an hour ago");
        assert_eq!(before(Duration::hours(23)), "23 hours ago");
        assert_eq!(before(Duration::hours(24)), "yesterday");
        assert_eq!(before(Duration::hours(48)), "2026-11-19 19:01 UTC");
    }
}
