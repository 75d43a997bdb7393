//! The kind of client that sent a request: a browser tab, htmx, a gRPC client, or a script.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::request::RequestHead;
use crate::respond::grpc;

const HTML: &str = "text/html";

pub(crate) const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");

/// The kind of client that sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requester {
    /// A navigation of a browser tab: a link or a posted form. May be redirected to the login page.
    Navigation,
    /// A request for a page that is not a navigation of a tab: a frame, a prefetch, a download, a script that requests
    /// HTML. Gets a page with the status of the refusal, and no redirect.
    PageInPlace,
    /// htmx, which follows `HX-Redirect` in the whole tab.
    Htmx,
    /// A gRPC client, and the media type of the answer to it.
    Grpc { media_type: &'static str },
    /// Any other program.
    Script,
}

impl Requester {
    /// The kind of client, by the headers that browsers and libraries send.
    ///
    /// # Source
    /// [Fetch Metadata](https://www.w3.org/TR/fetch-metadata/) §2; browsers send it over HTTPS and to localhost. Without
    /// it, `Accept` decides.
    pub(crate) fn of(head: RequestHead<'_>) -> Self {
        if let Some(known) = head.extensions.get::<Self>() {
            return *known;
        }
        let headers = head.headers;
        let marks = Marks::of(headers);
        if let Some(media_type) = text(marks.content_type).and_then(grpc::media_type) {
            return Self::Grpc { media_type };
        }
        if is_true(marks.hx_request) {
            return Self::Htmx;
        }
        // Android's WebView puts the name of its application here, with navigations too.
        let is_by_script =
            text(marks.x_requested_with).is_some_and(|value| value.eq_ignore_ascii_case("XMLHttpRequest"));
        if is_by_script || marks.is_of_a_library {
            return marks.script(headers);
        }
        match (text(marks.sec_fetch_mode), text(marks.sec_fetch_dest)) {
            (Some("navigate"), None | Some("document")) | (None, Some("document")) => {
                // A page that is prefetched; browsers discard it unless it is a success.
                if marks.has_purpose { Self::PageInPlace } else { Self::Navigation }
            }
            (Some("navigate"), Some(_)) | (None, Some("iframe" | "frame" | "embed" | "object" | "fencedframe")) => {
                Self::PageInPlace
            }
            (Some(_), _) | (None, Some(_)) => marks.script(headers),
            // A form sends `GET` or `POST`; any other method comes from a script.
            (None, None) if is_method_of_a_form(head.method) && marks.accepts_html(headers) => Self::Navigation,
            (None, None) => marks.script(headers),
        }
    }
}

/// Whether a browser tab waits for a page: a navigation, by a link or a posted form.
///
/// Browsers send this in `Sec-Fetch-Mode` and `Sec-Fetch-Dest`. Without those headers, it is a `GET`, `HEAD` or `POST`
/// whose `Accept` lists `text/html`: `*/*` alone is typical of programs, and a weight of 0 means "not this one" (RFC
/// 9110 §12.4.2). With `X-Requested-With: XMLHttpRequest`, or a header of htmx, Trongate MX and other libraries, it is
/// a script's.
#[must_use]
pub fn is_page_request(head: RequestHead<'_>) -> bool {
    Requester::of(head) == Requester::Navigation
}

/// The headers that say what kind of client sent a request, read in one pass: most requests have fewer headers than there
/// are names to look for. Of a header that is repeated, the first counts.
#[derive(Default)]
struct Marks<'h> {
    content_type: Option<&'h HeaderValue>,
    sec_fetch_mode: Option<&'h HeaderValue>,
    sec_fetch_dest: Option<&'h HeaderValue>,
    hx_request: Option<&'h HeaderValue>,
    x_requested_with: Option<&'h HeaderValue>,
    /// Whether it has a header that a library sends with its own `fetch`. A navigation cannot carry them.
    is_of_a_library: bool,
    /// Whether it has `Sec-Purpose`.
    has_purpose: bool,
    /// Whether an `Accept` is long enough to name HTML.
    may_accept_html: bool,
}

impl<'h> Marks<'h> {
    fn of(headers: &'h HeaderMap) -> Self {
        let mut marks = Self::default();
        for (name, value) in headers {
            let mark = match name.as_str() {
                "content-type" => &mut marks.content_type,
                "sec-fetch-mode" => &mut marks.sec_fetch_mode,
                "sec-fetch-dest" => &mut marks.sec_fetch_dest,
                "hx-request" => &mut marks.hx_request,
                "x-requested-with" => &mut marks.x_requested_with,
                "trongate-mx-request"
                | "turbo-frame"
                | "x-pjax"
                | "x-inertia"
                | "x-up-version"
                | "datastar-request" => {
                    marks.is_of_a_library = true;
                    continue;
                }
                "sec-purpose" => {
                    marks.has_purpose = true;
                    continue;
                }
                "accept" => {
                    marks.may_accept_html |= value.len() >= HTML.len();
                    continue;
                }
                _ => continue,
            };
            mark.get_or_insert(value);
        }
        marks
    }

    /// What a request is that is no navigation.
    fn script(&self, headers: &HeaderMap) -> Requester {
        if self.accepts_html(headers) { Requester::PageInPlace } else { Requester::Script }
    }

    fn accepts_html(&self, headers: &HeaderMap) -> bool {
        self.may_accept_html && accepts_html(headers)
    }
}

/// Whether htmx made the request, with any method.
pub(crate) fn is_htmx(headers: &HeaderMap) -> bool {
    is_true(headers.get(HX_REQUEST))
}

fn is_true(value: Option<&HeaderValue>) -> bool {
    value.is_some_and(|value| value == "true")
}

fn is_method_of_a_form(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

/// The text of a header. A value that is not visible ASCII reads as empty.
fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.map(|value| value.to_str().unwrap_or_default())
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.split(',').any(is_html)))
}

/// Whether one element of `Accept` is `text/html` with a weight above 0.
fn is_html(element: &str) -> bool {
    let mut parts = element.split(';').map(str::trim);
    let is_html = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(HTML));
    is_html && parts.find_map(weight).is_none_or(|weight| weight > 0.0)
}

/// The weight, if this parameter is one. A weight that cannot be parsed counts as 0.
fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const FIREFOX: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    fn requester(method: &str, headers: &[(&str, &str)]) -> Requester {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Requester::of(RequestHead::of(&request.body(()).unwrap()))
    }

    #[test]
    fn only_a_request_that_lists_html_is_a_page_request() {
        let asks = |method: &str, accept: &[&str]| {
            let headers: Vec<_> = accept.iter().map(|accept| ("accept", *accept)).collect();
            requester(method, &headers) == Requester::Navigation
        };
        assert!(asks("GET", &[FIREFOX]));
        assert!(asks("HEAD", &[FIREFOX]));
        assert!(asks("POST", &[FIREFOX]), "a posted form");
        assert!(asks("GET", &["application/json", "TEXT/HTML;level=1;Q=0.001"]));
        assert!(!asks("PUT", &[FIREFOX]), "no form can do that");
        assert!(!asks("GET", &[]));
        assert!(!asks("GET", &["*/*"]));
        assert!(!asks("GET", &["text/*"]));
        assert!(!asks("GET", &["application/json, text/html;q=0"]));
        assert!(!asks("GET", &["text/html; q=0.000"]));
        assert!(!asks("GET", &["text/html; q=NaN"]));
        assert!(!asks("GET", &["text/html5"]));
    }

    #[test]
    fn fetch_metadata_takes_precedence_over_accept() {
        use Requester::{Navigation, PageInPlace, Script};

        for (mode, dest, with_html, without) in [
            ("navigate", "document", Navigation, Navigation),
            ("navigate", "", Navigation, Navigation),
            ("", "document", Navigation, Navigation),
            ("navigate", "iframe", PageInPlace, PageInPlace),
            ("navigate", "frame", PageInPlace, PageInPlace),
            ("navigate", "embed", PageInPlace, PageInPlace),
            ("navigate", "object", PageInPlace, PageInPlace),
            ("navigate", "fencedframe", PageInPlace, PageInPlace),
            ("navigate", "empty", PageInPlace, PageInPlace),
            ("", "iframe", PageInPlace, PageInPlace),
            ("cors", "empty", PageInPlace, Script),
            ("same-origin", "empty", PageInPlace, Script),
            ("no-cors", "image", PageInPlace, Script),
            ("websocket", "", PageInPlace, Script),
            ("nonsense", "document", PageInPlace, Script),
            ("", "script", PageInPlace, Script),
        ] {
            let mut headers = Vec::new();
            if !mode.is_empty() {
                headers.push(("sec-fetch-mode", mode));
            }
            if !dest.is_empty() {
                headers.push(("sec-fetch-dest", dest));
            }
            for method in ["GET", "POST"] {
                assert_eq!(requester(method, &headers), without, "{mode} {dest}");
                let with = [&headers[..], &[("accept", FIREFOX)]].concat();
                assert_eq!(requester(method, &with), with_html, "{mode} {dest}");
            }
        }
        let prefetch = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")];
        assert_eq!(requester("GET", &prefetch), PageInPlace);
    }

    /// The answer to a refusal that a handler returned is asked for with what was kept of the request.
    #[test]
    fn a_request_that_is_known_to_be_a_navigation_stays_one_without_its_headers() {
        for known in [Requester::Navigation, Requester::PageInPlace, Requester::Htmx, Requester::Script] {
            let request = Request::builder().extension(known).body(()).unwrap();
            assert_eq!(is_page_request(RequestHead::of(&request)), known == Requester::Navigation, "{known:?}");
        }
    }

    #[test]
    fn a_request_with_a_library_header_is_not_a_navigation() {
        let html = ("accept", FIREFOX);
        for marker in [
            ("x-requested-with", "XMLHttpRequest"),
            ("x-requested-with", "xmlhttprequest"),
            ("trongate-mx-request", "true"),
            ("turbo-frame", "cart"),
            ("x-inertia", "true"),
        ] {
            assert_eq!(requester("GET", &[marker, html]), Requester::PageInPlace, "{marker:?}");
            assert_eq!(requester("POST", &[marker]), Requester::Script, "{marker:?}");
        }
        let web_view = ("x-requested-with", "com.example.app");
        assert_eq!(requester("GET", &[web_view, html]), Requester::Navigation);
        assert_eq!(requester("DELETE", &[("hx-request", "true"), html]), Requester::Htmx);
        assert_eq!(requester("GET", &[("hx-request", "false"), html]), Requester::Navigation);
    }
}
