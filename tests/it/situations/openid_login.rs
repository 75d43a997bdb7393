//! A log-in at an OpenID Connect provider, which checks what it is sent.

use std::sync::Arc;

use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};
use time::Duration;
use tower_tokens::clock::{Clock, ManualClock, SystemClock};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};
use tower_tokens::respond::TokenCookie;
use tower_tokens::sealed::{Key, KeyRing, Sealer};
use tower_tokens::token::Token;
use url::Url;

use super::provider::{CLIENT, Fault, Provider, REDIRECT, SECRET};
use super::visitor::Visitor;
use crate::http::{Answer, Server};

#[path = "../../../examples/openid_login.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

const TOKEN: &str = "__Host-token";
const BEGUN: &str = "__Host-begun";

struct Site {
    server: Server,
    store: Arc<FaultyRepository<MemoryRepository>>,
    tokens: Tokens,
    clock: ManualClock,
}

impl Site {
    async fn start(issuer: &str) -> Self {
        Self::with_secret(issuer, SECRET).await
    }

    async fn with_secret(issuer: &str, secret: &str) -> Self {
        let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
        store.create_level("member").await.unwrap();
        let tokens = Tokens::new(Arc::clone(&store)).with_cookie(TokenCookie::builder(TOKEN).build().unwrap());
        let clock = ManualClock::at(SystemClock.now());
        let sealer = Sealer::new(KeyRing::new(Key::generate("1").unwrap()), "begun log-in").unwrap();
        let provider = (
            IssuerUrl::new(issuer.to_owned()).unwrap(),
            ClientId::new(CLIENT.to_owned()),
            ClientSecret::new(secret.to_owned()),
            RedirectUrl::new(REDIRECT.to_owned()).unwrap(),
        );
        let app = program::app(store.clone(), tokens.clone(), provider, sealer.with_clock(clock.clone())).unwrap();
        Self { server: Server::start(app).await, store, tokens, clock }
    }

    fn visitor(&self) -> Visitor<'_> {
        Visitor::new(&self.server)
    }

    async fn is_valid(&self, text: &str) -> bool {
        self.tokens.validate(&Token::parse(text).unwrap()).await.unwrap().is_some()
    }
}

/// Begins a log-in. Gives the address at the provider that the site sends the browser to.
async fn begin(visitor: &mut Visitor<'_>) -> String {
    let answer = visitor.get("/login").await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.header("location").unwrap().to_owned()
}

/// Begins a log-in, visits the provider, and comes back.
async fn log_in(visitor: &mut Visitor<'_>, provider: &Provider) -> Answer {
    let location = begin(visitor).await;
    let back = provider.visit(&location).await;
    visitor.get_from("cross-site", &back).await
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.cookie(TOKEN)), (status, None), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
}

fn parameter(address: &str, name: &str) -> String {
    let url = Url::parse("https://site.example").unwrap().join(address).unwrap();
    url.query_pairs().find(|(other, _)| other == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn a_user_logs_in_at_the_provider_and_out_at_the_site() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    let mut ann = site.visitor();
    assert_eq!(ann.get("/members").await.header("location"), Some("/login?next=%2Fmembers"));
    let location = begin(&mut ann).await;
    assert_eq!(parameter(&location, "code_challenge_method"), "S256");
    assert_eq!(parameter(&location, "scope"), "openid");
    let begun = ann.cookie(BEGUN).unwrap().to_owned();
    for name in ["state", "nonce"] {
        assert!(!begun.contains(&parameter(&location, name)), "{name} is sealed");
    }
    let back = provider.visit(&location).await;
    let answer = ann.get_from("cross-site", &back).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/members")), "{answer:?}");
    assert_eq!(ann.cookie(BEGUN), None);
    assert_eq!(ann.get("/members").await.body, "Hello, ann!");

    let token = ann.cookie(TOKEN).unwrap().to_owned();
    assert_eq!(ann.post("/logout", "").await.status, 303);
    assert!(ann.cookie(TOKEN).is_none() && !site.is_valid(&token).await);
    assert_eq!(log_in(&mut ann, &provider).await.status, 303, "the user is there already");
    assert_eq!(ann.get("/members").await.body, "Hello, ann!");
}

#[tokio::test]
async fn an_answer_counts_in_the_browser_that_asked() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    // Mallory logs in and sends a victim the address at which the provider sent her back.
    provider.log_in(Some("mallory"));
    let location = begin(&mut site.visitor()).await;
    let back = provider.visit(&location).await;
    let mut victim = site.visitor();
    assert_refused(&victim.get_from("cross-site", &back).await, 400);
    begin(&mut victim).await;
    assert_refused(&victim.get_from("cross-site", &back).await, 400);
    for bad in
        ["/callback", "/callback?code=x", "/callback?state=", "/callback?state=x&code=x", "/callback?code=x&state="]
    {
        assert_refused(&victim.get_from("cross-site", bad).await, 400);
    }
}

#[tokio::test]
async fn a_code_of_another_log_in_fails_at_its_verifier() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    let location = begin(&mut site.visitor()).await;
    let stolen = parameter(&provider.visit(&location).await, "code");
    let mut mallory = site.visitor();
    let state = parameter(&begin(&mut mallory).await, "state");
    assert_refused(&mallory.get_from("cross-site", &format!("/callback?code={stolen}&state={state}")).await, 401);
}

#[tokio::test]
async fn a_code_is_used_once() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    let mut ann = site.visitor();
    let location = begin(&mut ann).await;
    let begun = ann.cookie(BEGUN).unwrap().to_owned();
    let back = provider.visit(&location).await;
    assert_eq!(ann.get_from("cross-site", &back).await.status, 303);
    assert_refused(&site.visitor().get_from("cross-site", &back).await, 400);
    // Who has the cookie too, from a copy of the disk, gets the provider's refusal.
    let mut thief = site.visitor();
    thief.set_cookie(BEGUN, &begun);
    assert_refused(&thief.get_from("cross-site", &back).await, 401);
}

#[tokio::test]
async fn a_provider_that_is_down_is_unavailable_and_logs_no_one_out() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    let (mut ann, mut bob) = (site.visitor(), site.visitor());
    assert_eq!(log_in(&mut ann, &provider).await.status, 303);
    let location = begin(&mut bob).await;
    let back = provider.visit(&location).await;
    drop(provider);
    for answer in [site.visitor().get("/login").await, bob.get_from("cross-site", &back).await] {
        assert_refused(&answer, 503);
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(ann.get("/members").await.body, "Hello, ann!");
}

#[tokio::test]
async fn an_id_token_that_is_forged_or_for_others_logs_no_one_in() {
    for fault in [
        Fault::OtherNonce,
        Fault::NoNonce,
        Fault::OtherKey,
        Fault::NoSignature,
        Fault::HmacOfPublicKey,
        Fault::OtherAudience,
        Fault::OtherIssuer,
        Fault::Expired,
        Fault::NoIdToken,
        Fault::InternalError,
    ] {
        let provider = Provider::start().await;
        let site = Site::start(&provider.issuer()).await;
        provider.fail(fault);
        let mut ann = site.visitor();
        let answer = log_in(&mut ann, &provider).await;
        let status = if fault == Fault::InternalError { 503 } else { 401 };
        assert_eq!((answer.status, answer.cookie(TOKEN)), (status, None), "{fault:?}: {answer:?}");
        assert!(site.store.user(&"ann".into()).await.unwrap().is_none(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_visitor_who_says_no_at_the_provider_gets_a_page() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    provider.log_in(None);
    assert_refused(&log_in(&mut site.visitor(), &provider).await, 400);
}

#[tokio::test]
async fn a_wrong_secret_is_a_fault_of_the_site() {
    let provider = Provider::start().await;
    let site = Site::with_secret(&provider.issuer(), "not what the provider has").await;
    assert_refused(&log_in(&mut site.visitor(), &provider).await, 500);
}

#[tokio::test]
async fn a_log_in_that_has_begun_waits_for_ten_minutes() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    let mut ann = site.visitor();
    let location = begin(&mut ann).await;
    let back = provider.visit(&location).await;
    site.clock.advance(Duration::minutes(10));
    assert_refused(&ann.get_from("cross-site", &back).await, 400);
}

#[tokio::test]
async fn the_visitor_returns_to_a_page_of_this_site_only() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    for (next, page) in [
        ("%2Fmembers%3Fpage%3D2", "/members?page=2"),
        ("https%3A%2F%2Fevil.example", "/members"),
        ("%2F%2Fevil.example", "/members"),
        ("%2F%5Cevil.example", "/members"),
    ] {
        let mut ann = site.visitor();
        let answer = ann.get(&format!("/login?next={next}")).await;
        let back = provider.visit(answer.header("location").unwrap()).await;
        assert_eq!(ann.get_from("cross-site", &back).await.header("location"), Some(page), "{next}");
    }
}

#[tokio::test]
async fn the_time_of_the_log_in_is_the_provider_s() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    for (said, expected) in [(None, 0), (Some(1_700_000_000), 1_700_000_000)] {
        if let Some(said) = said {
            provider.says_when(said);
        }
        let mut ann = site.visitor();
        log_in(&mut ann, &provider).await;
        let token = Token::parse(ann.cookie(TOKEN).unwrap()).unwrap();
        let user = site.tokens.validate(&token).await.unwrap().unwrap();
        assert_eq!(user.authenticated_at().unix_seconds(), expected);
    }
}

#[tokio::test]
async fn a_token_that_was_planted_before_the_log_in_ends() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    let mut mallory = site.visitor();
    provider.log_in(Some("mallory"));
    log_in(&mut mallory, &provider).await;
    let planted = mallory.cookie(TOKEN).unwrap().to_owned();
    provider.log_in(Some("ann"));
    let mut victim = site.visitor();
    victim.set_cookie(TOKEN, &planted);
    log_in(&mut victim, &provider).await;
    assert_ne!(victim.cookie(TOKEN), Some(planted.as_str()));
    assert_eq!(victim.get("/members").await.body, "Hello, ann!");
    assert!(!site.is_valid(&planted).await);
}

#[tokio::test]
async fn an_outage_of_the_store_gives_no_token() {
    let provider = Provider::start().await;
    let site = Site::start(&provider.issuer()).await;
    let mut ann = site.visitor();
    let location = begin(&mut ann).await;
    let back = provider.visit(&location).await;
    site.store.fail();
    assert_refused(&ann.get_from("cross-site", &back).await, 503);
}
