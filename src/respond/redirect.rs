//! To the login page and back: who is sent there, and where to go afterwards.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::head::RequestHead;

/// The longest `next`, in bytes. Our choice: longer ones make a `Location` that some proxies refuse.
pub const MAX_NEXT_BYTES: usize = 2_048;

const HTML: &str = "text/html";

/// How often a path is percent-decoded before it is given up as hostile.
const MAX_DECODINGS: usize = 4;

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_CURRENT_URL: HeaderName = HeaderName::from_static("hx-current-url");
pub(crate) const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Everything but RFC 3986 §2.3 "unreserved".
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The target of the request as it came in, which `TokenAuthLayer` leaves in the extensions of a page request without a
/// user.
///
/// Inside a nested router the request's own target has lost its first segments, and the user would return to a page that
/// does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a marker around one value")]
pub struct OriginalUri(pub Uri);

/// Whether a person waits for a page: `GET` or `HEAD`, and `Accept` lists `text/html`.
///
/// `*/*` alone is a program's way to ask, and a weight of 0 means "not this one" (RFC 9110 §12.4.2).
#[must_use]
pub fn is_page_request(head: RequestHead<'_>) -> bool {
    (head.method == Method::GET || head.method == Method::HEAD)
        && head
            .headers
            .get_all(header::ACCEPT)
            .iter()
            .filter(|value| value.len() >= HTML.len())
            .any(|value| value.to_str().is_ok_and(|value| value.split(',').any(accepts_html)))
}

/// Whether htmx made the request, with whatever method.
pub(crate) fn is_htmx(headers: &HeaderMap) -> bool {
    headers.get(HX_REQUEST).is_some_and(|value| value == "true")
}

/// `next` if it is a path on this site, to go to after logging in; otherwise `None`.
///
/// It starts with exactly one `/`, holds visible ASCII without `\`, has no segment `.` or `..`, and is at most
/// [`MAX_NEXT_BYTES`] long. The path (what stands before `?` or `#`) must still be so when it is percent-decoded, once or
/// more: somebody between here and the browser may decode it.
///
/// # Security
/// A login page that goes wherever `next` says is an open redirect. Ask this before every `Location`.
///
/// # Example
/// ```
/// use tower_tokens::respond::safe_next;
///
/// assert_eq!(safe_next("/members?page=2"), Some("/members?page=2"));
/// for hostile in ["https://evil.example", "//evil.example", "/\\evil.example", "/%2F/evil.example", "/%5Cevil", "/\t/evil"] {
///     assert_eq!(safe_next(hostile), None);
/// }
/// ```
#[must_use]
pub fn safe_next(next: &str) -> Option<&str> {
    if next.len() > MAX_NEXT_BYTES || !next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return None;
    }
    let path = next.split(['?', '#']).next().unwrap_or_default();
    is_local_path(path.as_bytes()).then_some(())?;
    let mut path = path.to_owned();
    for _ in 0..MAX_DECODINGS {
        let decoded = percent_decode_str(&path).collect::<Vec<u8>>();
        if decoded == path.as_bytes() {
            return Some(next);
        }
        is_local_path(&decoded).then_some(())?;
        path = String::from_utf8(decoded).ok()?;
    }
    None
}

/// Where to send a request that should log in: the login page, with the way back in `parameter`.
///
/// `None` if the request asks for the login page itself: it would be sent in circles.
pub(crate) fn login_location(login_page: &str, parameter: &str, head: RequestHead<'_>) -> Option<HeaderValue> {
    let login_path = login_page.split(['?', '#']).next().unwrap_or_default();
    let uri = head.extensions.get::<OriginalUri>().map_or(head.uri, |original| &original.0);
    if uri.path() == login_path {
        return None;
    }
    let current = if is_htmx(head.headers) { current_page(head) } else { Some(path_and_query(uri)) };
    let next = current.as_deref().and_then(safe_next);
    let (target, fragment) = login_page.split_at(login_page.find('#').unwrap_or(login_page.len()));
    let mut location = visible_ascii(target);
    if let Some(next) = next {
        location.push(if target.contains('?') { '&' } else { '?' });
        location.extend(utf8_percent_encode(parameter, COMPONENT));
        location.push('=');
        location.extend(utf8_percent_encode(next, COMPONENT));
    }
    location.push_str(&visible_ascii(fragment));
    HeaderValue::try_from(location).ok()
}

/// The page an htmx user is on, if it is a page of this host.
fn current_page(head: RequestHead<'_>) -> Option<String> {
    let current: Uri = head.headers.get(HX_CURRENT_URL)?.to_str().ok()?.parse().ok()?;
    let authority = current.authority()?.as_str();
    let here = match head.headers.get(header::HOST) {
        Some(host) => host.to_str().ok()?,
        None => head.uri.authority()?.as_str(),
    };
    authority.eq_ignore_ascii_case(here).then(|| path_and_query(&current))
}

fn path_and_query(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string)
}

/// What cannot stand in a header is percent-encoded, for the login page is the application's own text.
fn visible_ascii(text: &str) -> String {
    const UNSEEN: &AsciiSet = &percent_encoding::CONTROLS.add(b' ');
    utf8_percent_encode(text, UNSEEN).to_string()
}

fn is_local_path(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
        && path.get(1) != Some(&b'/')
        && !path.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\')
        && !path.split(|byte| *byte == b'/').any(|segment| segment == b"." || segment == b"..")
}

/// Whether one element of `Accept` is `text/html` with a weight above 0.
fn accepts_html(element: &str) -> bool {
    let mut parts = element.split(';').map(str::trim);
    let is_html = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(HTML));
    is_html && parts.find_map(weight).is_none_or(|weight| weight > 0.0)
}

/// The weight, if this parameter is one. What cannot be read counts as 0.
fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_path_on_this_site_is_safe() {
        for next in [
            "/",
            "/members",
            "/members/",
            "/a//b",
            "/a?x=//evil.example",
            "/a?x=%5C%0a",
            "/caf%C3%A9",
            "/100%25",
            "/a#b",
            "/.well-known/x",
            "/...",
            "/@evil.example",
            "/a:b",
            "/%41",
        ] {
            assert_eq!(safe_next(next), Some(next));
        }
        let longest = format!("/{}", "x".repeat(MAX_NEXT_BYTES - 1));
        assert!(safe_next(&longest).is_some());
        assert_eq!(safe_next(&format!("{longest}x")), None);
    }

    #[test]
    fn anything_else_is_not() {
        for next in [
            "",
            "members",
            "?next=/",
            "#",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/a\\b",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " /members",
            "/a b",
            "/a\r\nSet-Cookie: x=y",
            "/caf\u{e9}",
            "/\u{2028}",
            "/%2Fevil.example",
            "/%2f/evil.example",
            "/%5Cevil.example",
            "/a%5c",
            "/%09/evil.example",
            "/%00",
            "/a%0D%0ASet-Cookie:x",
            "/%252Fevil.example",
            "/%25252Fevil.example",
            "/%2525252525252Fevil.example",
            "/%255Cevil.example",
            "/..//evil.example",
            "/.//evil.example",
            "/%2e//evil.example",
            "/%2e%2e/%2fevil.example",
            "/a/../..//evil.example",
            "/%FF%FE",
        ] {
            assert_eq!(safe_next(next), None, "{next:?}");
        }
    }

    #[test]
    fn only_who_lists_html_asks_for_a_page() {
        let asks = |method: &str, accept: &[&str]| {
            let mut request = Request::builder().method(method);
            for accept in accept {
                request = request.header("accept", *accept);
            }
            is_page_request(RequestHead::of(&request.body(()).unwrap()))
        };
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(asks("GET", &[firefox]));
        assert!(asks("HEAD", &[firefox]));
        assert!(asks("GET", &["application/json", "TEXT/HTML;level=1;Q=0.001"]));
        assert!(!asks("POST", &[firefox]));
        assert!(!asks("GET", &[]));
        assert!(!asks("GET", &["*/*"]));
        assert!(!asks("GET", &["text/*"]));
        assert!(!asks("GET", &["application/json, text/html;q=0"]));
        assert!(!asks("GET", &["text/html; q=0.000"]));
        assert!(!asks("GET", &["text/html; q=NaN"]));
        assert!(!asks("GET", &["text/html5"]));
    }
}
