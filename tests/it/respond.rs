//! The table of answers, to the byte, and the way to the login page and back.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use proptest::prelude::*;
use time::Duration;
use tower_tokens::policy::SecurityPolicy;
use tower_tokens::request::RequestHead;
use tower_tokens::respond::{
    OriginalUri, Refusal, RefusalKind, RefusalResponses, RespondToRefusal, safe_next, safe_next_on,
};
use tower_tokens::user::{Reason, Unauthenticated};

const PAGE: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const HTMX: (&str, &str) = ("hx-request", "true");

fn responses() -> RefusalResponses {
    RefusalResponses::new().with_realm("club").with_login_page("/login")
}

fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn answer(answers: &RefusalResponses, kind: RefusalKind, request: &Request<()>) -> Response<Bytes> {
    answers.respond(&Refusal::new(kind), RequestHead::of(request))
}

fn header_of<'r>(response: &'r Response<Bytes>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

struct Row {
    kind: RefusalKind,
    status: u16,
    challenge: Option<&'static str>,
    detail: &'static str,
    heading: &'static str,
}

fn table() -> [Row; 9] {
    let row = |kind, status, challenge, detail, heading| Row { kind, status, challenge, detail, heading };
    [
        row(
            RefusalKind::NoCredential,
            401,
            Some(r#"Bearer realm="club""#),
            "This resource needs a token.",
            "Please log in",
        ),
        row(
            RefusalKind::InvalidToken,
            401,
            Some(r#"Bearer realm="club", error="invalid_token""#),
            "The token is not valid.",
            "Please log in",
        ),
        row(
            RefusalKind::TooOld { max_age: Duration::minutes(5) },
            401,
            Some(r#"Bearer realm="club", error="insufficient_user_authentication", max_age="300""#),
            "This resource needs a more recent login.",
            "Please log in again",
        ),
        row(
            RefusalKind::InvalidRequest,
            400,
            Some(r#"Bearer realm="club", error="invalid_request""#),
            "The request carries credentials that contradict each other.",
            "This request cannot be understood",
        ),
        row(
            RefusalKind::Denied,
            403,
            Some(r#"Bearer realm="club", error="insufficient_scope""#),
            "This user may not do this.",
            "Not allowed",
        ),
        row(RefusalKind::CrossSite, 403, None, "The request came from another site.", "Not allowed"),
        row(RefusalKind::NotFound, 404, None, "There is nothing here.", "Nothing here"),
        row(
            RefusalKind::Unavailable,
            503,
            None,
            "The request cannot be checked at the moment. Try again later.",
            "Please try again",
        ),
        row(RefusalKind::Misconfigured, 500, None, "The server cannot check the request.", "Something is wrong"),
    ]
}

#[test]
fn an_api_client_gets_the_row_of_the_table() {
    for row in table() {
        let response = answer(&responses(), row.kind, &request("/api/me", &[("accept", "*/*")]));
        assert_eq!(response.status(), row.status);
        assert_eq!(header_of(&response, "www-authenticate"), row.challenge, "{:?}", row.kind);
        assert_eq!(header_of(&response, "content-type"), Some("application/problem+json"));
        assert_eq!(header_of(&response, "cache-control"), Some("no-store"));
        assert_eq!(header_of(&response, "retry-after"), (row.status == 503).then_some("5"));
        assert_eq!(header_of(&response, "location"), None);
        let title = StatusCode::from_u16(row.status).unwrap();
        let title = title.canonical_reason().unwrap();
        let expected =
            format!(r#"{{"type":"about:blank","title":"{title}","status":{},"detail":"{}"}}"#, row.status, row.detail);
        assert_eq!(response.body(), &expected);
    }
}

#[test]
fn a_person_is_sent_to_the_login_page_or_gets_a_page() {
    for row in table() {
        let response = answer(&responses(), row.kind, &request("/members?page=2", &[PAGE]));
        assert_eq!(header_of(&response, "cache-control"), Some("no-store"));
        assert_eq!(header_of(&response, "www-authenticate"), None);
        assert_eq!(header_of(&response, "retry-after"), (row.status == 503).then_some("5"));
        if row.status == 401 {
            assert_eq!(response.status(), 303);
            assert_eq!(header_of(&response, "location"), Some("/login?next=%2Fmembers%3Fpage%3D2"));
            assert!(response.body().is_empty());
        } else {
            assert_eq!(response.status(), row.status);
            assert_eq!(header_of(&response, "location"), None);
            assert_page(&response, &row);
        }
    }
}

#[test]
fn without_a_login_page_a_person_gets_a_page_with_the_challenge() {
    for row in table().into_iter().filter(|row| row.status == 401) {
        let response = answer(&RefusalResponses::new().with_realm("club"), row.kind, &request("/members", &[PAGE]));
        assert_eq!(response.status(), 401);
        assert_eq!(header_of(&response, "www-authenticate"), row.challenge);
        assert_page(&response, &row);
    }
}

#[test]
fn htmx_moves_the_whole_page_to_the_login_page() {
    for row in table() {
        let mut request = request("/members/fragment", &[HTMX, ("host", "club.example")]);
        *request.method_mut() = http::Method::POST;
        request.headers_mut().insert("hx-current-url", "https://club.example/members?page=2#top".parse().unwrap());
        let response = answer(&responses(), row.kind, &request);
        assert_eq!(response.status(), row.status, "htmx does not see a redirect that the browser follows");
        let redirect = (row.status == 401).then_some("/login?next=%2Fmembers%3Fpage%3D2");
        assert_eq!(header_of(&response, "hx-redirect"), redirect);
        assert_eq!(header_of(&response, "location"), None);
        assert_eq!(header_of(&response, "www-authenticate"), row.challenge.filter(|_| row.status == 401));
        assert_page(&response, &row);
    }
}

fn assert_page(response: &Response<Bytes>, row: &Row) {
    assert_eq!(header_of(response, "content-type"), Some("text/html; charset=utf-8"));
    let page = std::str::from_utf8(response.body()).unwrap();
    assert!(page.starts_with("<!doctype html>"));
    assert!(page.contains(&format!("<h1>{}</h1>", row.heading)), "{page}");
    assert!(page.contains(&format!("<p class=\"status\">{}</p>", row.status)), "{page}");
}

#[test]
fn htmx_returns_to_no_page_of_another_host() {
    for current in ["https://evil.example/x", "https://club.example@evil.example/", "/members", "nonsense \u{1}", ""] {
        let mut request = request("/fragment", &[HTMX, ("host", "club.example")]);
        if let Ok(value) = current.parse() {
            request.headers_mut().insert("hx-current-url", value);
        }
        let response = answer(&responses(), RefusalKind::NoCredential, &request);
        assert_eq!(header_of(&response, "hx-redirect"), Some("/login"), "{current:?}");
    }
}

#[test]
fn the_way_back_is_the_original_target() {
    let mut request = request("/members", &[PAGE]);
    request.extensions_mut().insert(OriginalUri("https://club.example/club/members?a=b%26c".parse().unwrap()));
    let response = answer(&responses(), RefusalKind::NoCredential, &request);
    assert_eq!(header_of(&response, "location"), Some("/login?next=%2Fclub%2Fmembers%3Fa%3Db%2526c"));
}

#[test]
fn a_target_that_is_no_safe_way_back_is_left_out() {
    for target in ["//evil.example/", "/%5Cevil.example", &format!("/{}", "x".repeat(3_000))] {
        let mut request = request("/", &[PAGE]);
        request.extensions_mut().insert(OriginalUri(target.parse().unwrap()));
        let response = answer(&responses(), RefusalKind::NoCredential, &request);
        assert_eq!(header_of(&response, "location"), Some("/login"), "{target}");
    }
}

/// Where a browser goes after the login: what the login page reads out of its query, and its own check lets through.
fn way_back(answers: &RefusalResponses, request: &Request<()>) -> Option<String> {
    let response = answer(answers, RefusalKind::NoCredential, request);
    let location = header_of(&response, "location").or(header_of(&response, "hx-redirect")).unwrap().to_owned();
    let base = url::Url::parse("https://club.example").unwrap();
    let login = base.join(&location).unwrap();
    login.query_pairs().find(|(key, _)| key == "next").map(|(_, next)| next.into_owned())
}

#[test]
fn the_way_back_survives_what_addresses_contain() {
    for (target, expected) in [
        (r"/files?path=C:\temp\a", r"/files?path=C:\temp\a"),
        (r"/files?path=\\server\share&x=%5C", r"/files?path=\\server\share&x=%5C"),
        (r"/a?q=//evil.example/..//", r"/a?q=//evil.example/..//"),
        ("/a?q=%23%3F%26&r=a%20b+c", "/a?q=%23%3F%26&r=a%20b+c"),
        ("/a?q={x:[1]}|^`", "/a?q={x:[1]}|^`"),
        ("/caf\u{e9}?q=\u{20ac}", "/caf%C3%A9?q=%E2%82%AC"),
        ("/caf%C3%A9?q=%E9", "/caf%C3%A9?q=%E9"),
        ("/a?", "/a?"),
        ("/a?next=/b?next=/c", "/a?next=/b?next=/c"),
    ] {
        let mut request = request("/", &[PAGE]);
        request.extensions_mut().insert(OriginalUri(target.parse().unwrap()));
        let next = way_back(&responses(), &request);
        assert_eq!(next.as_deref(), Some(expected));
        assert_eq!(safe_next(expected), Some(expected));
        assert!(leads_nowhere_else(expected));
    }
}

#[test]
fn a_posted_form_returns_to_the_page_that_it_was_on() {
    let post = |referer: &str| {
        let headers = [PAGE, ("host", "club.example"), ("referer", referer)];
        let mut request = request("/account/end?x=y", &headers);
        *request.method_mut() = http::Method::POST;
        request
    };
    let next = |referer: &str| way_back(&responses(), &post(referer));
    assert_eq!(next("https://club.example/account?tab=2").as_deref(), Some("/account?tab=2"));
    for foreign in [
        "https://evil.example/account",
        "https://club.example@evil.example/",
        "/account",
        "",
        "https://club.example/login?a",
    ] {
        assert_eq!(next(foreign), None, "{foreign}");
    }
    // A proxy rewrites `Host`: the site's own settings say where it is.
    let known = responses().with_public_origin("https://www.club.example").unwrap();
    let next = way_back(&known, &post("https://www.club.example/account"));
    assert_eq!(next.as_deref(), Some("/account"));
}

#[test]
fn a_prefix_that_a_proxy_takes_off_is_put_back() {
    for prefix in ["/club", "/club/"] {
        let responses = RefusalResponses::new().with_login_page("/club/login").with_public_prefix(prefix).unwrap();
        assert_eq!(way_back(&responses, &request("/members?a=b", &[PAGE])).as_deref(), Some("/club/members?a=b"));
        let htmx = [HTMX, ("host", "club.example"), ("hx-current-url", "https://club.example/club/inbox")];
        assert_eq!(way_back(&responses, &request("/fragment", &htmx)).as_deref(), Some("/club/inbox"));
        let response = answer(&responses, RefusalKind::NoCredential, &request("/login", &[PAGE]));
        assert_eq!(response.status(), 401, "the login page itself");
    }
    for wrong in ["club", "//club", "/club?x", "/club#x", "/../club", "/a b", r"/\club"] {
        assert!(RefusalResponses::new().with_public_prefix(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_login_page_on_another_host_gets_a_whole_url() {
    let on = |page: &str| {
        let responses =
            RefusalResponses::new().with_login_page(page).with_public_origin("https://app.example").unwrap();
        way_back(&responses.with_public_prefix("/club").unwrap(), &request(r"/m?p=C:\a", &[PAGE]))
    };
    for elsewhere in
        ["https://login.example/", "http://app.example/login", "//login.example/", "https://app.example.evil/"]
    {
        let next = on(elsewhere).unwrap();
        assert_eq!(next, r"https://app.example/club/m?p=C:\a");
        assert_eq!(safe_next_on(&next, ["https://app.example"]), Some(next.as_str()));
        assert_eq!(safe_next_on(&next, ["https://shop.example"]), None);
    }
    for here in ["/login", "https://app.example/login", "HTTPS://APP.example:443/login"] {
        assert_eq!(on(here).unwrap(), r"/club/m?p=C:\a", "{here}");
    }
    for wrong in ["app.example", "https://app.example/x", "ftp://app.example", "https://a@app.example", ""] {
        assert!(RefusalResponses::new().with_public_origin(wrong).is_err(), "{wrong}");
    }
    let responses =
        RefusalResponses::new().with_login_page("https://app.example/login").with_public_origin("https://app.example");
    let response = answer(&responses.unwrap(), RefusalKind::NoCredential, &request("/login", &[PAGE]));
    assert_eq!(response.status(), 401, "the login page itself");
}

#[test]
fn the_policy_knows_prefix_and_origin() {
    let policy = SecurityPolicy::new()
        .login_page("https://login.example/in")
        .public_origin("https://app.example")
        .public_prefix("/club");
    assert_eq!(way_back(&policy.responses(), &request("/m", &[PAGE])).as_deref(), Some("https://app.example/club/m"));
    assert!(SecurityPolicy::new().try_public_origin("app.example").is_err());
    assert!(SecurityPolicy::new().try_public_prefix("club").is_err());
}

#[test]
fn a_guarded_login_page_causes_no_redirect_loop() {
    for (login_page, target) in [("/login", "/login?next=%2F"), ("/login?from=guard", "/login")] {
        let responses = RefusalResponses::new().with_login_page(login_page);
        let response = answer(&responses, RefusalKind::NoCredential, &request(target, &[PAGE]));
        assert_eq!(response.status(), 401);
        assert_eq!(header_of(&response, "location"), None);
    }
}

#[test]
fn the_settings_show_in_the_location() {
    let location = |responses: RefusalResponses| {
        let response = answer(&responses, RefusalKind::NoCredential, &request("/m", &[PAGE]));
        header_of(&response, "location").unwrap().to_owned()
    };
    let responses = RefusalResponses::new;
    assert_eq!(location(responses().with_login_page("/login?lang=en")), "/login?lang=en&next=%2Fm");
    assert_eq!(location(responses().with_login_page("/login#form")), "/login?next=%2Fm#form");
    assert_eq!(location(responses().with_login_page("https://sso.example/in")), "https://sso.example/in?next=%2Fm");
    assert_eq!(location(responses().with_login_page("/an melden\r\nX: y")), "/an%20melden%0D%0AX:%20y?next=%2Fm");
    assert_eq!(location(responses().with_login_page("/login").with_next_parameter("to&fro")), "/login?to%26fro=%2Fm");
}

#[test]
fn retry_after_is_a_setting() {
    let responses = RefusalResponses::new().with_retry_after(std::time::Duration::from_secs(30));
    let response = answer(&responses, RefusalKind::Unavailable, &request("/", &[]));
    assert_eq!(header_of(&response, "retry-after"), Some("30"));
}

#[test]
fn every_reason_has_its_row() {
    for (reason, kind) in [
        (Reason::NoCredential, RefusalKind::NoCredential),
        (Reason::Invalid, RefusalKind::InvalidToken),
        (Reason::Malformed, RefusalKind::InvalidToken),
        (Reason::Ambiguous, RefusalKind::InvalidRequest),
        (Reason::CrossSite, RefusalKind::CrossSite),
        (Reason::Unavailable, RefusalKind::Unavailable),
    ] {
        let refusal = Refusal::from(Unauthenticated::new(reason));
        assert_eq!(refusal.kind(), kind);
        assert_eq!(refusal.unauthenticated().unwrap().reason(), reason);
    }
}

fn leads_nowhere_else(next: &str) -> bool {
    let base = url::Url::parse("https://club.example/login").unwrap();
    base.join(next).is_ok_and(|target| target.origin() == base.origin())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A browser (the URL standard) stays on this site, also if somebody decodes the path before it gets there.
    #[test]
    fn a_safe_next_never_leaves_the_site(next in r"[/\\]{0,3}([%25fFcC/\\.:@?#a\t\n ]|%2[fFeE5]|%5[cC]|%0[9aA]|evil\.example|https:){0,8}") {
        if safe_next(&next).is_some() {
            prop_assert!(leads_nowhere_else(&next));
            let path = next.split(['?', '#']).next().unwrap();
            let mut decoded = path.to_owned();
            for _ in 0..3 {
                decoded = percent_encoding::percent_decode_str(&decoded).decode_utf8().unwrap().into_owned();
                prop_assert!(leads_nowhere_else(&decoded), "{next:?} decodes to {decoded:?}");
            }
        }
    }

    #[test]
    fn any_text_is_judged_without_a_panic(next in any::<String>()) {
        if let Some(safe) = safe_next(&next) {
            prop_assert_eq!(safe, &next);
            prop_assert!(leads_nowhere_else(safe));
        }
    }

    /// Whatever is let through stays on this origin, from wherever it is resolved.
    #[test]
    fn what_is_let_through_resolves_to_this_site(next in r"[/\\]{0,2}([/\\.?#%:@a ]|%2e|%5c|evil\.example|https://){0,10}") {
        let base = url::Url::parse("https://site.example/x/y").unwrap();
        if let Some(safe) = safe_next(&next) {
            prop_assert_eq!(base.join(safe).unwrap().origin(), base.origin());
        }
        for prefix in ["https://site.example", "https://site.example:443", "https://site.example@evil.example", "//"] {
            let url = format!("{prefix}{next}");
            if let Some(safe) = safe_next_on(&url, ["https://site.example/"]) {
                prop_assert_eq!(base.join(safe).unwrap().origin(), base.origin());
            }
        }
    }

    /// The login page reads the very target back out of its query.
    #[test]
    fn the_way_back_survives_the_query(path in "(/[a-z0-9&=+%]{1,5}){1,3}", query in r"[a-z&=+/?:@\\{}]{0,12}") {
        let target = format!("{path}?{query}");
        let Ok(uri) = target.parse::<http::Uri>() else { return Ok(()) };
        let mut request = request("/", &[PAGE]);
        request.extensions_mut().insert(OriginalUri(uri));
        let response = answer(&responses(), RefusalKind::NoCredential, &request);
        let location = format!("https://club.example{}", header_of(&response, header::LOCATION.as_str()).unwrap());
        let read_back = url::Url::parse(&location).unwrap().query_pairs().next().map(|(_, next)| next.into_owned());
        prop_assert_eq!(read_back.as_deref(), safe_next(&target));
    }
}
