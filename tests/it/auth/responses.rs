//! The table of answers, to the byte, for every source.

use time::Duration;
use tower_tokens::user::SourceKind;

use crate::http::{Answer, Server};
use crate::site::{KINDS, Site, basic, credential};

const API: (&str, &str) = ("accept", "application/json");
const PAGE: (&str, &str) = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
const HTMX: (&str, &str) = ("hx-request", "true");

const UNKNOWN: &str = "22222222222222222222222222222222";

/// What an API client gets.
struct Row {
    status: u16,
    challenge: Option<&'static str>,
    title: &'static str,
    detail: &'static str,
    retry_after: Option<&'static str>,
}

const NO_CREDENTIAL: Row = Row {
    status: 401,
    challenge: Some(r#"Bearer realm="the club""#),
    title: "Unauthorized",
    detail: "This resource needs a token.",
    retry_after: None,
};

const INVALID: Row = Row {
    status: 401,
    challenge: Some(r#"Bearer realm="the club", error="invalid_token""#),
    title: "Unauthorized",
    detail: "The token is not valid.",
    retry_after: None,
};

const AMBIGUOUS: Row = Row {
    status: 400,
    challenge: Some(r#"Bearer realm="the club", error="invalid_request""#),
    title: "Bad Request",
    detail: "The request carries credentials that contradict each other.",
    retry_after: None,
};

const DENIED: Row = Row {
    status: 403,
    challenge: Some(r#"Bearer realm="the club", error="insufficient_scope""#),
    title: "Forbidden",
    detail: "This user may not do this.",
    retry_after: None,
};

const TOO_OLD: Row = Row {
    status: 401,
    challenge: Some(r#"Bearer realm="the club", error="insufficient_user_authentication", max_age="600""#),
    title: "Unauthorized",
    detail: "This resource needs a more recent login.",
    retry_after: None,
};

const CROSS_SITE: Row = Row {
    status: 403,
    challenge: None,
    title: "Forbidden",
    detail: "The request came from another site.",
    retry_after: None,
};

const UNAVAILABLE: Row = Row {
    status: 503,
    challenge: None,
    title: "Service Unavailable",
    detail: "The request cannot be checked at the moment. Try again later.",
    retry_after: Some("5"),
};

impl Row {
    fn assert_api(&self, answer: &Answer, case: &str) {
        assert_eq!(answer.status, self.status, "{case}");
        assert_eq!(answer.header("www-authenticate"), self.challenge, "{case}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(answer.header("retry-after"), self.retry_after, "{case}");
        assert_eq!((answer.header("location"), answer.header("hx-redirect")), (None, None), "{case}");
        let Self { status, title, detail, .. } = self;
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}"#);
        assert_eq!(answer.body, body, "{case}");
    }

    fn assert_page(&self, answer: &Answer, path: &str, case: &str) {
        if self.status == 401 {
            assert_eq!(answer.status, 303, "{case}");
            let location = format!("/login?next={}", path.replace('/', "%2F"));
            assert_eq!(answer.header("location"), Some(location.as_str()), "{case}");
            assert_eq!(answer.header("www-authenticate"), None, "{case}");
            assert_eq!(answer.body, "", "{case}");
        } else {
            assert_eq!(answer.status, self.status, "{case}");
            assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{case}");
            assert_eq!(answer.header("www-authenticate"), None, "{case}");
            assert!(answer.body.starts_with("<!doctype html>"), "{case}");
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(answer.header("retry-after"), self.retry_after, "{case}");
    }

    /// A posted form: a page with the headers of the API answer, or the login page without a way back to what has no page.
    fn assert_form(&self, answer: &Answer, case: &str) {
        if self.status == 401 {
            assert_eq!((answer.status, answer.header("location")), (303, Some("/login")), "{case}");
        } else {
            assert_eq!(answer.status, self.status, "{case}");
            assert_eq!(answer.header("www-authenticate"), self.challenge, "{case}");
            assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{case}");
            assert!(answer.body.starts_with("<!doctype html>"), "{case}");
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(answer.header("retry-after"), self.retry_after, "{case}");
    }

    fn assert_htmx(&self, answer: &Answer, next: &str, case: &str) {
        assert_eq!(answer.status, self.status, "{case}");
        let redirect = (self.status == 401).then(|| format!("/login?next={next}"));
        assert_eq!(answer.header("hx-redirect"), redirect.as_deref(), "{case}");
        assert_eq!(answer.header("location"), None, "{case}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(answer.header("retry-after"), self.retry_after, "{case}");
    }
}

/// Asks as an API client, as a browser and as htmx.
async fn assert_row(server: &Server, row: &Row, path: &str, headers: &[(&str, &str)], case: &str) {
    let with = |more: &[(&'static str, &'static str)]| [headers, more].concat();
    row.assert_api(&server.get(path, &with(&[])).await, case);
    row.assert_api(&server.get(path, &with(&[API])).await, case);
    row.assert_api(&server.send("POST", path, &with(&[API])).await, &format!("POST, {case}"));
    row.assert_form(&server.send("POST", path, &with(&[PAGE])).await, &format!("POST, {case}"));
    row.assert_page(&server.get(path, &with(&[PAGE])).await, path, case);
    let current = format!("http://{}/inbox?page=2", server.host());
    let htmx = [headers, &[HTMX, ("hx-current-url", current.as_str())]].concat();
    row.assert_htmx(&server.get(path, &htmx).await, "%2Finbox%3Fpage%3D2", case);
    row.assert_htmx(&server.send("POST", path, &htmx).await, "%2Finbox%3Fpage%3D2", &format!("POST, {case}"));
}

#[tokio::test]
async fn a_request_without_a_credential_is_asked_for_one() {
    let server = Server::start(Site::new().await.guarded()).await;
    assert_row(&server, &NO_CREDENTIAL, "/members", &[], "nothing").await;
    assert_row(&server, &NO_CREDENTIAL, "/members", &[("cookie", "other=1")], "another cookie").await;
    assert_row(&server, &NO_CREDENTIAL, "/members", &[("authorization", "Digest x")], "another scheme").await;
}

#[tokio::test]
async fn a_valid_token_is_accepted_from_every_source() {
    let site = Site::new().await;
    let server = Server::start(site.guarded()).await;
    for kind in KINDS {
        let (name, value) = credential(&server, kind, &site.member_token().await).await;
        for more in [API, PAGE, HTMX] {
            let answer = server.get("/members", &[(name, &value), more]).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "secret"), "{kind}");
            assert_eq!(answer.header("cache-control"), Some("private"), "{kind}");
        }
        let answer = server.send("POST", "/members", &[(name, &value)]).await;
        assert_eq!(answer.status, 200, "POST, {kind}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let site = Site::new().await;
    let server = Server::start(site.guarded()).await;
    let expired = site.tokens.generate(&site.member).lifetime(Duration::seconds(10)).await.unwrap();
    let ended = site.member_token().await;
    for kind in KINDS {
        let ended = credential(&server, kind, &ended).await;
        let expired = credential(&server, kind, expired.token().expose_secret()).await;
        let unknown = credential(&server, kind, UNKNOWN).await;
        let malformed = credential(&server, kind, "no,token").await;
        site.tokens.destroy_all(&site.member).await.unwrap();
        site.clock.advance(Duration::seconds(10));
        for (what, (name, value)) in
            [("ended", &ended), ("expired", &expired), ("unknown", &unknown), ("malformed", &malformed)]
        {
            assert_row(&server, &INVALID, "/members", &[(name, value)], &format!("{what}, {kind}")).await;
        }
    }
}

#[tokio::test]
async fn credentials_that_contradict_each_other_are_a_bad_request() {
    let site = Site::new().await;
    let server = Server::start(site.guarded()).await;
    let (a, b) = (site.member_token().await, site.token_of(&site.admin).await);
    let bearer = format!("Bearer {a}");
    let two = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_row(&server, &AMBIGUOUS, "/members", &two, "two Authorization headers").await;
    let basic = basic(&a);
    let mixed = [("authorization", bearer.as_str()), ("authorization", basic.as_str())];
    assert_row(&server, &AMBIGUOUS, "/members", &mixed, "Bearer and Basic").await;
    let cookies = format!("trongatetoken={a}; trongatetoken={b}");
    assert_row(&server, &AMBIGUOUS, "/members", &[("cookie", &cookies)], "cookies of two users").await;
    let headers = [("trongatetoken", a.as_str()), ("trongatetoken", b.as_str())];
    assert_row(&server, &AMBIGUOUS, "/members", &headers, "headers of two users").await;
}

#[tokio::test]
async fn a_user_whom_the_rule_denies_gets_403() {
    let site = Site::new().await;
    let server = Server::start(site.guarded()).await;
    for kind in KINDS {
        let (name, value) = credential(&server, kind, &site.member_token().await).await;
        assert_row(&server, &DENIED, "/admin", &[(name, &value)], kind.as_str()).await;
    }
}

#[tokio::test]
async fn a_login_that_is_too_long_ago_is_asked_for_again() {
    let site = Site::new().await;
    let server = Server::start(site.guarded()).await;
    for kind in KINDS {
        let (name, value) = credential(&server, kind, &site.member_token().await).await;
        site.clock.advance(Duration::minutes(10));
        assert_eq!(server.get("/recent", &[(name, &value)]).await.status, 200, "{kind}");
        site.clock.advance(Duration::seconds(1));
        assert_row(&server, &TOO_OLD, "/recent", &[(name, &value)], kind.as_str()).await;
    }
}

#[tokio::test]
async fn another_site_cannot_use_what_the_browser_sends_by_itself() {
    let site = Site::new().await;
    let server = Server::start(site.guarded()).await;
    for kind in [SourceKind::Cookie, SourceKind::Session, SourceKind::Basic] {
        let (name, value) = credential(&server, kind, &site.member_token().await).await;
        let headers = [(name, value.as_str()), ("sec-fetch-site", "cross-site")];
        let answer = server.send("POST", "/members", &[&headers[..], &[API]].concat()).await;
        CROSS_SITE.assert_api(&answer, kind.as_str());
        let answer = server.send("POST", "/members", &[&headers[..], &[PAGE]].concat()).await;
        CROSS_SITE.assert_form(&answer, kind.as_str());
        let answer = server.send("POST", "/members", &[&headers[..], &[HTMX]].concat()).await;
        CROSS_SITE.assert_htmx(&answer, "", kind.as_str());
        // A page request can be an unsafe one only when it shakes hands for a WebSocket.
        let handshake = [&headers[..], &[PAGE, ("upgrade", "websocket")]].concat();
        CROSS_SITE.assert_page(&server.get("/members", &handshake).await, "/members", kind.as_str());
    }
}

#[tokio::test]
async fn an_outage_is_never_a_logout() {
    for site in [Site::new().await, Site::async_only().await] {
        let server = Server::start(site.guarded()).await;
        for kind in KINDS {
            let (name, value) = credential(&server, kind, &site.member_token().await).await;
            site.store.fail();
            assert_row(&server, &UNAVAILABLE, "/members", &[(name, &value)], kind.as_str()).await;
            site.store.heal();
            assert_eq!(server.get("/members", &[(name, &value)]).await.status, 200, "{kind} recovers");
        }
    }
}
