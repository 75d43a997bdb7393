//! The token endpoint of OAuth 2.0, over a real HTTP client.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::net::TcpListener;
use tower_tokens::client::{
    ClientError, ClientErrorKind, HttpPost, IssuedTokens, MAX_ANSWER_BYTES, OAuth2Endpoint, StoredTokens, TokenEndpoint,
};

use super::api::{Api, Fault, hyper};

fn http() -> HttpPost {
    HttpPost::new(hyper())
}

fn client_credentials(api: &Api) -> OAuth2Endpoint {
    OAuth2Endpoint::client_credentials(http(), &api.url("/token"), "id", "s3cret").unwrap()
}

fn stored() -> StoredTokens {
    StoredTokens::new("old-access").with_refresh_token("old-refresh")
}

fn ok(body: &str) -> Fault {
    Fault::Answer(200, Vec::new(), body.to_owned())
}

#[tokio::test]
async fn client_credentials_are_sent_as_the_standard_says() {
    let api = Api::start().await;
    let issued = client_credentials(&api).with_scope("read write").log_in().await.unwrap();
    let expected = IssuedTokens::new("access-1").expires_in(Duration::from_secs(3_600)).refresh_token("refresh-1");
    assert_eq!(issued, expected);
    let seen = api.last();
    assert_eq!((seen.method.as_str(), seen.body.as_str()), ("POST", "grant_type=client_credentials&scope=read+write"));
    assert_eq!(seen.header("authorization"), Some("Basic aWQ6czNjcmV0"));
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    // §2.3.1: both are encoded as in a form, before they are joined.
    let odd = client_credentials(&api).with_client("a:b c", "p%:/\u{e9}");
    odd.log_in().await.unwrap();
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode("a%3Ab+c:p%25%3A%2F%C3%A9");
    assert_eq!(api.last().header("authorization"), Some(format!("Basic {basic}").as_str()));
}

#[tokio::test]
async fn a_password_and_each_kind_of_client_are_sent() {
    let api = Api::start().await;
    let password = || OAuth2Endpoint::password(http(), &api.url("/token"), "ann@example.org", "a&b=c d").unwrap();
    let grant = "grant_type=password&username=ann%40example.org&password=a%26b%3Dc+d";
    for (endpoint, body, authorization) in [
        (password(), String::new(), None),
        (password().with_public_client("app"), "&client_id=app".to_owned(), None),
        (password().with_client_in_body("app", "x y"), "&client_id=app&client_secret=x+y".to_owned(), None),
        (password().with_client("app", "x"), String::new(), Some("Basic YXBwOng=")),
        (password().with_parameter("audience", "https://a"), "&audience=https%3A%2F%2Fa".to_owned(), None),
    ] {
        endpoint.log_in().await.unwrap();
        let seen = api.last();
        assert_eq!(seen.body, format!("{grant}{body}"));
        assert_eq!(seen.header("authorization"), authorization);
    }
}

#[tokio::test]
async fn a_refresh_sends_the_refresh_token_and_no_scope() {
    let api = Api::start().await;
    api.state().refresh.insert("old-refresh".to_owned());
    let endpoint = client_credentials(&api).with_scope("read").with_parameter("resource", "r");
    endpoint.refresh(&stored()).await.unwrap();
    assert_eq!(api.last().body, "grant_type=refresh_token&refresh_token=old-refresh&resource=r");
    let error = endpoint.refresh(&stored()).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Refused, "it was used up");

    let without = OAuth2Endpoint::refresh_token(http(), &api.url("/token")).unwrap().with_public_client("app");
    api.state().refresh.insert("old-refresh".to_owned());
    without.refresh(&stored()).await.unwrap();
    assert_eq!(without.log_in().await.unwrap_err().kind(), ClientErrorKind::Refused);
    assert_eq!(without.refresh(&StoredTokens::new("a")).await.unwrap_err().kind(), ClientErrorKind::Refused);
    assert_eq!(api.count("/token"), 3);
}

#[tokio::test]
async fn answers_are_read_as_servers_write_them() {
    let api = Api::start().await;
    let seconds = |seconds| IssuedTokens::new("a").expires_in(Duration::from_secs(seconds));
    for (body, expected) in [
        (r#"{"access_token":"a","token_type":"Bearer","expires_in":60}"#, seconds(60)),
        (r#"{"access_token":"a","token_type":"bearer","expires_in":"60"}"#, seconds(60)),
        (r#"{"access_token":"a","token_type":"BEARER","expires_in":59.9,"scope":"x","more":[1]}"#, seconds(59)),
        (r#"{"access_token":"a","expires_in":18446744073709551615}"#, seconds(315_360_000)),
        (r#"{"access_token":"a","expires_in":1e300}"#, seconds(315_360_000)),
        (r#"{"access_token":"a","expires_in":0}"#, seconds(0)),
        (r#"{"access_token":"a"}"#, IssuedTokens::new("a")),
        (r#"{"access_token":"a","expires_in":null,"refresh_token":null,"token_type":null}"#, IssuedTokens::new("a")),
        (r#"{"access_token":"a","refresh_token":""}"#, IssuedTokens::new("a")),
        (r#"{"access_token":"a","refresh_token":"r"}"#, IssuedTokens::new("a").refresh_token("r")),
    ] {
        api.fail_once("/token", ok(body));
        assert_eq!(client_credentials(&api).log_in().await.unwrap(), expected, "{body}");
    }
    api.fail_once("/token", Fault::Answer(201, Vec::new(), r#"{"access_token":"a"}"#.to_owned()));
    assert_eq!(client_credentials(&api).log_in().await.unwrap(), IssuedTokens::new("a"));
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_malformed_and_quoted_nowhere() {
    let api = Api::start().await;
    for body in [
        r#"{"access_token":"leak-me-not","token_type":"mac"}"#,
        r#"{"access_token":"leak-me-not","token_type":"DPoP"}"#,
        r#"{"access_token":"leak-me-not","expires_in":-1}"#,
        r#"{"access_token":"leak-me-not","expires_in":"leak-me-not"}"#,
        r#"{"access_token":"leak-me-not","expires_in":true}"#,
        r#"{"access_token":["leak-me-not"]}"#,
        r#"{"access_token":"leak-me-not\r\nx: y"}"#,
        r#"{"access_token":""}"#,
        r#"{"access_token":"leak-me-not","access_token":"leak-me-not"}"#,
        r#"{"token":"leak-me-not"}"#,
        r#"{"access_token":"leak-me-not""#,
        r#""leak-me-not""#,
        "<html>leak-me-not</html>",
        "",
    ] {
        api.fail_once("/token", ok(body));
        let error = client_credentials(&api).log_in().await.unwrap_err();
        assert_eq!(error.kind(), ClientErrorKind::Malformed, "{body}");
        assert!(!shown(&error).contains("leak"), "{}", shown(&error));
    }
    let long = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(MAX_ANSWER_BYTES));
    api.fail_once("/token", ok(&long));
    assert_eq!(client_credentials(&api).log_in().await.unwrap_err().kind(), ClientErrorKind::Malformed);
}

/// The error and its causes, as a log has them.
fn shown(error: &ClientError) -> String {
    let mut text = format!("{error:?} {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(" {error:?} {error}"));
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn a_failure_has_the_kind_that_says_how_to_react() {
    use ClientErrorKind::{Configuration, Malformed, Refused, Unavailable};
    let api = Api::start().await;
    for (status, body, at_login, at_refresh) in [
        (400, r#"{"error":"invalid_grant"}"#, Refused, Refused),
        (401, r#"{"error":"invalid_client"}"#, Refused, Refused),
        (400, r#"{"error":"invalid_client"}"#, Refused, Refused),
        (401, "who are you?", Refused, Refused),
        (401, r#"{"error":"something_else"}"#, Refused, Refused),
        (400, r#"{"error":"unauthorized_client"}"#, Configuration, Refused),
        (400, r#"{"error":"unsupported_grant_type"}"#, Configuration, Refused),
        (400, r#"{"error":"invalid_scope"}"#, Configuration, Configuration),
        (400, r#"{"error":"invalid_request"}"#, Malformed, Malformed),
        (400, r#"{"error":"temporarily_unavailable"}"#, Unavailable, Unavailable),
        (200, r#"{"error":"invalid_grant","error_description":"bad refresh token"}"#, Refused, Refused),
        (400, "no JSON", Malformed, Malformed),
        (403, "a firewall", Malformed, Malformed),
        (404, "", Malformed, Malformed),
        (302, "", Malformed, Malformed),
        (204, "", Malformed, Malformed),
        (408, "", Unavailable, Unavailable),
        (429, "", Unavailable, Unavailable),
        (500, r#"{"error":"invalid_grant"}"#, Unavailable, Unavailable),
        (503, "", Unavailable, Unavailable),
    ] {
        api.fail_once("/token", Fault::Answer(status, Vec::new(), body.to_owned()));
        let error = client_credentials(&api).log_in().await.unwrap_err();
        assert_eq!(error.kind(), at_login, "{status} {body}");
        api.fail_once("/token", Fault::Answer(status, Vec::new(), body.to_owned()));
        let error = client_credentials(&api).refresh(&stored()).await.unwrap_err();
        assert_eq!(error.kind(), at_refresh, "{status} {body}");
        assert!(shown(&error).contains(&status.to_string()) || status == 200 || status == 204, "{}", shown(&error));
    }
}

#[tokio::test]
async fn the_wait_that_a_server_asks_for_is_in_the_error() {
    let api = Api::start().await;
    for (value, expected) in [("30", Some(30)), ("86400", Some(3_600)), ("tomorrow", None)] {
        api.fail_once("/token", Fault::Answer(429, vec![("retry-after", value.to_owned())], String::new()));
        let error = client_credentials(&api).log_in().await.unwrap_err();
        assert_eq!(error.wait(), expected.map(Duration::from_secs), "{value}");
    }
    let dates = vec![
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        ("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT".to_owned()),
    ];
    api.fail_once("/token", Fault::Answer(503, dates, String::new()));
    assert_eq!(client_credentials(&api).log_in().await.unwrap_err().wait(), Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn the_descriptions_of_a_server_are_kept_without_the_secrets_that_it_repeats() {
    let api = Api::start().await;
    let secrets = ["correct horse", "s3cret-of-the-client", "old-refresh-token", "b3V0c2lkZXI"];
    let endpoint = OAuth2Endpoint::password(http(), &api.url("/token"), "ann", secrets[0])
        .unwrap()
        .with_client("app", secrets[1])
        .with_parameter("device", secrets[3]);
    let stored = StoredTokens::new("a").with_refresh_token(secrets[2]);
    let answer = |description: &str| {
        let body = serde_json::json!({ "error": "invalid_grant", "error_description": description });
        Fault::Answer(400, Vec::new(), body.to_string())
    };
    api.fail_once("/token", answer("the account is locked"));
    let error = endpoint.log_in().await.unwrap_err();
    assert!(shown(&error).contains("invalid_grant the account is locked"), "{}", shown(&error));
    let basic = "YXBwOnMzY3JldC1vZi10aGUtY2xpZW50";
    for (said, is_login) in [
        (secrets[0], true),
        ("password=correct+horse", true),
        (secrets[1], true),
        (secrets[1], false),
        (secrets[2], false),
        (secrets[3], true),
        (secrets[3], false),
        (basic, true),
        (basic, false),
    ] {
        api.fail_once("/token", answer(&format!("bad value: {said}")));
        let result = if is_login { endpoint.log_in().await } else { endpoint.refresh(&stored).await };
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ClientErrorKind::Refused);
        assert!(!shown(&error).contains(said) && !shown(&error).contains("bad value"), "{}", shown(&error));
    }
    for text in [format!("{endpoint:?}"), format!("{:?}", client_credentials(&api))] {
        assert!(secrets.iter().chain(&["s3cret"]).all(|secret| !text.contains(secret)), "{text}");
    }
}

#[tokio::test]
async fn both_tokens_are_revoked() {
    let api = Api::start().await;
    client_credentials(&api).log_out(&stored()).await.unwrap();
    assert_eq!(api.state().seen.len(), 0, "without an address there is nothing to do");
    let endpoint = client_credentials(&api).with_revocation_url(&api.url("/revoke")).unwrap();
    for status in [200, 503] {
        api.fail("/revoke", Fault::Answer(status, Vec::new(), String::new()));
        let before = api.count("/revoke");
        assert_eq!(endpoint.log_out(&stored()).await.is_ok(), status == 200);
        let bodies: Vec<_> = api.state().seen[before..].iter().map(|seen| seen.body.clone()).collect();
        assert_eq!(
            bodies,
            ["token=old-refresh&token_type_hint=refresh_token", "token=old-access&token_type_hint=access_token"]
        );
        assert_eq!(api.last().header("authorization"), Some("Basic aWQ6czNjcmV0"));
        api.state().heal();
    }
    endpoint.log_out(&StoredTokens::new("only")).await.unwrap_err();
    assert_eq!(api.last().body, "token=only&token_type_hint=access_token");
}

#[tokio::test]
async fn a_network_that_fails_is_unavailable() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", closed.local_addr().unwrap());
    drop(closed);
    let endpoint = OAuth2Endpoint::client_credentials(http(), &url, "id", "s3cret").unwrap();
    let error = endpoint.log_in().await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Unavailable);
    assert!(!shown(&error).contains("s3cret"));
    // An answer that breaks off.
    let broken = tower::service_fn(async |_: Request<Full<Bytes>>| {
        let frames = [Ok(http_body::Frame::data(Bytes::from("{\"access"))), Err(std::io::Error::other("reset"))];
        Ok::<_, std::io::Error>(Response::new(http_body_util::StreamBody::new(futures_util::stream::iter(frames))))
    });
    let endpoint = OAuth2Endpoint::client_credentials(HttpPost::new(broken), &url, "id", "s3cret").unwrap();
    assert_eq!(endpoint.log_in().await.unwrap_err().kind(), ClientErrorKind::Unavailable);
}

#[tokio::test]
async fn credentials_go_over_https_or_within_the_machine() {
    let allowed =
        ["https://a.example/token", "https://a.example/token?tenant=1", "http://localhost:1/", "http://[::1]/t"];
    for url in allowed {
        assert!(OAuth2Endpoint::password(http(), url, "a", "b").is_ok(), "{url}");
    }
    for url in
        ["http://a.example/token", "/token", "a.example", "https://u:p@a.example/", "https://a.example/#f", "ftp://a/"]
    {
        let error = OAuth2Endpoint::password(http(), url, "a", "b").unwrap_err();
        assert_eq!(error.kind(), ClientErrorKind::Configuration, "{url}");
        let endpoint = OAuth2Endpoint::password(http(), allowed[0], "a", "b").unwrap();
        assert!(endpoint.with_revocation_url(url).is_err(), "{url}");
    }
    let http = http().insecure_allow_http();
    assert!(OAuth2Endpoint::password(http, "http://a.example/token", "a", "b").is_ok());
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let (api, other) = (Api::start().await, Api::start().await);
    api.fail("/token", Fault::Answer(307, vec![("location", other.url("/token"))], String::new()));
    assert_eq!(client_credentials(&api).log_in().await.unwrap_err().kind(), ClientErrorKind::Malformed);
    assert_eq!(other.count("/token"), 0);
}
