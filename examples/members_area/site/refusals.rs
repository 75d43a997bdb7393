//! The answers of the guards and extractors, in this site's own frame.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use tower_tokens::respond::{Refusal, RefusalKind};
use tower_tokens::user::CurrentUser;

use super::view::{self, Frame};

/// Shows people a page of this site, with the same status, where the crate refused their request. Scripts get the
/// crate's own answer, and a page that needs a login the crate's own redirect.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let wants_page = accepts_html(request.headers());
    let frame = Frame::new("", request.extensions().get::<CurrentUser>());
    let response = next.run(request).await;
    match response.extensions().get::<Refusal>() {
        Some(refusal) if wants_page && !response.status().is_redirection() => page(&frame, refusal.kind(), &response),
        _ => response,
    }
}

fn page(frame: &Frame, kind: RefusalKind, plain: &Response) -> Response {
    let (title, text) = match kind {
        // A form that was open for longer than the login; a page would have been sent to the login page.
        RefusalKind::NoCredential | RefusalKind::InvalidToken | RefusalKind::TooOld { .. } => {
            ("You are not logged in", "Nothing was changed. Log in and try again.")
        }
        RefusalKind::Denied => ("Not for you", "You are logged in, but your level does not open this door."),
        RefusalKind::CrossSite => ("Sent from another site", "Go back to the start and try again from there."),
        RefusalKind::InvalidRequest => ("Two logins at once", "Delete the cookies of this site and log in again."),
        RefusalKind::NotFound => ("Nothing here", "There is no page at this address."),
        RefusalKind::Unavailable => ("Back in a moment", "The database does not answer. Please try again shortly."),
        _ => ("That went wrong", "The fault is ours. It is in the log, and somebody will look."),
    };
    let mut response = view::message(frame, plain.status(), title, text);
    for name in [CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE] {
        if let Some(value) = plain.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|accepted| accepted.contains("text/html")))
}
