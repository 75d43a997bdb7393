//! What holds for every input of every parser. `fuzz/` and the short run in the tests both call these functions.

#[path = "jwt.rs"]
mod jwt;
#[path = "sealed_open.rs"]
mod sealed_open;
#[path = "token_file.rs"]
mod token_file;

use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use percent_encoding::percent_decode_str;
use tokio::runtime::Runtime;
use tower_tokens::auth::{Authenticator, TokenAuthLayer};
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::request::RequestHead;
use tower_tokens::respond::{Refusal, RefusalKind, RefusalResponses, RespondToRefusal, TokenCookie, safe_next};
use tower_tokens::source::{PhpSessions, SameOrigin, TokenSource};
use tower_tokens::token::{
    ApiTokenFormat, Lifetime, MAX_TOKEN_BYTES, Token, TokenId, TokenKey, TokenRecord, is_token_text,
};
use tower_tokens::user::{CurrentUser, Reason, Unauthenticated, UserId, UserLevel};
use tower_tokens::validator::{TokenValidator, Validation};
use url::Url;

/// Panics if an input breaks a rule.
pub(crate) type Check = fn(&[u8]);

/// Every check by the name of its corpus and its fuzz target.
pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("request", request),
    ("cookie", cookie),
    ("basic", basic),
    ("token_text", token_text),
    ("api_token", api_token),
    ("same_origin", same_origin),
    ("safe_next", next_page),
    ("login_redirect", login_redirect),
    ("cookie_settings", cookie_settings),
    ("php_session", php_session),
    ("sealed_open", sealed_open::open),
    ("jwt", jwt::read),
    ("token_file", token_file::read),
];

/// Of all that stands in the headers of a request (`METHOD\nname: value\n…`), a validator gets only what can be a token,
/// each text once, at most eight; and whoever is logged in brought a valid one and was not sent by another site.
fn request(data: &[u8]) {
    let request = parse_request(data);
    let head = RequestHead::of(&request);
    let sources =
        || [TokenSource::cookie("trongatetoken"), header_source(), TokenSource::bearer(), TokenSource::basic()];
    let mut reversed = sources();
    reversed.reverse();
    for sources in [sources(), reversed] {
        let (authenticator, witness) = witnessed(sources);
        let outcome = check_outcome(&authenticator, &witness, head);
        if let Ok(user) = outcome {
            let is_ambient = user.source().is_ambient();
            assert!(!is_ambient || SameOrigin::new().allows(head), "another site logged a user in");
        }
    }
}

/// A good cookie is found behind whatever other cookies there are, unless eight others came first.
fn cookie(data: &[u8]) {
    let mut value: Vec<u8> = data.iter().copied().filter(|byte| *byte >= b' ' && *byte != 0x7f).collect();
    value.extend_from_slice(b"; trongatetoken=good");
    let mut request = Request::new(());
    request.headers_mut().insert(header::COOKIE, HeaderValue::from_bytes(&value).expect("filtered"));
    let (authenticator, witness) = witnessed([TokenSource::cookie("trongatetoken")]);
    let outcome = check_outcome(&authenticator, &witness, RequestHead::of(&request));
    let asked = witness.take();
    let is_found = asked.iter().any(|text| text == "good");
    assert!(is_found || asked.len() == 8 || is_ambiguous(&outcome), "a good cookie was not seen");
}

/// Of Basic credentials exactly what follows the first colon is the token.
fn basic(data: &[u8]) {
    let (authenticator, witness) = witnessed([TokenSource::basic()]);
    let ask = |credentials: &[u8]| {
        let value = [b"Basic ", credentials].concat();
        let mut request = Request::new(());
        request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_bytes(&value).ok()?);
        _ = check_outcome(&authenticator, &witness, RequestHead::of(&request));
        Some(witness.take())
    };
    _ = ask(data);
    let asked = ask(STANDARD.encode(data).as_bytes()).expect("base64 is visible ASCII");
    let colon = data.iter().position(|byte| *byte == b':');
    let expected = colon.map(|colon| &data[colon + 1..]).filter(|password| is_token_text(password));
    match (expected, asked.as_slice()) {
        (None, []) => {}
        (Some(password), [asked]) => assert_eq!(asked.as_bytes(), password),
        // A user name that is longer than any is refused with the whole header.
        (Some(_), []) => assert!(colon.is_some_and(|colon| colon > 256), "a good password was not seen"),
        (expected, asked) => panic!("asked for {asked:?} instead of {expected:?}"),
    }
}

/// `b64token` of RFC 6750 §2.1 and nothing else; a token shows its text only on request.
fn token_text(data: &[u8]) {
    let unpadded = data.strip_suffix(b"=").map_or(data, |_| {
        let end = data.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
        &data[..end]
    });
    let is_symbol = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    let is_token = !unpadded.is_empty() && unpadded.iter().all(is_symbol) && data.len() <= MAX_TOKEN_BYTES;
    assert_eq!(is_token_text(data), is_token);

    let Ok(text) = std::str::from_utf8(data) else { return };
    match Token::parse(text) {
        Ok(token) => {
            assert!(is_token);
            assert_eq!(token.expose_secret(), text);
            assert_eq!(format!("{token:?}"), format!("{:?}", Token::parse("x").expect("a token")));
        }
        Err(error) => {
            assert!(!is_token);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let same = Token::parse("").expect_err("no token");
            assert_eq!(format!("{error:?}"), format!("{same:?}"), "the error depends on the text");
        }
    }
    if let Ok(id) = text.parse::<TokenId>() {
        assert_eq!(id.to_string().parse::<TokenId>().expect("its own text"), id);
    }
}

/// A changed API token is refused. The first byte says where to change it, the second into what; the rest is a text that
/// is no token of this format unless its check digits are right.
fn api_token(data: &[u8]) {
    const GOOD: &str = "acme_v1_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ19vRs3";
    let format = ApiTokenFormat::new("acme_v1").expect("a good prefix");
    assert!(format.accepts(GOOD));
    if let [at, into, ..] = *data {
        let mut changed = GOOD.as_bytes().to_vec();
        let at = usize::from(at) % changed.len();
        changed[at] = into & 0x7f;
        let changed = String::from_utf8(changed).expect("ASCII");
        assert_eq!(format.accepts(&changed), changed == GOOD, "one changed symbol passed");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(!format.accepts(text) || (format.claims(text) && is_token_text(data) && text.len() == GOOD.len()));
    if let Ok(format) = ApiTokenFormat::new(text) {
        let token = format.generate().expect("random bytes");
        assert!(format.accepts(token.expose_secret()) && is_token_text(token.expose_secret().as_bytes()));
    }
}

/// `Sec-Fetch-Site`, `Origin` and `Host`, a line each, empty for none: an unsafe request passes only if the browser says
/// so, or says nothing and the origin is this host.
fn same_origin(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut request = Request::new(());
    let mut texts = [None, None, None];
    for (text, name) in texts.iter_mut().zip([HeaderName::from_static("sec-fetch-site"), header::ORIGIN, header::HOST])
    {
        let Some(value) = lines.next().filter(|line| !line.is_empty()) else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else { return };
        *text = Some(String::from_utf8_lossy(value.as_bytes()).into_owned());
        request.headers_mut().insert(name, value);
    }
    let rule = SameOrigin::new();
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        *request.method_mut() = method;
        assert!(rule.allows(RequestHead::of(&request)));
    }
    *request.method_mut() = Method::POST;
    let [site, origin, host] = texts.map(|text| text.map(|text| text.to_ascii_lowercase()));
    let is_own_host = |origin: &str| {
        let default_port = if origin.starts_with("https://") { ":443" } else { ":80" };
        let host = host.as_deref().unwrap_or_default();
        let host = host.strip_suffix(default_port).unwrap_or(host);
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let rest = rest.map(|rest| rest.trim_end_matches('/'));
        !host.is_empty() && rest.is_some_and(|rest| rest.strip_suffix(default_port).unwrap_or(rest) == host)
    };
    let may_pass = match (site.as_deref(), origin.as_deref()) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, None) => true,
        (None, Some(origin)) => is_own_host(origin),
    };
    assert!(may_pass || !rule.allows(RequestHead::of(&request)), "a cross-site request passed");

    let Some(origin) = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok()) else { return };
    if let Ok(trusting) = SameOrigin::new().trusted_origin(origin) {
        request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(trusting.allows(RequestHead::of(&request)), "a trusted origin was refused");
        assert!(!rule.allows(RequestHead::of(&request)));
    }
}

/// What is left of `next` leads to this site however often somebody decodes it, and plain paths are left alone.
fn next_page(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let next = safe_next(text);
    if let Some(next) = next {
        assert_eq!(next, text);
        assert_leads_home(next);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/?=&-_".contains(&byte);
    if text.starts_with('/') && !text.starts_with("//") && text.len() <= 2_048 && text.bytes().all(is_plain) {
        assert!(next.is_some(), "a plain path was refused");
    }
}

/// The target of the request, then the page that htmx is on: whoever must log in is sent to the login page of this site
/// and finds the way back there.
fn login_redirect(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let mut request = Request::new(());
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/html"));
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("site.example"));
    if let Some(Ok(uri)) = lines.next().map(Uri::try_from) {
        *request.uri_mut() = uri;
    }
    if let Some(Ok(page)) = lines.next().map(HeaderValue::from_bytes) {
        request.headers_mut().insert("hx-request", HeaderValue::from_static("true"));
        request.headers_mut().insert("hx-current-url", page.clone());
        request.headers_mut().append(header::ACCEPT, page);
    }
    let responses = RefusalResponses::new().with_login_page("/login?from=guard");
    let refusal = Refusal::new(RefusalKind::NoCredential);
    let response: Response<Bytes> = responses.respond(&refusal, RequestHead::of(&request));
    for name in [header::LOCATION, HeaderName::from_static("hx-redirect")] {
        let Some(location) = response.headers().get(name) else { continue };
        let location = location.to_str().expect("visible ASCII");
        assert!(location.starts_with("/login?from=guard"), "{location}");
        let login = home().join(location).expect("a URL");
        let queries = login.query_pairs().filter(|(key, _)| key == "next");
        let next: Vec<_> = queries.map(|(_, value)| value.into_owned()).collect();
        assert!(next.len() <= 1, "{location}");
        next.iter().for_each(|next| assert_leads_home(next));
    }
}

/// Name, path and domain, a line each: what can be built makes one `Set-Cookie` that says what it should and no more.
fn cookie_settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut builder = TokenCookie::builder(lines.next().unwrap_or_default());
    let (path, domain) = (lines.next(), lines.next());
    if let Some(path) = path {
        builder = builder.path(path);
    }
    if let Some(domain) = domain {
        builder = builder.domain(domain);
    }
    let Ok(settings) = builder.build() else { return };
    let token = Token::parse("good").expect("a token");
    for set in [settings.set_session(&token), settings.removal()] {
        let value = set.header_value();
        assert!(value.is_sensitive());
        let written = value.to_str().expect("visible ASCII");
        let read = cookie::Cookie::parse(written).expect("what was written");
        assert_eq!(read.name(), settings.name(), "{written}");
        assert!(matches!(read.value(), "good" | ""), "{written}");
        assert_eq!((read.http_only(), read.secure()), (Some(true), Some(true)), "{written}");
        assert_eq!(read.path(), Some(path.unwrap_or("/")), "{written}");
        assert_eq!(read.domain(), domain.map(|domain| domain.strip_prefix('.').unwrap_or(domain)), "{written}");
    }
}

/// Lets every question through to its witness; `good` and `other` are users, `down` is not known today.
#[derive(Debug, Clone, Default)]
struct Witness {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no check has failed"))
    }

    fn answer(&self, text: &str) -> Validation {
        assert!(is_token_text(text.as_bytes()), "looked up what cannot be a token");
        self.asked.lock().expect("no check has failed").push(text.to_owned());
        let now = Timestamp::from_unix_seconds(1_000);
        let record = TokenRecord::new(TokenId::new(1), now, Lifetime::default());
        let user = |id: i64| Validation::Valid(CurrentUser::new(id, UserLevel::new(1, "member"), record, now));
        match text {
            "good" | "good2" => user(1),
            "other" => user(2),
            "down" => Validation::Unavailable(ErrorKind::Unavailable.into()),
            _ => Validation::Invalid,
        }
    }
}

#[async_trait]
impl TokenValidator for Witness {
    fn validate_now(&self, token: TokenKey<'_>) -> Option<Validation> {
        // Not to know is no look-up: `validate` is called next.
        let token = token.expose_secret();
        if token == "down" { None } else { Some(self.answer(token)) }
    }

    async fn validate(&self, token: TokenKey<'_>) -> Validation {
        self.answer(token.expose_secret())
    }
}

fn header_source() -> TokenSource {
    TokenSource::header("trongatetoken")
}

fn witnessed(sources: impl IntoIterator<Item = TokenSource>) -> (Authenticator, Witness) {
    let witness = Witness::default();
    (TokenAuthLayer::new(witness.clone()).sources(sources).authenticator(), witness)
}

/// The outcome, on which `authenticate_now` and `authenticate` agree. The witness keeps the tokens of the last call.
fn check_outcome(
    authenticator: &Authenticator,
    witness: &Witness,
    head: RequestHead<'_>,
) -> Result<CurrentUser, Unauthenticated> {
    thread_local! {
        static RUNTIME: LazyCell<Runtime> = LazyCell::new(|| {
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
        });
    }
    let now = authenticator.authenticate_now(head);
    let asked_now = witness.take();
    let later = RUNTIME.with(|runtime| runtime.block_on(authenticator.authenticate(head)));
    let asked_later = witness.take();
    check_questions(&later, &asked_later);
    let brief = |outcome: &Result<CurrentUser, Unauthenticated>| -> Result<(UserId, &str), Unauthenticated> {
        outcome.as_ref().map(|user| (user.id().clone(), user.source().as_str())).map_err(|why| *why)
    };
    match now {
        Some(now) => {
            assert_eq!(brief(&now), brief(&later), "the two calls disagree");
            assert_eq!(asked_now, asked_later);
        }
        None => assert!(asked_later.contains(&"down".to_owned()), "everything else is known at once"),
    }
    *witness.asked.lock().expect("no check has failed") = asked_later;
    later
}

fn check_questions(outcome: &Result<CurrentUser, Unauthenticated>, asked: &[String]) {
    assert!(asked.len() <= 8, "asked {} times", asked.len());
    let distinct: HashSet<_> = asked.iter().collect();
    assert_eq!(distinct.len(), asked.len(), "asked twice for one text: {asked:?}");
    let was_asked = |names: &[&str]| asked.iter().any(|text| names.contains(&text.as_str()));
    match outcome {
        Ok(user) => {
            assert!(was_asked(if user.id() == &UserId::from(1) { &["good", "good2"] } else { &["other"] }));
        }
        Err(why) if why.reason() == Reason::Unavailable => assert!(was_asked(&["down"])),
        Err(why) if why.reason() == Reason::Invalid => assert!(!asked.is_empty()),
        Err(_) => {}
    }
}

fn is_ambiguous(outcome: &Result<CurrentUser, Unauthenticated>) -> bool {
    outcome.as_ref().is_err_and(|why| why.reason() == Reason::Ambiguous)
}

/// `METHOD\nname: value\n…`; what no HTTP parser would let through is left out.
fn parse_request(data: &[u8]) -> Request<()> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut request = Request::new(());
    if let Some(Ok(method)) = lines.next().map(Method::from_bytes) {
        *request.method_mut() = method;
    }
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..colon]), line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            _ = request.headers_mut().try_append(name, value);
        }
    }
    request
}

fn home() -> Url {
    Url::parse("https://site.example/login").expect("a URL")
}

/// A browser at `home` that goes to `next`, or to `next` as a proxy decodes it, stays on the site.
fn assert_leads_home(next: &str) {
    let mut text = next.to_owned();
    for _ in 0..4 {
        let target = home().join(&text).expect("a URL");
        assert_eq!(target.origin(), home().origin(), "{next:?} leads to {target}");
        assert!(target.username().is_empty() && target.password().is_none());
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
}

/// A token that is found in a PHP session stands there as a text of its length, and half a session holds none.
fn php_session(data: &[u8]) {
    let sessions = PhpSessions::new("nowhere");
    let Ok(Some(token)) = sessions.token_in(data) else { return };
    let text = format!("s:{}:\"{}\";", token.expose_secret().len(), token.expose_secret());
    let holds = |data: &[u8]| data.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(data), "the token is nowhere in the session");
    assert!(sessions.token_in(&data[..data.len() - 1]).is_err(), "half a session is none");
}
