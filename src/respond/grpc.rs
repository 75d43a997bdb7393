//! The answers to gRPC clients: HTTP 200, with the status of the call in the headers.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::respond::api::new_response;
use crate::respond::{RefusalKind, problem};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The media types of answers, in the order of their prefixes in requests: longest first.
const MEDIA_TYPES: [&str; 3] = ["application/grpc-web-text", "application/grpc-web", "application/grpc"];

/// The media type of the answer, if this `Content-Type` of a request is gRPC's. What follows a `+` (`proto`, `json`) is
/// the encoding of messages, and the answer has no message.
pub(crate) fn media_type(content_type: &str) -> Option<&'static str> {
    let is_prefix = |media_type: &&str| {
        let (start, rest) = (content_type.get(..media_type.len()), content_type.get(media_type.len()..));
        start.is_some_and(|start| start.eq_ignore_ascii_case(media_type))
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';', ' ']))
    };
    MEDIA_TYPES.into_iter().find(is_prefix)
}

/// Whether this is the media type of an answer to a gRPC client.
pub(crate) fn is_answer_type(media_type: &HeaderValue) -> bool {
    MEDIA_TYPES.iter().any(|known| media_type == known)
}

/// A response without a message, whose headers are its trailers ("Trailers-Only").
///
/// A client that gets another HTTP status has to guess the code of the call from it: 503 becomes `UNAVAILABLE`, and 409
/// `UNKNOWN`. So the status is 200.
///
/// # Source
/// gRPC over HTTP/2, "Responses"; gRPC-Web, which has the same for calls that fail at once. The texts are visible ASCII
/// without `%`, so that `grpc-message` needs no percent-encoding.
pub(super) fn answer<B: From<Bytes>>(kind: RefusalKind, media_type: &'static str) -> Response<B> {
    let mut response = new_response(StatusCode::OK, media_type, Bytes::new());
    response.headers_mut().insert(GRPC_STATUS, HeaderValue::from(kind.grpc_code()));
    response.headers_mut().insert(GRPC_MESSAGE, HeaderValue::from_static(problem::detail(kind)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_of_a_request_chooses_the_one_of_the_answer() {
        for (request, answer) in [
            ("application/grpc", Some("application/grpc")),
            ("application/grpc+proto", Some("application/grpc")),
            ("Application/GRPC; charset=utf-8", Some("application/grpc")),
            ("application/grpc-web", Some("application/grpc-web")),
            ("application/grpc-web+json", Some("application/grpc-web")),
            ("application/grpc-web-text+proto", Some("application/grpc-web-text")),
            ("application/grpcish", None),
            ("application/grpc-webby", None),
            ("application/grp", None),
            ("application/json", None),
            ("text/plain; application/grpc", None),
            ("", None),
        ] {
            assert_eq!(media_type(request), answer, "{request}");
        }
    }

    #[test]
    fn no_message_needs_percent_encoding() {
        for kind in problem::ALL_KINDS {
            let detail = problem::detail(kind);
            assert!(detail.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'%'), "{detail}");
            let response: Response<Bytes> = answer(kind, "application/grpc");
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["grpc-status"], kind.grpc_code().to_string().as_str());
            assert_eq!(response.headers()["grpc-message"], detail);
            assert!(response.body().is_empty());
        }
    }
}
