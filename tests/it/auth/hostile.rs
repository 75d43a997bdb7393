//! What no honest client sends.

use http::{HeaderMap, HeaderValue, Request};
use proptest::prelude::*;
use tower_tokens::request::RequestHead;
use tower_tokens::user::Reason;

use crate::http::Server;
use crate::site::{Site, basic};

/// Ends the request of every test with raw bytes.
fn raw(head: &[u8]) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n", head, b"\r\n\r\n"].concat()
}

#[tokio::test]
async fn what_cannot_be_a_token_is_malformed_and_costs_no_look_up() {
    let site = Site::new().await;
    let server = Server::start(site.whoami()).await;
    let long = "a".repeat(4_097);
    for value in [
        "",
        " ",
        "\"",
        "\"half",
        "half\"",
        "\"\"",
        "'quoted'",
        "two words",
        "a,b",
        "a%20b",
        "a=b",
        "=",
        "====",
        "é",
        "٣٣٣٣",
        "３３３",
        "a\u{200b}b",
        "\u{feff}a",
        "(a)",
        "a\tb",
        "a\\b",
        "<script>",
        &long,
    ] {
        for (name, value) in [
            ("cookie", format!("trongatetoken={value}")),
            ("authorization", format!("Bearer {value}")),
            ("authorization", basic(value)),
            ("trongatetoken", value.to_owned()),
        ] {
            let answer = server.get("/", &[(name, &value)]).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "malformed credential"), "{name}: {value:?}");
        }
    }
    assert_eq!(site.store.look_ups(), 0);
    let longest = "a".repeat(4_096);
    let answer = server.get("/", &[("trongatetoken", &longest)]).await;
    assert_eq!(
        (answer.body.as_str(), site.store.look_ups()),
        ("invalid credential", 1),
        "the longest that could be one"
    );
}

#[tokio::test]
async fn odd_basic_credentials_are_malformed() {
    let site = Site::new().await;
    let server = Server::start(site.whoami()).await;
    let gigantic = format!("Basic {}", "QUFB".repeat(12_500));
    for value in
        ["Basic", "Basic ", "Basic !!!", "Basic YTpi=", "Basic YQ==", "Basic Og==", "Basic /////w==", &gigantic]
    {
        let answer = server.get("/", &[("authorization", value)]).await;
        assert_eq!(answer.body, "malformed credential", "{}", &value[..value.len().min(20)]);
    }
    assert_eq!(site.store.look_ups(), 0);
}

#[tokio::test]
async fn bytes_that_the_server_refuses_never_arrive_and_others_do_no_harm() {
    let site = Site::new().await;
    let server = Server::start(site.whoami()).await;
    for (head, status) in [
        (&b"cookie: trongatetoken=a\0b"[..], 400),
        (b"authorization: Bearer a\0", 400),
        (b"trongatetoken: \x01", 400),
        (b"cookie: trongatetoken=\xff\xfe", 200),
        (b"authorization: Bearer \xc3\x28", 200),
        (b"authorization: \xff", 200),
        (b"cookie: \xff\xff=\xff; \xf0\x9f; trongatetoken=\xe2\x82", 200),
        (b"cookie: ;;;;=;=;==;trongatetoken", 200),
        (b"cookie:", 200),
        (b"authorization:", 200),
    ] {
        assert_eq!(server.send_bytes(&raw(head)).await.status, status, "{head:?}");
    }
    assert_eq!(site.store.look_ups(), 0);
}

#[tokio::test]
async fn ten_thousand_cookies_are_read_and_eight_are_looked_up() {
    let site = Site::new().await;
    let server = Server::start(site.whoami()).await;
    let cookies = |cookie: &dyn Fn(usize) -> String| (0..10_000).map(cookie).collect::<Vec<_>>().join(";");
    let good = site.member_token().await;
    let others = cookies(&|number| format!("c{number}=1"));
    let answer = server.get("/", &[("cookie", &format!("{others}; trongatetoken={good}"))]).await;
    assert_eq!((answer.body.as_str(), site.store.look_ups()), ("member via cookie", 1), "under other names");
    let broken = cookies(&|number| format!("trongatetoken={number}!"));
    let answer = server.get("/", &[("cookie", &format!("{broken}; trongatetoken={good}"))]).await;
    assert_eq!((answer.body.as_str(), site.store.look_ups()), ("member via cookie", 2), "malformed");
    let distinct = cookies(&|number| format!("trongatetoken={number}"));
    let answer = server.get("/", &[("cookie", &distinct)]).await;
    assert_eq!((answer.body.as_str(), site.store.look_ups()), ("invalid credential", 10), "unknown");
}

#[tokio::test]
async fn oversized_heads_end_with_an_answer_of_the_server() {
    let site = Site::new().await;
    let server = Server::start(site.whoami()).await;
    let answer = server.get("/", &[("cookie", &format!("trongatetoken={}", "a".repeat(1_000_000)))]).await;
    assert_eq!(answer.status, 431);
    let many: Vec<_> = (0..200).map(|_| ("authorization", "Bearer a")).collect();
    assert_eq!(server.get("/", &many).await.status, 431);
    assert_eq!(site.store.look_ups(), 0);
}

#[tokio::test]
async fn the_name_of_a_cookie_or_scheme_is_matched_whole() {
    let site = Site::new().await;
    let server = Server::start(site.whoami()).await;
    let token = site.member_token().await;
    for (name, value) in [
        ("cookie", format!("Trongatetoken={token}")),
        ("cookie", format!("xtrongatetoken={token}")),
        ("cookie", format!("trongatetoken2={token}")),
        ("cookie", format!("trongatetoken ={token}")),
        ("cookie", format!("a=trongatetoken={token}")),
        ("cookie", format!("a=\"; b=trongatetoken={token}\"")),
        ("authorization", format!("Bearer{token}")),
        ("authorization", format!("Bearer\t{token}")),
        ("authorization", format!("Bearers {token}")),
        ("authorization", token.clone()),
        ("proxy-authorization", format!("Bearer {token}")),
        ("x-trongatetoken", token.clone()),
    ] {
        assert_eq!(server.get("/", &[(name, &value)]).await.body, "no credential", "{name}: {value}");
    }
    let query = server.get(&format!("/?trongatetoken={token}&access_token={token}"), &[]).await;
    assert_eq!(query.body, "no credential", "a token in a URL ends in logs and is never read");
    for value in [format!("bearer {token}"), format!("BEARER   {token}"), format!("BeArEr {token}")] {
        assert_eq!(server.get("/", &[("authorization", &value)]).await.body, "member via bearer", "{value}");
    }
    let upper = token.to_uppercase();
    assert_eq!(server.get("/", &[("trongatetoken", &upper)]).await.body, "invalid credential", "bytes are compared");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_header_at_all_logs_anybody_in_or_panics(
        headers in proptest::collection::vec(
            (0_usize..6, proptest::collection::vec(any::<u8>(), 0..80), "(|Bearer |basic |trongatetoken=|trongatetoken=\"|http://)"),
            0..8,
        ),
        method in "GET|POST|OPTIONS|X",
    ) {
        const NAMES: [&str; 6] = ["cookie", "authorization", "trongatetoken", "origin", "sec-fetch-site", "host"];
        let mut map = HeaderMap::new();
        for (name, value, prefix) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&[prefix.as_bytes(), &value].concat()) {
                map.append(NAMES[name], value);
            }
        }
        let mut request = Request::builder().method(method.as_str()).uri("/").body(()).unwrap();
        *request.headers_mut() = map;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let site = Site::new().await;
            let outcome = site.layer().authenticator().authenticate(RequestHead::of(&request)).await;
            assert_ne!(outcome.unwrap_err().reason(), Reason::Unavailable);
        });
    }
}
