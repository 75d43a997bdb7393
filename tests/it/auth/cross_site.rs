//! Which requests may use what a browser sends by itself.

use tower_tokens::source::SameOrigin;
use tower_tokens::user::SourceKind;

use crate::http::Server;
use crate::site::{KINDS, Site, credential, whoami};

const TRUSTED: &str = "https://app.example.com";

const AMBIENT: [SourceKind; 3] = [SourceKind::Cookie, SourceKind::Session, SourceKind::Basic];

/// A method, what a browser says of where the request comes from, and whether ambient credentials count.
type Case = (&'static str, Vec<(&'static str, String)>, bool);

fn cases(host: &str) -> Vec<Case> {
    let site = |value: &str| vec![("sec-fetch-site", value.to_owned())];
    let origin = |value: &str| vec![("origin", value.to_owned())];
    let both = |site: &str, origin: &str| vec![("sec-fetch-site", site.to_owned()), ("origin", origin.to_owned())];
    vec![
        ("POST", site("same-origin"), true),
        ("POST", site("none"), true),
        ("POST", site("cross-site"), false),
        ("POST", site("same-site"), false),
        ("POST", vec![], true),
        ("POST", origin(&format!("http://{host}")), true),
        ("POST", origin(&format!("https://{host}")), true),
        ("POST", origin("https://evil.example"), false),
        ("POST", origin(&format!("http://{host}.evil.example")), false),
        ("POST", origin("http://127.0.0.1:1"), false),
        ("POST", origin("null"), false),
        ("GET", site("cross-site"), true),
        ("HEAD", site("cross-site"), true),
        ("OPTIONS", site("cross-site"), true),
        ("GET", origin("https://evil.example"), true),
        ("PUT", site("cross-site"), false),
        ("PATCH", site("cross-site"), false),
        ("DELETE", site("cross-site"), false),
        ("PROPFIND", site("cross-site"), false),
        ("POST", both("cross-site", TRUSTED), true),
        ("POST", both("same-site", TRUSTED), true),
        ("POST", origin(TRUSTED), true),
        ("POST", both("cross-site", "https://app.example.com.evil.example"), false),
        ("POST", both("cross-site", &format!("http://{host}")), false),
        ("POST", [site("same-origin"), site("cross-site")].concat(), false),
        ("POST", [origin(TRUSTED), origin("https://evil.example")].concat(), false),
    ]
}

#[tokio::test]
async fn ambient_credentials_count_on_this_sites_own_requests_alone() {
    let site = Site::new().await;
    let rule = SameOrigin::new().trusted_origin(TRUSTED).unwrap();
    let server = Server::start(whoami(site.layer().same_origin(rule))).await;
    for kind in AMBIENT {
        let (name, value) = credential(&server, kind, &site.member_token().await).await;
        for (method, origin, counts) in cases(&server.host()) {
            let mut headers = vec![(name, value.as_str())];
            headers.extend(origin.iter().map(|(name, value)| (*name, value.as_str())));
            let answer = server.send(method, "/", &headers).await;
            let expected = match (method, counts) {
                ("HEAD", _) => String::new(),
                (_, true) => format!("member via {kind}"),
                (_, false) => "cross-site request with an ambient credential".to_owned(),
            };
            assert_eq!(answer.body, expected, "{kind} {method} {origin:?}");
        }
    }
}

#[tokio::test]
async fn a_guard_answers_as_the_rule_says() {
    let site = Site::new().await;
    let server = Server::start(site.guarded()).await;
    for kind in KINDS {
        let (name, value) = credential(&server, kind, &site.member_token().await).await;
        for (method, origin, counts) in cases(&server.host()) {
            if origin.iter().any(|(_, value)| value == TRUSTED) {
                continue; // This site trusts no other origin.
            }
            let mut headers = vec![(name, value.as_str())];
            headers.extend(origin.iter().map(|(name, value)| (*name, value.as_str())));
            let answer = server.send(method, "/members", &headers).await;
            let expected = if counts || !kind.is_ambient() { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{kind} {method} {origin:?}");
        }
    }
}

#[tokio::test]
async fn what_a_program_sends_on_purpose_counts_from_anywhere() {
    let site = Site::new().await;
    let server = Server::start(site.whoami()).await;
    for kind in [SourceKind::Bearer, SourceKind::Header] {
        let (name, value) = credential(&server, kind, &site.member_token().await).await;
        for (method, origin, _) in cases(&server.host()) {
            let mut headers = vec![(name, value.as_str())];
            headers.extend(origin.iter().map(|(name, value)| (*name, value.as_str())));
            let expected = if method == "HEAD" { String::new() } else { format!("member via {kind}") };
            assert_eq!(server.send(method, "/", &headers).await.body, expected, "{kind} {method} {origin:?}");
        }
    }
}

#[tokio::test]
async fn an_explicit_credential_beside_an_ambient_one_counts_on_a_cross_site_request() {
    for site in [Site::new().await, Site::async_only().await] {
        let server = Server::start(site.whoami()).await;
        let token = site.member_token().await;
        for ambient in [SourceKind::Cookie, SourceKind::Session] {
            let (name, value) = credential(&server, ambient, &token).await;
            let bearer = format!("Bearer {token}");
            let headers =
                [(name, value.as_str()), ("authorization", bearer.as_str()), ("sec-fetch-site", "cross-site")];
            let answer = server.send("POST", "/", &headers).await;
            assert_eq!(answer.body, "member via bearer", "the same token, {ambient} and Bearer");
        }
    }
}

#[tokio::test]
async fn a_cross_site_request_without_a_credential_is_just_that() {
    let server = Server::start(Site::new().await.whoami()).await;
    let empty_session = server.get("/plant?other=1", &[]).await;
    let id = format!("id={}", empty_session.cookie("id").unwrap());
    for cookie in ["other=1", "id=AAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = server.send("POST", "/", &[("cookie", cookie), ("sec-fetch-site", "cross-site")]).await;
        assert_eq!(answer.body, "no credential", "{cookie}");
    }
    let answer = server.send("POST", "/", &[("cookie", &id), ("sec-fetch-site", "cross-site")]).await;
    assert_eq!(answer.body, "cross-site request with an ambient credential", "its session holds a text");
}

#[tokio::test]
async fn the_rule_can_be_switched_off_by_an_ugly_name() {
    let site = Site::new().await;
    let layer = site.layer().same_origin(SameOrigin::new().insecure_allow_cross_site());
    let server = Server::start(whoami(layer)).await;
    let cookie = format!("trongatetoken={}", site.member_token().await);
    let answer = server.send("POST", "/", &[("cookie", &cookie), ("sec-fetch-site", "cross-site")]).await;
    assert_eq!(answer.body, "member via cookie");
}
