//! One `Set-Cookie` that sets or removes a token.

use std::fmt;

use cookie::Cookie;
use http::{HeaderMap, HeaderValue, header};

/// One `Set-Cookie` that sets or removes a token. Created by [`TokenCookie`](super::TokenCookie).
///
/// With axum it is a part of a response: `(cookie, Redirect::to("/members"))`. Without axum, call
/// [`apply`](Self::apply).
///
/// # Security
/// `Debug` is redacted, and the header value is marked sensitive, so that HTTP/2 does not index it.
///
/// # Example
/// ```
/// use http::{HeaderMap, header};
/// use tower_tokens::respond::TokenCookie;
///
/// let mut headers = HeaderMap::new();
/// TokenCookie::default().removal().apply(&mut headers);
/// assert_eq!(headers[header::CACHE_CONTROL], "no-store");
/// assert!(headers[header::SET_COOKIE].to_str().unwrap().starts_with("trongatetoken=; "));
/// ```
#[derive(Clone)]
#[must_use = "a cookie does nothing until it is put into a response"]
pub struct SetTokenCookie {
    header_value: HeaderValue,
}

impl SetTokenCookie {
    pub(crate) fn new(cookie: &Cookie<'_>) -> Self {
        // Settings are checked when they are built, and a token is visible ASCII, so this cannot fail. Browsers ignore an
        // empty Set-Cookie.
        let mut header_value = HeaderValue::try_from(cookie.to_string()).unwrap_or(HeaderValue::from_static(""));
        header_value.set_sensitive(true);
        Self { header_value }
    }

    /// The value of the `Set-Cookie` header, marked sensitive.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        self.header_value.clone()
    }

    /// Appends the cookie to the headers of a response, and forbids every cache to store it (`Cache-Control:
    /// no-store`).
    pub fn apply(self, headers: &mut HeaderMap) {
        headers.append(header::SET_COOKIE, self.header_value);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

impl fmt::Debug for SetTokenCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetTokenCookie([redacted])")
    }
}
