//! What this site's own page says of a refusal.

use tower_tokens::respond::{Refusal, RefusalKind};

use super::view::{self, Frame};

/// The page in place of the crate's own. Status and headers are the crate's, and so is the answer to a script.
pub(super) fn page(refusal: &Refusal) -> String {
    let (title, text) = title_and_text(refusal.kind());
    view::message_html(&Frame::new("", refusal.user()), refusal.status(), title, text)
}

pub(super) fn title_and_text(kind: RefusalKind) -> (&'static str, &'static str) {
    match kind {
        RefusalKind::NoCredential | RefusalKind::InvalidToken | RefusalKind::TooOld { .. } => {
            ("You are not logged in", "Nothing was changed. Log in and try again.")
        }
        RefusalKind::Denied => ("Not for you", "You are logged in, but your level does not open this page."),
        RefusalKind::CrossSite => ("Sent from another site", "Go back to the start and try again from there."),
        RefusalKind::InvalidRequest => {
            ("Two logins at once", "This browser has the logins of two users. Log in again: that ends both.")
        }
        RefusalKind::NotFound => ("Nothing here", "There is no page at this address."),
        RefusalKind::Expired | RefusalKind::AlreadyUsed => ("This link is no longer valid", "Ask for a new one."),
        RefusalKind::InvalidInput => ("This cannot be used", "Go back, and look at what you typed."),
        RefusalKind::AlreadyExists => ("There already", "What you want to create is there already."),
        RefusalKind::TooManyTokens => ("Too many logins", "Log out on another device first."),
        RefusalKind::Unavailable => ("Back in a moment", "The database does not answer. Please try again shortly."),
        _ => ("That went wrong", "The fault is ours. It is in the log, and somebody will look."),
    }
}
