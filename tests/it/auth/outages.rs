//! A store or a session that errors, is slow or hangs, and validators that know nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::ServiceExt;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{FaultyRepository, MemoryRepository};
use tower_tokens::request::RequestHead;
use tower_tokens::source::{TokenSession, TokenSource};
use tower_tokens::token::{Token, TokenKey};
use tower_tokens::user::{CurrentUser, Reason};
use tower_tokens::validator::{TokenValidator, Validation};

use crate::site::{Site, policy};

fn app(layer: TokenAuthLayer) -> Router {
    Router::new().route("/", get(async || "secret").layer(policy().guard("members area"))).layer(layer)
}

fn bearer(token: &str) -> Request {
    Request::get("/").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

async fn status(app: &Router, request: Request) -> u16 {
    app.clone().oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up_after_the_time_out_and_is_asked_again() {
    let site = Site::new().await;
    let token = site.member_token().await;
    for (bound, app) in [(5, app(site.layer())), (2, app(site.layer().timeout(Duration::from_secs(2))))] {
        site.store.hang();
        let started = Instant::now();
        assert_eq!(status(&app, bearer(&token)).await, 503);
        assert_eq!(started.elapsed().as_secs(), bound);
        site.store.heal();
        assert_eq!(status(&app, bearer(&token)).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_within_the_time_out_counts_and_a_later_one_does_not() {
    let site = Site::new().await;
    let (app, token) = (app(site.layer()), site.member_token().await);
    site.store.delay(Duration::from_millis(4_900));
    assert_eq!(status(&app, bearer(&token)).await, 200);
    assert_eq!(status(&app, bearer("unknown")).await, 401);
    site.store.delay(Duration::from_millis(5_100));
    assert_eq!(status(&app, bearer(&token)).await, 503);
    assert_eq!(status(&app, bearer("unknown")).await, 503, "nothing is known of it either");
}

#[tokio::test(start_paused = true)]
async fn many_slow_candidates_share_one_time_out() {
    let site = Site::async_only().await;
    let app = app(site.layer());
    let stale: Vec<_> = (0..8).map(|number| format!("trongatetoken=stale{number}")).collect();
    site.store.hang();
    let started = Instant::now();
    let request = Request::get("/").header("cookie", stale.join("; ")).body(Body::empty()).unwrap();
    assert_eq!(status(&app, request).await, 503);
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[derive(Debug)]
struct Says(fn() -> Validation);

#[async_trait]
impl TokenValidator for Says {
    async fn validate(&self, _token: TokenKey<'_>) -> Validation {
        (self.0)()
    }
}

const INVALID: Says = Says(|| Validation::Invalid);
const UNAVAILABLE: Says = Says(|| Validation::Unavailable(ErrorKind::Unavailable.into()));

#[tokio::test]
async fn in_a_chain_an_outage_and_a_refusal_never_blur() {
    let site = Site::new().await;
    let async_only = Site::async_only().await;
    let token = site.member_token().await;
    for (layer, expected, what) in [
        (TokenAuthLayer::new(INVALID.or(INVALID)), 401, "not valid for either"),
        (TokenAuthLayer::new(UNAVAILABLE.or(INVALID)), 503, "the first might have known it"),
        (TokenAuthLayer::new(INVALID.or(UNAVAILABLE)), 503, "the second might have known it"),
        (TokenAuthLayer::new(UNAVAILABLE.or(UNAVAILABLE)), 503, "neither answers"),
        (TokenAuthLayer::new(UNAVAILABLE.or(site.tokens.clone())), 200, "the second knows it"),
        (TokenAuthLayer::new(INVALID.or(site.tokens.clone())), 200, "the second knows it"),
        (TokenAuthLayer::new(site.tokens.clone().or(UNAVAILABLE)), 200, "the first knows it"),
        (TokenAuthLayer::new(site.tokens.clone().or(INVALID)), 200, "the first knows it"),
        (TokenAuthLayer::new(async_only.tokens.clone().or(site.tokens.clone())), 200, "one waits, one does not"),
        (TokenAuthLayer::new(site.tokens.clone().or(async_only.tokens.clone())), 200, "one waits not, one does"),
        (TokenAuthLayer::new(INVALID.or(UNAVAILABLE).or(site.tokens.clone())), 200, "the third knows it"),
        (TokenAuthLayer::new(INVALID.or(UNAVAILABLE.or(INVALID))), 503, "the second might have known it"),
    ] {
        assert_eq!(status(&app(layer), bearer(&token)).await, expected, "{what}");
    }
    site.store.fail();
    let chain = TokenAuthLayer::new(site.tokens.clone().or(async_only.tokens.clone()));
    assert_eq!(status(&app(chain), bearer(&token)).await, 503);
}

#[tokio::test]
async fn one_candidate_that_is_valid_outweighs_one_that_could_not_be_looked_up() {
    let broken_store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
    broken_store.fail();
    let site = Site::new().await;
    // The first token is judged by a validator that fails for it alone.
    #[derive(Debug)]
    struct Picky(tower_tokens::lifecycle::Tokens);
    #[async_trait]
    impl TokenValidator for Picky {
        async fn validate(&self, token: TokenKey<'_>) -> Validation {
            match token.expose_secret() {
                "cursed" => (UNAVAILABLE.0)(),
                _ => TokenValidator::validate(&self.0, token).await,
            }
        }
    }
    let app = app(TokenAuthLayer::new(Picky(site.tokens.clone())));
    let request = |token: &str| {
        let request = Request::get("/").header("cookie", "trongatetoken=cursed");
        request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
    };
    assert_eq!(status(&app, request(&site.member_token().await)).await, 200);
    assert_eq!(status(&app, request("unknown")).await, 503, "the cookie might have been valid");
}

/// A session whose store does what the test says.
#[derive(Clone)]
enum Moody {
    Fails,
    Hangs,
    Malformed,
}

#[async_trait]
impl TokenSession for Moody {
    async fn token(&self) -> Result<Option<Token>, Error> {
        match self {
            Self::Fails => Err(ErrorKind::Unavailable.into()),
            Self::Hangs => std::future::pending().await,
            Self::Malformed => Token::parse("two words").map(Some),
        }
    }
    async fn put_token(&self, _token: &Token) -> Result<(), Error> {
        Ok(())
    }
    async fn remove_token(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_answer_is_an_outage_and_hides_no_good_bearer_token() {
    let site = Site::new().await;
    let token = site.member_token().await;
    for (mood, alone) in [(Moody::Fails, 503), (Moody::Hangs, 503), (Moody::Malformed, 401)] {
        let sources = [TokenSource::session_from(move |_: RequestHead<'_>| Some(mood.clone())), TokenSource::bearer()];
        let app = app(site.layer().sources(sources));
        assert_eq!(status(&app, Request::get("/").body(Body::empty()).unwrap()).await, alone);
        assert_eq!(status(&app, bearer(&token)).await, 200);
        assert_eq!(status(&app, bearer("unknown")).await, alone);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_cookie_that_hangs_does_not_log_out_the_first() {
    let site = Site::new().await;
    #[derive(Debug)]
    struct HangsForStale(tower_tokens::lifecycle::Tokens);
    #[async_trait]
    impl TokenValidator for HangsForStale {
        async fn validate(&self, token: TokenKey<'_>) -> Validation {
            match token.expose_secret() {
                "stale" => std::future::pending().await,
                _ => TokenValidator::validate(&self.0, token).await,
            }
        }
    }
    let app = app(TokenAuthLayer::new(HangsForStale(site.tokens.clone())));
    let cookie = format!("trongatetoken={}; trongatetoken=stale", site.member_token().await);
    let request = Request::get("/").header("cookie", cookie).body(Body::empty()).unwrap();
    assert_eq!(status(&app, request).await, 200, "as if the second look-up had failed");
}

/// Runs a future that nothing will wake, without any runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..1_000 {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it waits for a runtime that is not there");
}

#[test]
fn without_a_tokio_runtime_a_look_up_that_waits_is_an_outage_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (site, async_only) = runtime.block_on(async { (Site::new().await, Site::async_only().await) });
    let token = runtime.block_on(site.member_token());
    drop(runtime);
    let (head, _) = bearer(&token).into_parts();
    let user = block_on(site.layer().authenticator().authenticate(RequestHead::of_parts(&head)));
    assert_eq!(user.map(|user| user.id().clone()), Ok(site.member.clone()), "memory knows at once");
    let refused = block_on(async_only.layer().authenticator().authenticate(RequestHead::of_parts(&head)));
    assert_eq!(refused.unwrap_err().reason(), Reason::Unavailable);
    let service = |site: &Site| {
        let inner = tower::service_fn(async |request: Request<()>| {
            Ok::<_, std::convert::Infallible>(request.extensions().get::<CurrentUser>().is_some())
        });
        tower::Layer::layer(&site.layer(), inner)
    };
    let request = || Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
    assert_eq!(block_on(service(&site).oneshot(request())), Ok(true));
    assert_eq!(block_on(service(&async_only).oneshot(request())), Ok(false));
}

#[tokio::test]
async fn a_cancelled_request_cancels_its_look_up_and_does_not_call_the_service() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let site = Site::new().await;
    let token = site.member_token().await;
    site.store.hang();
    let reached = Arc::new(Notify::new());
    let inner = tower::service_fn(async |_: Request<()>| {
        CALLS.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::convert::Infallible>(())
    });
    let service = tower::Layer::layer(&site.layer(), inner);
    let request = Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
    let asked = tokio::spawn({
        let reached = Arc::clone(&reached);
        async move {
            reached.notify_one();
            service.oneshot(request).await
        }
    });
    reached.notified().await;
    tokio::task::yield_now().await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    site.store.heal();
    tokio::task::yield_now().await;
    assert_eq!(CALLS.load(Ordering::SeqCst), 0);
}
