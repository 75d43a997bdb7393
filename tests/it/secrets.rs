//! No secret is ever shown: not in a log line at any level, not in a span, an error, a `Debug`, a `Display` or a header.

mod client_files;
mod client_manager;
mod client_requests;
mod endpoints;
mod journal;
mod jwt;

use std::error::Error as StdError;
use std::fmt::{Debug, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response, StatusCode, header};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tower::ServiceExt;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::error::Error;
use tower_tokens::lifecycle::{IssuedToken, TokenEvent, Tokens};
use tower_tokens::policy::{SecurityPolicy, level};
use tower_tokens::repository::{
    FaultyRepository, MemoryRepository, NewToken, PageRequest, Replacement, SqliteRepository, TokenRepository,
    UserRepository,
};
use tower_tokens::source::{TokenSession, TokenSource};
use tower_tokens::token::{ApiTokenFormat, Lifetime, NewLimits, Token, TokenId, TokenKey, TokenRecord};
use tower_tokens::user::UserId;

use crate::secrets::journal::Journal;

const START: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

#[tokio::test]
async fn a_life_over_the_memory_store_shows_no_secret() {
    let journal = Journal::open();
    live(MemoryRepository::new(), &journal).await;
    assert!(journal.says("tower_tokens") && journal.says("tower_sessions"), "nothing was logged");
}

#[tokio::test]
async fn a_life_over_sqlite_shows_no_secret_though_sqlx_logs_every_statement() {
    let journal = Journal::open();
    let directory = tempfile::tempdir().unwrap();
    let options =
        SqliteConnectOptions::new().filename(directory.path().join("s.db")).create_if_missing(true).foreign_keys(true);
    let pool = SqlitePoolOptions::new().test_before_acquire(false).connect_with(options).await.unwrap();
    live(SqliteRepository::with_pool(pool.clone()).await.unwrap(), &journal).await;
    assert!(journal.says("sqlx") && journal.says("SELECT"), "the database logged nothing");

    let store = SqliteRepository::with_pool(pool.clone()).await.unwrap();
    pool.close().await;
    let token = journal.keep("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ00");
    let failed = Tokens::new(store).validate(&Token::parse(token).unwrap()).await.unwrap_err();
    journal.write_error(&failed);
    journal.assert_silent();
}

#[test]
fn a_shown_secret_is_found_in_every_spelling() {
    let journal = Journal::open();
    let secret = journal.keep("a-secret-that-this-test-tells");
    journal.assert_silent();
    for spelling in journal.spellings(&secret) {
        assert!(journal.leaks_in(&format!("before{spelling}after")), "{spelling}");
    }
    let shown = format!("{:?}", tower_tokens::token::TokenDigest::of(&secret).as_bytes());
    assert!(journal.leaks_in(&shown), "bytes in a list");
    assert!(journal.leaks_in(&secret[..16]), "the beginning");
    assert!(!journal.leaks_in("TokenDigest([redacted])"));
}

/// Everything that can happen to a token, and everything that can go wrong.
async fn live<R: TokenRepository + UserRepository>(store: R, journal: &Journal) {
    let store = Arc::new(FaultyRepository::new(store));
    let clock = ManualClock::at(START);
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let tokens =
        Tokens::new(Arc::clone(&store)).with_clock(clock.clone()).with_api_tokens(ApiTokenFormat::new("acme").unwrap());
    let audit = journal.clone();
    let tokens = tokens.with_events(move |event: &TokenEvent<'_>| audit.write(&(event, event.action().to_string())));
    journal.write(&(&store, &tokens, &user));

    let issued = tokens.generate(&user).name("phone").code("1").await.unwrap();
    keep(journal, &issued);
    show_types(journal, &store, &tokens, &issued);
    refuse_what_is_there(journal, &store, &user, &issued).await;
    let api = tokens.generate(&user).lifetime(Lifetime::never_expires()).api_token().await.unwrap();
    keep(journal, &api);

    let impatient = site(&tokens, journal, Duration::from_millis(2));
    let site = site(&tokens, journal, Duration::from_secs(60));
    for token in [&issued, &api] {
        let secret = token.token().expose_secret();
        assert_eq!(ask_everywhere(&site, secret, journal).await, 5, "every source lets the member in");
        store.fail();
        assert_eq!(ask_everywhere(&site, secret, journal).await, 0);
        store.hang();
        assert_eq!(ask_everywhere(&impatient, secret, journal).await, 0);
        store.heal();
    }
    let forged = format!("{}x", api.token().expose_secret());
    for bad in ["this-is-no-token-of-anybody", "not even a token, look: {}", "half\"quoted\"secret", &forged] {
        journal.keep(bad);
        assert_eq!(ask_everywhere(&site, bad, journal).await, 0);
    }
    journal.write_error(&Token::parse("not even a token, look: {}").unwrap_err());

    live_as_a_script(journal, &tokens, &user).await;
    let renewed = tokens.regenerate(issued.token()).await.unwrap();
    keep(journal, &renewed);
    journal.write_error(&tokens.regenerate(issued.token()).await.unwrap_err());
    journal.write(&tokens.validate(renewed.token()).level("member").await.unwrap());
    journal.write(&tokens.list(&user, PageRequest::default()).await.unwrap());
    clock.advance(time::Duration::days(2));
    assert_eq!(ask_everywhere(&site, renewed.token().expose_secret(), journal).await, 0, "expired");
    assert_eq!(ask_everywhere(&site, api.token().expose_secret(), journal).await, 5);

    store.fail();
    let pruning = tokens.spawn_pruning(Duration::from_millis(1));
    journal.write(&pruning);
    fail_everything(journal, &tokens, &user, &api).await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while !journal.says("expired tokens were not pruned") {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    store.heal();
    pruning.stop();
    tokens.prune().await.unwrap();
    tokens.destroy(api.token()).await.unwrap();
    tokens.destroy_all(&user).await.unwrap();
    journal.assert_silent();
}

/// What happens to API tokens and pairs, each of which is an event.
async fn live_as_a_script(journal: &Journal, tokens: &Tokens, user: &UserId) {
    let old = tokens.generate(user).api_token().name("backup").lifetime(Lifetime::hours(1)).await.unwrap();
    keep(journal, &old);
    journal.write(&tokens.rotate_api_token(user, old.record().id()));
    let new = tokens.rotate_api_token(user, old.record().id()).overlap(time::Duration::hours(1)).await.unwrap();
    keep(journal, &new);
    journal.write(&new);
    journal.write_error(&tokens.rotate_api_token(user, old.record().id()).await.unwrap_err());
    journal.write_error(&tokens.regenerate(old.token()).await.unwrap_err());
    for typed in [old.token().expose_secret(), &journal.keep("the real password of a user")] {
        journal.write(&tokens.validate_password_token(user, typed).await.unwrap());
        journal.write(&tokens.validate_password_token(&UserId::from(4_711), typed).await.unwrap());
    }
    let first = tokens.generate_pair(user).await.unwrap();
    let mut last = first.refresh_token().clone();
    for _ in 0..2 {
        let pair = tokens.refresh(&last).await.unwrap().unwrap();
        last = pair.refresh_token().clone();
        for secret in [pair.access_token(), pair.refresh_token()] {
            journal.keep(secret.expose_secret());
        }
        journal.write(&pair);
    }
    journal.keep(first.refresh_token().expose_secret());
    assert!(tokens.refresh(first.refresh_token()).await.unwrap().is_none());
    assert!(journal.says("a superseded refresh token was presented") && journal.says("action=\"rotated\""));
    assert!(journal.has_written("ReuseDetected") && journal.has_written("OtherUser"), "there was no event");
}

/// A token, the digest of it and the cookie for it are all secrets.
fn keep(journal: &Journal, issued: &IssuedToken) {
    journal.keep(issued.token().expose_secret());
}

fn show_types(journal: &Journal, store: &dyn Debug, tokens: &Tokens, issued: &IssuedToken) {
    let secret = issued.token();
    let key = secret.key();
    journal.write(&(store, tokens, issued, secret, key, key.digest(), issued.record()));
    journal.write(&(tokens.validate(secret), tokens.regenerate(secret), tokens.generate(issued.user_id())));
    let new = NewToken { key, user: issued.user_id(), record: issued.record().clone() };
    let replacement = Replacement { old: key, new: key, limits: NewLimits::Keep, authenticated_at: None, now: START };
    journal.write(&(new, replacement));
    let layer = TokenAuthLayer::new(tokens.clone()).sources(sources());
    journal.write(&(layer.authenticator(), &layer));
    for cookie in [issued.session_cookie(), issued.remember_me()] {
        assert!(cookie.header_value().is_sensitive());
        journal.write(&(&cookie, cookie.header_value()));
        let response = (cookie, "logged in").into_response();
        assert!(response.headers()[header::SET_COOKIE].is_sensitive());
        journal.write(&response);
    }
}

async fn refuse_what_is_there(journal: &Journal, store: &dyn TokenRepository, user: &UserId, issued: &IssuedToken) {
    let key = issued.token().key();
    let record = || TokenRecord::new(TokenId::new(7), START, Lifetime::default());
    journal.write_error(&store.insert(NewToken { key, user, record: record() }).await.unwrap_err());
    let (absent, text) = (UserId::from(4_711), journal.keep("a-token-for-a-user-that-is-not-there"));
    let orphan = NewToken { key: TokenKey::new(&text), user: &absent, record: record() };
    journal.write_error(&store.insert(orphan).await.unwrap_err());
}

async fn fail_everything(journal: &Journal, tokens: &Tokens, user: &UserId, issued: &IssuedToken) {
    let (token, id) = (issued.token(), issued.record().id());
    let errors: [Error; 8] = [
        tokens.generate(user).await.unwrap_err(),
        tokens.validate(token).await.unwrap_err(),
        tokens.regenerate(token).await.unwrap_err(),
        tokens.destroy(token).await.unwrap_err(),
        tokens.destroy_by_id(user, id).await.unwrap_err(),
        tokens.destroy_others(user, issued.record()).await.unwrap_err(),
        tokens.list(user, PageRequest::default()).await.unwrap_err(),
        tokens.prune().await.unwrap_err(),
    ];
    errors.iter().for_each(|error| journal.write_error(error));
}

fn sources() -> [TokenSource; 5] {
    [
        TokenSource::cookie("trongatetoken"),
        TokenSource::tower_session(),
        TokenSource::header("trongatetoken"),
        TokenSource::bearer(),
        TokenSource::basic(),
    ]
}

/// `/members` for members, and `/plant`, which puts the text of its query into the visitor's session.
fn site(tokens: &Tokens, journal: &Journal, timeout: Duration) -> Router {
    let policy = SecurityPolicy::new().scenario("members area", level("member")).login_page("/login");
    let journal = journal.clone();
    let plant = async move |session: Session, request: Request<Body>| {
        let text = request.headers()["x-plant"].to_str().unwrap().to_owned();
        match Token::parse(text.as_str()) {
            Ok(token) => session.put_token(&token).await.unwrap(),
            Err(error) => {
                journal.write_error(&error);
                session.insert("trongatetoken", text).await.unwrap();
            }
        }
    };
    Router::new()
        .route("/members", any(async || "welcome").layer(policy.guard("members area")))
        .layer(TokenAuthLayer::new(tokens.clone()).sources(sources()).timeout(timeout))
        .route("/plant", any(plant))
        .layer(SessionManagerLayer::new(MemoryStore::default()))
}

/// Shows the token at every source, as a program, as a page, from another site and beside a second credential; writes all
/// answers down. How many sources let a program in.
async fn ask_everywhere(site: &Router, token: &str, journal: &Journal) -> usize {
    let planted = Request::post("/plant").header("x-plant", token).body(Body::empty()).unwrap();
    let planted = site.clone().oneshot(planted).await.unwrap();
    let session = planted.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    journal.keep(session.split_once('=').unwrap().1);
    let basic = STANDARD.encode(format!("anybody:{token}"));
    let mut let_in = 0;
    for (name, value) in [
        ("cookie", format!("trongatetoken={token}")),
        ("cookie", session),
        ("trongatetoken", token.to_owned()),
        ("authorization", format!("Bearer {token}")),
        ("authorization", format!("Basic {basic}")),
    ] {
        let request = |method: &str| Request::builder().method(method).uri("/members").header(name, &value);
        let program = send(site, request("GET"), journal).await;
        let_in += usize::from(program == StatusCode::OK);
        let page = request("GET").header("accept", "text/html");
        send(site, page, journal).await;
        send(site, request("POST").header("sec-fetch-site", "cross-site"), journal).await;
        send(
            site,
            request("GET").header("authorization", "Bearer beside").header("cookie", "trongatetoken=x"),
            journal,
        )
        .await;
    }
    let_in
}

async fn send(site: &Router, request: http::request::Builder, journal: &Journal) -> StatusCode {
    let response: Response<_> = site.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 100_000).await.unwrap();
    journal.write(&(&parts.headers, &parts.extensions, &body));
    if let Some(refusal) = parts.extensions.get::<tower_tokens::respond::Refusal>() {
        journal.write_error(refusal);
    }
    parts.status
}

impl Journal {
    fn write(&self, value: &dyn Debug) {
        self.write_text(&format!("{value:?}\n{value:#?}\n"));
    }

    fn write_error(&self, error: &dyn StdError) {
        let mut text = format!("{error:?} {error:#?} {error}");
        let mut source = error.source();
        while let Some(error) = source {
            write!(text, " {error:?} {error}").unwrap();
            source = error.source();
        }
        self.write_text(&text);
    }
}
