//! A request without its body.

use std::borrow::Cow;

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use percent_encoding::percent_decode_str;

/// A request without its body: the input of sources, scenarios and answers, independent of the body's type.
///
/// # Example
/// ```
/// use http::Request;
/// use tower_tokens::request::RequestHead;
///
/// let request = Request::get("/members?page=2").body(()).unwrap();
/// assert_eq!(RequestHead::of(&request).uri.path(), "/members");
/// ```
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "an application builds it from the request type of its own framework")]
pub struct RequestHead<'r> {
    /// The method.
    pub method: &'r Method,
    /// The target. Inside a nested router it may be without its first segments.
    pub uri: &'r Uri,
    /// The headers.
    pub headers: &'r HeaderMap,
    /// The values that earlier layers put there.
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

    /// The segments of the path, each percent-decoded once, as routers pass them to handlers. `None` if a segment is
    /// not UTF-8, or if the target is not a path.
    ///
    /// The path is split before it is decoded, so `%2F` stays inside its segment. Nothing is normalized: `.`, `..` and
    /// empty segments stay unchanged, and a final `/` gives an empty last segment.
    ///
    /// # Security
    /// A handler never gets the text of `uri.path()` itself, so do not decide on it: `/docs/%73ecret` is `/docs/secret`
    /// for a handler.
    ///
    /// # Example
    /// ```
    /// use http::Request;
    /// use tower_tokens::request::RequestHead;
    ///
    /// let request = Request::get("/docs/%73ecret%2F1").body(()).unwrap();
    /// assert_eq!(RequestHead::of(&request).decoded_segments().unwrap(), ["docs", "secret/1"]);
    /// ```
    #[must_use]
    pub fn decoded_segments(&self) -> Option<Vec<Cow<'r, str>>> {
        let path = self.uri.path().strip_prefix('/')?;
        path.split('/').map(|segment| percent_decode_str(segment).decode_utf8().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str) -> Option<Vec<String>> {
        let request = Request::get(path).body(()).unwrap();
        RequestHead::of(&request).decoded_segments().map(|all| all.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn segments_are_decoded_once_after_the_path_was_split() {
        for (path, expected) in [
            ("/", &[""][..]),
            ("/a/b?c=/d", &["a", "b"]),
            ("/a/b/", &["a", "b", ""]),
            ("//a", &["", "a"]),
            ("/%73ecret", &["secret"]),
            ("/%2573ecret", &["%73ecret"]),
            ("/a%2Fb/c", &["a/b", "c"]),
            ("/a/%2e%2e/b", &["a", "..", "b"]),
            ("/a/./../b", &["a", ".", "..", "b"]),
            ("/caf%C3%A9", &["caf\u{e9}"]),
            ("/a+b", &["a+b"]),
            ("/100%", &["100%"]),
            ("http://a.example/b", &["b"]),
        ] {
            assert_eq!(segments(path).unwrap(), expected, "{path}");
        }
        for path in ["/a/%FF", "/%C3/%A9", "*"] {
            assert_eq!(segments(path), None, "{path}");
        }
    }
}
