//! Redirects to the login page and back.

use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::request::RequestHead;
use crate::respond::origin::Origin;
use crate::respond::requester::is_htmx;

/// The longest `next`, in bytes. Our choice: longer ones make a `Location` that some proxies refuse.
pub const MAX_NEXT_BYTES: usize = 2_048;

/// How often a path is percent-decoded before it counts as hostile.
const MAX_DECODINGS: usize = 4;

pub(crate) const HX_CURRENT_URL: HeaderName = HeaderName::from_static("hx-current-url");
pub(crate) const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Every character except RFC 3986 §2.3 "unreserved".
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The original target of the request, which `TokenAuthLayer` puts into the extensions of a page request without a
/// user.
///
/// Inside a nested router the request's own target is without its first segments, and the user would return to a page
/// that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a marker around one value")]
pub struct OriginalUri(pub Uri);

/// `next` if it is a path on this site, to go to after logging in; otherwise `None`.
///
/// It is visible ASCII and at most [`MAX_NEXT_BYTES`] long. Its path (the part before `?` or `#`) starts with exactly
/// one `/`, has no `\` and no segment `.` or `..`. The same must hold after percent-decoding the path once or more,
/// because a proxy between this server and the browser may decode it. A query may contain anything, `?path=C:\temp`
/// too: browsers read `\` as `/` in the path alone (URL Standard, "path state").
///
/// For a login page that serves other sites: [`safe_next_on`].
///
/// # Security
/// A login page that redirects to any `next` is an open redirect. Call this before every `Location`.
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
    if next.len() > MAX_NEXT_BYTES || !next.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let path = path_of(next);
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

/// `next` if it is a URL of one of these origins, to go to after logging in; otherwise `None`.
///
/// A login page that serves other sites, which send a whole URL as `next`
/// ([`RefusalResponses::with_public_origin`](crate::respond::RefusalResponses::with_public_origin)), checks it with this function. An
/// origin is a scheme, a host and optionally a port; a text that is not an origin accepts no URL. The part after the
/// origin must be a [`safe_next`].
///
/// # Security
/// A login page that redirects to any `next` is an open redirect. Name the origins; never read them from the request.
///
/// # Example
/// ```
/// use tower_tokens::respond::safe_next_on;
///
/// let sites = ["https://app.example", "https://shop.example:8443"];
/// assert_eq!(safe_next_on("https://app.example/a?b", sites), Some("https://app.example/a?b"));
/// for hostile in ["https://app.example.evil.example/", "https://app.example@evil.example/", "https://evil.example/", "/a"] {
///     assert_eq!(safe_next_on(hostile, sites), None);
/// }
/// ```
#[must_use]
pub fn safe_next_on<O: AsRef<str>>(next: &str, origins: impl IntoIterator<Item = O>) -> Option<&str> {
    let is_on = |origin: &Origin| strip_prefix_in_any_case(next, origin.as_str()).and_then(safe_next).is_some();
    origins.into_iter().filter_map(|origin| Origin::parse(origin.as_ref())).any(|origin| is_on(&origin)).then_some(next)
}

/// The login page, and the settings of the return address.
#[derive(Debug, Clone)]
pub(crate) struct LoginRedirect {
    pub(crate) page: Option<String>,
    pub(crate) next_parameter: String,
    pub(crate) public_prefix: String,
    pub(crate) public_origin: Option<Origin>,
}

impl LoginRedirect {
    /// The redirect for a request that should log in: the login page, with the return address in the parameter.
    ///
    /// `None` without a login page, and for a request for the login page itself, which would be redirected in a loop.
    pub(crate) fn location(&self, head: RequestHead<'_>) -> Option<HeaderValue> {
        let page = self.page.as_deref()?;
        let uri = head.extensions.get::<OriginalUri>().map_or(head.uri, |original| &original.0);
        let login_path = self.login_path(page);
        if login_path.strip_prefix(&self.public_prefix) == Some(uri.path()) {
            return None;
        }
        let next = self.next(head, uri).filter(|next| path_of(next) != login_path);
        let (target, fragment) = page.split_at(page.find('#').unwrap_or(page.len()));
        let mut location = visible_ascii(target);
        if let Some(next) = next {
            location.push(if target.contains('?') { '&' } else { '?' });
            location.extend(utf8_percent_encode(&self.next_parameter, COMPONENT));
            location.push('=');
            if let Some(origin) = self.public_origin.as_ref().filter(|origin| is_elsewhere(page, origin)) {
                location.extend(utf8_percent_encode(origin.as_str(), COMPONENT));
            }
            location.extend(utf8_percent_encode(&next, COMPONENT));
        }
        location.push_str(&visible_ascii(fragment));
        HeaderValue::try_from(location).ok()
    }

    /// The page to return to, as the browser sees it: a path on this site.
    fn next(&self, head: RequestHead<'_>, uri: &Uri) -> Option<String> {
        let next = if is_htmx(head.headers) {
            // The response to htmx is only a fragment, not a page to return to.
            self.page_of_this_site(head, &HX_CURRENT_URL)?
        } else if head.method == Method::GET || head.method == Method::HEAD {
            format!("{}{}", self.public_prefix, path_and_query(uri))
        } else {
            // The target of a form may have no page; the form itself was on one.
            self.page_of_this_site(head, &header::REFERER)?
        };
        let next = ascii(&next);
        safe_next(&next).is_some().then_some(next)
    }

    /// The page of this site in this header, which contains the whole URL of a page.
    fn page_of_this_site(&self, head: RequestHead<'_>, name: &HeaderName) -> Option<String> {
        let page: Uri = head.headers.get(name)?.to_str().ok()?.parse().ok()?;
        let authority = page.authority()?.as_str();
        let is_public = self.public_origin.as_ref().is_some_and(|origin| Origin::of(&page).as_ref() == Some(origin));
        let host = match head.headers.get(header::HOST) {
            Some(host) => host.to_str().ok(),
            None => head.uri.authority().map(Authority::as_str),
        };
        let is_here = is_public || host.is_some_and(|host| authority.eq_ignore_ascii_case(host));
        is_here.then(|| path_and_query(&page))
    }

    /// The path of the login page; the whole URL if it is on another site.
    fn login_path<'p>(&self, page: &'p str) -> &'p str {
        let here = self.public_origin.as_ref().and_then(|origin| strip_prefix_in_any_case(page, origin.as_str()));
        path_of(here.filter(|rest| rest.starts_with('/')).unwrap_or(page))
    }
}

/// Whether this login page is a URL of another origin.
fn is_elsewhere(page: &str, origin: &Origin) -> bool {
    if page.starts_with("//") {
        return true;
    }
    let url = &page[..page.find('#').unwrap_or(page.len())];
    url.contains("://") && visible_ascii(url).parse().ok().and_then(|uri| Origin::of(&uri)).as_ref() != Some(origin)
}

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

fn strip_prefix_in_any_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn path_and_query(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string)
}

/// Browsers send a path as ASCII; other clients may send plain UTF-8.
fn ascii(target: &str) -> String {
    utf8_percent_encode(target, percent_encoding::CONTROLS).to_string()
}

/// Characters that a header cannot contain are percent-encoded, because the application chooses the text of the login
/// page.
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

#[cfg(test)]
mod tests {
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
            "/a?path=C:\\temp\\a",
            "/a?x=\\\\evil.example",
            "/a#\\b",
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
}
