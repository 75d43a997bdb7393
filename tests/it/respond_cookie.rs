//! The cookie that carries a token.

use http::{HeaderMap, header};
use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::respond::{SameSite, TokenCookie, TokenCookieBuilder};
use tower_tokens::token::{Expiry, Token};

const TEXT: &str = "pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x";
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

fn token() -> Token {
    Token::parse(TEXT).unwrap()
}

fn attributes(set_cookie: &http::HeaderValue) -> Vec<String> {
    set_cookie.to_str().unwrap().split("; ").map(str::to_owned).collect()
}

#[test]
fn a_session_cookie_is_well_kept_and_ends_with_the_browser() {
    let value = TokenCookie::default().set_session(&token()).header_value();
    assert_eq!(value, format!("trongatetoken={TEXT}; HttpOnly; SameSite=Lax; Secure; Path=/"));
    assert!(value.is_sensitive());
}

#[test]
fn a_remembered_cookie_ends_with_its_token_and_after_400_days_at_most() {
    let last_for = |expiry| {
        let value = TokenCookie::default().set_until(&token(), expiry, NOW).header_value();
        attributes(&value).split_off(5)
    };
    let month = Expiry::At(NOW + Duration::days(30));
    assert_eq!(last_for(month), ["Max-Age=2592000", "Expires=Sun, 14 Feb 2027 08:00:00 GMT"]);
    let capped = ["Max-Age=34560000", "Expires=Sat, 19 Feb 2028 08:00:00 GMT"];
    assert_eq!(last_for(Expiry::At(NOW + Duration::days(400))), capped);
    assert_eq!(last_for(Expiry::At(NOW + Duration::days(4_000))), capped);
    assert_eq!(last_for(Expiry::Never), capped);
    assert_eq!(last_for(Expiry::At(NOW + Duration::days(-1)))[0], "Max-Age=0");
}

#[test]
fn removal_repeats_name_path_domain_and_secure() {
    let cookie = TokenCookie::builder("login").path("/app").domain("example.org").build().unwrap();
    assert_eq!(
        cookie.removal().header_value(),
        "login=; HttpOnly; SameSite=Lax; Secure; Path=/app; Domain=example.org; Max-Age=0; \
         Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    );
    assert_eq!(cookie.name(), "login");
}

#[test]
fn weaker_and_stricter_choices_show_in_the_attributes() {
    let of = |builder: TokenCookieBuilder| {
        attributes(&builder.build().unwrap().set_session(&token()).header_value()).split_off(1)
    };
    let builder = || TokenCookie::builder("t");
    assert_eq!(of(builder().same_site(SameSite::Strict)), ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"]);
    assert_eq!(of(builder().insecure_without_secure()), ["HttpOnly", "SameSite=Lax", "Path=/"]);
    assert_eq!(of(builder().insecure_readable_by_scripts()), ["SameSite=Lax", "Secure", "Path=/"]);
    assert_eq!(of(builder().insecure_sent_by_other_sites()), ["HttpOnly", "SameSite=None", "Secure", "Path=/"]);
}

#[test]
fn a_prefix_is_obeyed_or_the_cookie_is_not_built() {
    let builds = |builder: TokenCookieBuilder| match builder.build() {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Configuration);
            false
        }
    };
    let host = || TokenCookie::builder("__Host-token");
    let secure = || TokenCookie::builder("__Secure-token");
    assert!(builds(host()));
    assert!(builds(secure().path("/app").domain("example.org")));
    assert!(!builds(host().path("/app")));
    assert!(!builds(host().domain("example.org")));
    assert!(!builds(host().insecure_without_secure()));
    assert!(!builds(secure().insecure_without_secure()));
    assert!(!builds(TokenCookie::builder("__HOST-token").path("/app")), "browsers ignore the case");
    assert!(!builds(TokenCookie::builder("__secure-token").insecure_without_secure()));
    assert!(!builds(TokenCookie::builder("t").insecure_sent_by_other_sites().insecure_without_secure()));
}

#[test]
fn what_cannot_stand_in_a_cookie_is_not_built() {
    for name in ["", "a b", "a=b", "a;b", "a\r\nb", "caf\u{e9}", "\"a\"", "a,b"] {
        assert!(TokenCookie::builder(name).build().is_err(), "{name:?}");
    }
    for path in ["", "app", "/a;b", "/a\n", "/caf\u{e9}"] {
        assert!(TokenCookie::builder("t").path(path).build().is_err(), "{path:?}");
    }
    for domain in ["", ".", "a..b", ".example.org", "a b", "a;b", "a:80", "ex\u{e4}mple.org"] {
        assert!(TokenCookie::builder("t").domain(domain).build().is_err(), "{domain:?}");
    }
}

#[test]
fn applying_a_cookie_keeps_other_cookies_and_keeps_caches_out() {
    let mut headers = HeaderMap::new();
    headers.insert(header::SET_COOKIE, "theme=dark".parse().unwrap());
    headers.insert(header::CACHE_CONTROL, "public".parse().unwrap());
    let cookie = TokenCookie::default().set_session(&token());
    assert_eq!(format!("{cookie:?}"), "SetTokenCookie([redacted])");
    cookie.apply(&mut headers);
    assert_eq!(headers.get_all(header::SET_COOKIE).iter().count(), 2);
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert!(!format!("{headers:?}").contains(TEXT));
}
