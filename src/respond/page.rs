//! Small HTML pages for browsers: fixed text, no script, no external resources.

use bytes::Bytes;

use crate::respond::{Refusal, RefusalKind};

/// The media type of [`body`].
pub(crate) const MEDIA_TYPE: &str = "text/html; charset=utf-8";

macro_rules! page {
    ($status:literal, $title:literal, $text:literal) => {
        Bytes::from_static(
            concat!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
                $title,
                "</title>\n<style>\n:root { color-scheme: light dark }\n",
                "body { font: 1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 18vh auto; padding: 0 1.5rem }\n",
                "p.status { margin: 0; opacity: .6; letter-spacing: .08em }\nh1 { margin: 0 0 .5rem; font-size: 1.75rem }\n",
                "</style>\n</head>\n<body>\n<main>\n<p class=\"status\">",
                $status,
                "</p>\n<h1>",
                $title,
                "</h1>\n<p>",
                $text,
                "</p>\n</main>\n</body>\n</html>\n"
            )
            .as_bytes(),
        )
    };
}

/// The page of a refusal.
pub(crate) fn body(refusal: &Refusal) -> Bytes {
    match refusal.kind() {
        // This is the token of a link, not the visitor's login.
        RefusalKind::InvalidToken if !refusal.asks_for_login() => {
            page!(
                401,
                "Not valid any more",
                "This link or this login is not valid. Ask for a new link, or log in again."
            )
        }
        RefusalKind::NoCredential | RefusalKind::InvalidToken => {
            page!(401, "Please log in", "This page is for people who are logged in.")
        }
        RefusalKind::TooOld { .. } => {
            page!(401, "Please log in again", "This page asks for a recent login, and yours was some time ago.")
        }
        RefusalKind::InvalidRequest => {
            page!(
                400,
                "This request cannot be understood",
                "Your browser sent logins that contradict each other. Delete the cookies of this site and log in again."
            )
        }
        RefusalKind::Denied => {
            page!(403, "Not allowed", "You are logged in, but this page is not open to you.")
        }
        RefusalKind::CrossSite => {
            page!(403, "Not allowed", "Another site sent you here. Go to this site and try again from there.")
        }
        RefusalKind::WrongCredentials => {
            page!(401, "That did not work", "The name or the password is wrong. Go back and try again.")
        }
        RefusalKind::Expired => {
            page!(401, "Too late", "The time of this link is over. Ask for a new one.")
        }
        RefusalKind::AlreadyUsed => {
            page!(410, "Used already", "This link works once, and it was used. Ask for a new one if you need it again.")
        }
        RefusalKind::InvalidInput => {
            page!(400, "This cannot be used", "Something in this request cannot be used. Go back and try again.")
        }
        RefusalKind::AlreadyExists => {
            page!(409, "There already", "What this request would create is there already.")
        }
        RefusalKind::TooManyTokens => {
            page!(409, "Too many logins", "You are logged in in too many places. Log out somewhere else first.")
        }
        RefusalKind::NotFound => page!(404, "Nothing here", "There is no such page."),
        RefusalKind::Unavailable => {
            page!(503, "Please try again", "Your login cannot be checked at the moment. Try again in a few seconds.")
        }
        RefusalKind::Misconfigured => {
            page!(500, "Something is wrong", "This site cannot check your login. It is not your fault.")
        }
    }
}
