//! RFC 9457 problem details: the fixed body of each refusal.

use bytes::Bytes;

use crate::respond::RefusalKind;

/// The media type of [`body`].
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A body, and its `detail` alone.
struct Text {
    body: &'static str,
    detail: &'static str,
}

macro_rules! problem {
    ($title:literal, $status:literal, $detail:literal) => {
        Text {
            body: concat!(
                r#"{"type":"about:blank","title":""#,
                $title,
                r#"","status":"#,
                $status,
                r#","detail":""#,
                $detail,
                r#""}"#
            ),
            detail: $detail,
        }
    };
}

/// The problem details of a refusal.
///
/// `type` is `about:blank` (RFC 9457 §4.2.1: the status is enough; `error` in the challenge gives the details). One
/// text stands for every kind of invalid token, so that a client cannot learn whether a token ever existed.
pub(crate) fn body(kind: RefusalKind) -> Bytes {
    Bytes::from_static(text(kind).body.as_bytes())
}

/// The sentence of the problem details, for clients that get no body.
pub(crate) const fn detail(kind: RefusalKind) -> &'static str {
    text(kind).detail
}

const fn text(kind: RefusalKind) -> Text {
    match kind {
        RefusalKind::NoCredential => {
            problem!("Unauthorized", 401, "This resource needs a token.")
        }
        RefusalKind::InvalidToken => {
            problem!("Unauthorized", 401, "The token is not valid.")
        }
        RefusalKind::TooOld { .. } => {
            problem!("Unauthorized", 401, "This resource needs a more recent login.")
        }
        RefusalKind::InvalidRequest => {
            problem!("Bad Request", 400, "The request carries credentials that contradict each other.")
        }
        RefusalKind::Denied => {
            problem!("Forbidden", 403, "This user may not do this.")
        }
        RefusalKind::CrossSite => {
            problem!("Forbidden", 403, "The request came from another site.")
        }
        RefusalKind::WrongCredentials => {
            problem!("Unauthorized", 401, "The name or the password is wrong.")
        }
        RefusalKind::Expired => {
            problem!("Unauthorized", 401, "The token has expired.")
        }
        RefusalKind::AlreadyUsed => {
            problem!("Gone", 410, "The token was used already.")
        }
        RefusalKind::InvalidInput => {
            problem!("Bad Request", 400, "The request holds a value that cannot be used.")
        }
        RefusalKind::AlreadyExists => {
            problem!("Conflict", 409, "There is one already.")
        }
        RefusalKind::TooManyTokens => {
            problem!("Conflict", 409, "This user has too many tokens. End one of them first.")
        }
        RefusalKind::NotFound => {
            problem!("Not Found", 404, "There is nothing here.")
        }
        RefusalKind::Unavailable => {
            problem!("Service Unavailable", 503, "The request cannot be checked at the moment. Try again later.")
        }
        RefusalKind::Misconfigured => {
            problem!("Internal Server Error", 500, "The server cannot check the request.")
        }
    }
}

/// Every kind, for tests.
#[cfg(test)]
pub(crate) const ALL_KINDS: [RefusalKind; 15] = [
    RefusalKind::NoCredential,
    RefusalKind::InvalidToken,
    RefusalKind::InvalidRequest,
    RefusalKind::Denied,
    RefusalKind::TooOld { max_age: time::Duration::minutes(5) },
    RefusalKind::CrossSite,
    RefusalKind::WrongCredentials,
    RefusalKind::Expired,
    RefusalKind::AlreadyUsed,
    RefusalKind::InvalidInput,
    RefusalKind::AlreadyExists,
    RefusalKind::TooManyTokens,
    RefusalKind::NotFound,
    RefusalKind::Unavailable,
    RefusalKind::Misconfigured,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_is_json_and_repeats_its_status() {
        for kind in ALL_KINDS {
            let problem: serde_json::Value = serde_json::from_slice(&body(kind)).unwrap();
            assert_eq!(problem["type"], "about:blank");
            assert_eq!(problem["status"], kind.status().as_u16());
            assert_eq!(problem["title"].as_str(), kind.status().canonical_reason());
            assert!(problem["detail"].as_str().unwrap().ends_with('.'));
            assert_eq!(problem.as_object().unwrap().len(), 4);
        }
    }
}
