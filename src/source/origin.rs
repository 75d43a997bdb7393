//! Whether another site caused a request.

use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderName, Method, Uri};

use crate::error::{Error, ErrorKind};
use crate::request::RequestHead;
use crate::source::trusted_origin;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The same-origin rule: protection against cross-site request forgery without a hidden token in every form.
///
/// A request passes if it is safe (`GET`, `HEAD` or `OPTIONS`, and not an upgrade to a WebSocket, which browsers send
/// across sites with cookies and without a preflight); if it has the header `Sec-Fetch-Site: same-origin` or `none`; if
/// there is no such header, and `Origin` is absent or its host is the request's; or if its `Origin` is trusted. Every
/// other request was, or may have been, caused by another site; so was a request with two of one of these headers.
/// `same-site` does not pass: another subdomain counts as another site.
///
/// `TokenAuthLayer` applies the rule to ambient credentials by itself. A cross-site request can also do harm without a
/// credential: a forged login logs a visitor in as a different user. Put a
/// [`SameOriginLayer`](crate::same_origin::SameOriginLayer) around routes with a login form, or around the whole site.
///
/// # Security
/// A plain `GET` always passes, because links from other sites must work: change nothing on `GET`. `X-Forwarded-Host`
/// is not read, because any client can send it. Behind a proxy that rewrites `Host`, keep the original one or name the
/// site's own origin with [`trusted_origin`](Self::trusted_origin); otherwise requests of browsers without
/// `Sec-Fetch-Site` count as cross-site.
///
/// # Source
/// The W3C's Fetch Metadata Request Headers; Filippo Valsorda's account of cross-origin protection in Go 1.25.
///
/// # Example
/// ```
/// use http::Request;
/// use tower_tokens::request::RequestHead;
/// use tower_tokens::source::SameOrigin;
///
/// let rule = SameOrigin::new().trusted_origin("https://app.example.com")?;
/// let forged = Request::post("/login").header("Sec-Fetch-Site", "cross-site").body(()).unwrap();
/// assert!(!rule.allows(RequestHead::of(&forged)));
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a rule does nothing until a request is checked with it"]
pub struct SameOrigin {
    trusted: Vec<String>,
    insecure_off: bool,
}

impl SameOrigin {
    /// The rule, with no trusted origin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts one more origin, compared byte for byte with what the browser sends: `https://app.example.com`, with a port
    /// only if it is not the scheme's own; `http://localhost:5173`; the web view of an application, such as
    /// `tauri://localhost` or `capacitor://localhost`; a browser's extension, such as `chrome-extension://` with its id.
    /// Default: no trusted origin.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a text that no browser sends as an origin, and that would never match: one with
    /// a path or a final `/`, a capital letter, a default port, a wildcard, an international host that is not written
    /// in punycode, an address that is not in its shortest form, `null`. The source of the error says what is wrong.
    ///
    /// # Example
    /// ```
    /// use std::error::Error;
    /// use tower_tokens::source::SameOrigin;
    ///
    /// let rule = SameOrigin::new().trusted_origin("https://app.example.com")?.trusted_origin("tauri://localhost")?;
    /// let error = SameOrigin::new().trusted_origin("https://app.example.com/").unwrap_err();
    /// assert!(error.source().unwrap().to_string().contains("an origin has no path"));
    /// # let _ = rule;
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    pub fn trusted_origin(mut self, origin: &str) -> Result<Self, Error> {
        if let Err(why) = trusted_origin::check(origin) {
            let fault = format!("{origin:?} cannot be a trusted origin: {why}");
            return Err(Error::with_source(ErrorKind::InvalidInput, fault));
        }
        self.trusted.push(origin.to_owned());
        Ok(self)
    }

    /// Allows every request. Use it only for sites whose forms are protected by other means.
    pub fn insecure_allow_cross_site(mut self) -> Self {
        self.insecure_off = true;
        self
    }

    /// Whether this request may use ambient credentials.
    #[must_use]
    pub fn allows(&self, head: RequestHead<'_>) -> bool {
        self.lets_pass(&head)
    }

    #[inline]
    pub(crate) fn lets_pass(&self, head: &RequestHead<'_>) -> bool {
        is_safe(head) || self.insecure_off || self.is_same_origin(head)
    }

    fn is_same_origin(&self, head: &RequestHead<'_>) -> bool {
        let (Some(site), Some(origin)) = (single(head, &SEC_FETCH_SITE), single(head, &ORIGIN)) else { return false };
        match site {
            Header::Is(b"same-origin" | b"none") => true,
            Header::Is(_) => self.trusts(origin),
            Header::Absent => match origin {
                Header::Absent => true,
                Header::Is(text) => self.trusts(origin) || is_own_host(text, head),
            },
        }
    }

    fn trusts(&self, origin: Header<'_>) -> bool {
        matches!(origin, Header::Is(text) if self.trusted.iter().any(|trusted| trusted.as_bytes() == text))
    }
}

#[inline]
fn is_safe(head: &RequestHead<'_>) -> bool {
    matches!(*head.method, Method::GET | Method::HEAD | Method::OPTIONS) && !head.headers.contains_key(UPGRADE)
}

/// Whether the origin's host is the host of the request. The scheme is not compared: behind a proxy that ends TLS it is
/// not known here.
fn is_own_host(origin: &[u8], head: &RequestHead<'_>) -> bool {
    let Some((scheme, origin_host)) = parse_origin(origin) else { return false };
    let own_host = match (head.uri.authority(), single(head, &HOST)) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(Header::Is(host))) => std::str::from_utf8(host).unwrap_or_default(),
        _ => return false,
    };
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let without_default_port = |host: &str| host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
    !own_host.is_empty() && without_default_port(&origin_host) == without_default_port(own_host)
}

/// The scheme, and the host with its port, of a serialized origin (RFC 6454 §6.2). `None` for `null`.
fn parse_origin(origin: &[u8]) -> Option<(&'static str, String)> {
    let uri = Uri::try_from(origin).ok()?;
    let scheme = ["http", "https"].into_iter().find(|scheme| uri.scheme_str() == Some(scheme))?;
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    is_bare.then(|| uri.authority().map(|authority| (scheme, authority.to_string())))?
}

#[derive(Debug, Clone, Copy)]
enum Header<'r> {
    Absent,
    Is(&'r [u8]),
}

/// A header that may occur once. `None` if it occurs twice.
fn single<'r>(head: &RequestHead<'r>, name: &HeaderName) -> Option<Header<'r>> {
    let mut values = head.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(Header::Absent),
        (Some(value), None) => Some(Header::Is(value.as_bytes())),
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn allows(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let rule = SameOrigin::new().trusted_origin("https://trusted.example").unwrap();
        rule.allows(RequestHead::of(&request.body(()).unwrap()))
    }

    #[test]
    fn fetch_metadata_decides_where_it_is_sent() {
        assert!(allows("POST", &[("sec-fetch-site", "same-origin")]));
        assert!(allows("POST", &[("sec-fetch-site", "none")]));
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN", "same-origin, none"] {
            assert!(!allows("POST", &[("sec-fetch-site", site)]), "{site}");
            assert!(allows("GET", &[("sec-fetch-site", site)]), "{site}");
        }
        assert!(!allows("POST", &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")]));
        let own_origin = [("sec-fetch-site", "cross-site"), ("origin", "http://a.example"), ("host", "a.example")];
        assert!(!allows("POST", &own_origin), "a host that agrees does not overrule the browser");
    }

    #[test]
    fn the_origin_decides_where_there_is_no_fetch_metadata() {
        assert!(allows("POST", &[]));
        for (origin, host, expected) in [
            ("https://a.example", "a.example", true),
            ("https://A.example", "a.EXAMPLE", true),
            ("https://a.example", "a.example:443", true),
            ("http://a.example:80", "a.example", true),
            ("http://[::1]:3000", "[::1]:3000", true),
            ("http://127.0.0.1:3000", "127.0.0.1:3000", true),
            ("http://127.0.0.1:3000", "127.0.0.1:3001", false),
            ("https://a.example", "a.example:80", false),
            ("https://a.example.evil.example", "a.example", false),
            ("https://evil.example", "a.example", false),
            ("https://a.example/path", "a.example", false),
            ("ftp://a.example", "a.example", false),
            ("null", "a.example", false),
            ("null", "null", false),
            ("", "a.example", false),
            ("", "", false),
            ("https://a.example, https://a.example", "a.example", false),
        ] {
            assert_eq!(allows("POST", &[("origin", origin), ("host", host)]), expected, "{origin} {host}");
        }
        assert!(!allows("POST", &[("origin", "https://a.example")]), "no host to compare with");
    }

    #[test]
    fn a_trusted_origin_passes_and_must_be_exact() {
        let from = |origin| [("sec-fetch-site", "cross-site"), ("origin", origin), ("host", "a.example")];
        assert!(allows("POST", &from("https://trusted.example")));
        assert!(!allows("POST", &from("http://trusted.example")));
        assert!(!allows("POST", &from("https://trusted.example:444")));
        for bad in ["trusted.example", "https://x/", "https://x/a", "https://X", "null", "*", "https://u@x", "ftp://x"]
        {
            assert!(SameOrigin::new().trusted_origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_websocket_handshake_is_not_a_safe_request() {
        let handshake = [("upgrade", "websocket"), ("origin", "https://evil.example"), ("host", "a.example")];
        assert!(!allows("GET", &handshake));
        assert!(allows("GET", &[("upgrade", "websocket"), ("origin", "https://a.example"), ("host", "a.example")]));
    }

    #[test]
    fn every_method_that_is_not_known_to_be_safe_is_unsafe() {
        for method in ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get"] {
            assert!(!allows(method, &[("sec-fetch-site", "cross-site")]), "{method}");
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(allows(method, &[("sec-fetch-site", "cross-site")]), "{method}");
        }
    }
}
