//! The answers that all endpoints give.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

use crate::request::RequestHead;
use crate::respond::{Refusal, RefusalResponses, RespondToRefusal, log_refusal};
use crate::user::CurrentUser;

/// The body of an endpoint's response, which is in memory as a whole.
pub type EndpointBody = Full<Bytes>;

/// A response with this JSON. No cache keeps it (RFC 6749 §5.1, RFC 9111).
pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<EndpointBody> {
    // Only a map with keys that are no texts fails, and there is none.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = empty(status);
    *response.body_mut() = Full::from(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Response<EndpointBody> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // For caches that know HTTP/1.0 alone (RFC 6749 §5.1).
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// The response to a method that the resource does not have. `allowed` is the value of `Allow`.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response<EndpointBody> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The media type of the request, in lower case and without its parameters; `None` if it has none, or several.
pub(super) fn media_type(parts: &Parts) -> Option<String> {
    let mut values = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let media_type = value.to_str().ok()?.split(';').next()?;
    Some(media_type.trim().to_ascii_lowercase())
}

/// The response to a request that this endpoint refuses: the same as a guard's.
pub(super) fn refuse(mut refusal: Refusal, parts: &Parts) -> Response<EndpointBody> {
    if let Some(user) = parts.extensions.get::<CurrentUser>() {
        refusal = refusal.with_user(user.clone());
    }
    log_refusal(&mut refusal);
    let head = RequestHead::of_parts(parts);
    let mut response = match parts.extensions.get::<RefusalResponses>() {
        Some(responses) => {
            refusal.mark_answered();
            responses.respond(&refusal, head)
        }
        // A guard or a `RefusalLayer` around this endpoint writes the response that fits best.
        None => RefusalResponses::default().respond(&refusal, head),
    };
    response.extensions_mut().insert(refusal);
    response
}

/// The refusal as it goes into the log and into the extensions of a response that the endpoint writes itself, and the
/// headers that belong to it.
pub(super) fn note(refusal: Refusal, parts: &Parts, response: &mut Response<EndpointBody>) {
    let mut refusal = match parts.extensions.get::<RefusalResponses>() {
        Some(responses) => refusal.with_responses(responses.clone()),
        None => refusal,
    };
    log_refusal(&mut refusal);
    refusal.mark_answered();
    let by_itself: Response<EndpointBody> = refusal.api_answer();
    if let Some(value) = by_itself.headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, value.clone());
    }
    response.extensions_mut().insert(refusal);
}

/// Whether the method is `POST`.
pub(super) fn is_post(parts: &Parts) -> bool {
    parts.method == Method::POST
}
