//! A request without its body.

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri};

/// A request without its body: what sources, scenarios and answers look at, whatever the body's type.
///
/// # Example
/// ```
/// use http::Request;
/// use tower_tokens::head::RequestHead;
///
/// let request = Request::get("/members?page=2").body(()).unwrap();
/// assert_eq!(RequestHead::of(&request).uri.path(), "/members");
/// ```
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "an application builds it from the request type of its own framework")]
pub struct RequestHead<'r> {
    /// The method.
    pub method: &'r Method,
    /// The target. Inside a nested router it may have lost its first segments.
    pub uri: &'r Uri,
    /// The headers.
    pub headers: &'r HeaderMap,
    /// What earlier layers left.
    pub extensions: &'r Extensions,
}

impl<'r> RequestHead<'r> {
    /// The head of `request`.
    #[must_use]
    pub fn of<B>(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The head in `parts`.
    #[must_use]
    pub fn of_parts(parts: &'r Parts) -> Self {
        Self { method: &parts.method, uri: &parts.uri, headers: &parts.headers, extensions: &parts.extensions }
    }
}
