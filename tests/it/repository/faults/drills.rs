//! The faults, whichever the store.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::task::JoinSet;
use tower_tokens::clock::Timestamp;
use tower_tokens::conformance::StoreUnderTest;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{NewToken, PRUNING_MARGIN, PageRequest, TokenRepository};
use tower_tokens::token::{Lifetime, Token, TokenId, TokenKey, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::faults::load::Load;
use crate::repository::faults::server::Server;
use crate::repository::faults::site::{Site, TIMEOUT};

/// How long a whole drill may take before something hangs for good.
const TOO_LONG: Duration = Duration::from_secs(120);

/// The environment of a copy of a test that is the application.
const APPLICATION_URL: &str = "TOWER_TOKENS_TEST_APPLICATION_URL";
const APPLICATION_USER: &str = "TOWER_TOKENS_TEST_APPLICATION_USER";

/// How soon service has to be back when the server is. The pools' and connections' own pauses are below a second.
const RECOVERY: Duration = Duration::from_secs(10);

/// The server is killed under load and comes back: nothing that was promised is broken.
pub(super) async fn killed_and_restarted_under_load(name: &str, server: &Server, store: Arc<dyn StoreUnderTest>) {
    let site = Site::new(store).await;
    let drill = async {
        let load = Load::start(&site);
        load.more(|notes| &notes.welcomes, 100).await;
        server.kill().await;
        let killed = Instant::now();
        load.more(|notes| &notes.outages, 15).await;
        server.restart().await;
        let back = Instant::now();
        let recovered = load.next_welcome().await.saturating_duration_since(back);
        load.more(|notes| &notes.welcomes, 100).await;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::SeqCst);
        let notes = load.notes();
        let figures = (count(&notes.welcomes), count(&notes.refusals), count(&notes.outages));
        let book = load.end().await;
        println!(
            "{name}: {} requests: {} welcome, {} refused, {} times 503; down for {:.1} s, {:.2} s to recover; {} tokens \
             kept, {} ended",
            figures.0 + figures.1 + figures.2,
            figures.0,
            figures.1,
            figures.2,
            (back - killed).as_secs_f64(),
            recovered.as_secs_f64(),
            book.issued.len(),
            book.ended.len(),
        );
        assert!(recovered < RECOVERY, "{recovered:?} to recover");
        assert!(!book.issued.is_empty() && !book.ended.is_empty());
        for token in &book.issued {
            assert_eq!(site.visit(token).await, StatusCode::OK, "an issued token was lost");
        }
        for token in &book.ended {
            assert_eq!(site.visit(token).await, StatusCode::UNAUTHORIZED, "an ended token came back");
        }
    };
    tokio::time::timeout(TOO_LONG, drill).await.expect("the drill ends");
}

/// The store does not answer while `fault` holds, whatever it is: everybody gets 503 in time, and service is back when the
/// fault is gone.
pub(super) async fn everybody_gets_503_in_time<F, G>(site: &Site, fault: impl AsyncFnOnce() -> F, heal: G)
where
    G: AsyncFnOnce(F),
{
    let token = site.log_in().await;
    assert_eq!(site.visit(&token).await, StatusCode::OK);
    let broken = fault().await;
    let mut visits = JoinSet::new();
    for _ in 0..20 {
        let (site, token) = (site.clone(), token.clone());
        visits.spawn(async move { site.visit(&token).await });
    }
    for status in visits.join_all().await {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    heal(broken).await;
    let healed = Instant::now();
    while site.visit(&token).await != StatusCode::OK {
        assert!(healed.elapsed() < RECOVERY, "service is not back");
    }
}

/// A call that is not a visit is answered in time too, by the store itself.
pub(super) async fn a_change_is_answered_in_time(site: &Site) {
    let started = Instant::now();
    let error = site.tokens.generate(&site.user).await.expect_err("the store does not answer");
    assert!(error.is_outage(), "{error:?}");
    assert!(started.elapsed() < TIMEOUT * 5, "{:?}", started.elapsed());
}

/// The application is killed right after it gave a visitor a token: the token is valid.
///
/// The test called `test` calls this in two processes: itself, and a copy of it that is the application.
pub(super) async fn a_token_outlives_its_application(test: &str, store: Arc<dyn StoreUnderTest>, url: &str) {
    let site = Site::new(store).await;
    let user = site.user.as_integer().expect("the store counts its users");
    let mut application = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(APPLICATION_URL, url)
        .env(APPLICATION_USER, user.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(application.stdout.take().unwrap()).lines();
    let token = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("issued ").map(str::to_owned));
    application.kill().unwrap();
    application.wait().unwrap();
    let token = token.expect("the application gives a token");
    assert_eq!(site.visit(&Token::parse(token).unwrap()).await, StatusCode::OK);
}

/// The URL that [`a_token_outlives_its_application`] gave to its application, in the application.
pub(super) fn application_url() -> Option<String> {
    std::env::var(APPLICATION_URL).ok()
}

/// What the application does: it gives a visitor a token and waits until it is killed.
pub(super) async fn be_the_application(store: Arc<dyn StoreUnderTest>) {
    let user: i64 = std::env::var(APPLICATION_USER).unwrap().parse().unwrap();
    let token = Site::reopened(store, UserId::from(user)).log_in().await;
    println!("\nissued {}", token.expose_secret());
    std::io::stdout().flush().unwrap();
    std::future::pending().await
}

/// 20 tasks regenerate one token: one of them gets the new one.
pub(super) async fn twenty_tasks_regenerate_one_token(store: Arc<dyn StoreUnderTest>) {
    let site = Site::new(store).await;
    let old = site.log_in().await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (site, old) = (site.clone(), old.clone());
        tasks.spawn(async move { site.tokens.regenerate(&old).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 19));
    assert!(lost.iter().all(|lost| lost.as_ref().is_err_and(|error| error.kind() == ErrorKind::InvalidToken)));
    assert_eq!(site.visit(&old).await, StatusCode::UNAUTHORIZED);
    for issued in won.into_iter().flatten() {
        assert_eq!(site.visit(issued.token()).await, StatusCode::OK);
    }
    assert_eq!(site.tokens.list(&site.user, PageRequest::default()).await.unwrap().items.len(), 1);
}

/// 20 tasks prune while tokens are issued: every expired token is removed once, and no other.
pub(super) async fn twenty_tasks_prune_while_tokens_are_issued(store: Arc<dyn StoreUnderTest>) {
    const EXPIRED: i64 = 400;
    let site = Site::new(store).await;
    let born = Timestamp::from_unix_seconds(1_000_000);
    let now = born + time::Duration::seconds(60);
    let margin_is_over = now + PRUNING_MARGIN;
    for number in 1..=EXPIRED {
        add(&*site.store, number, &site.user, born, Lifetime::seconds(60)).await;
    }
    let mut pruners = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&site.store);
        pruners.spawn(async move {
            let mut removed = 0;
            loop {
                match store.delete_expired(margin_is_over, 7).await.unwrap() {
                    // Others may hold what is left.
                    0 => return removed,
                    more => removed += more,
                }
            }
        });
    }
    for number in EXPIRED + 1..=EXPIRED + 200 {
        add(&*site.store, number, &site.user, now, Lifetime::seconds(1)).await;
    }
    let mut removed: u64 = pruners.join_all().await.into_iter().sum();
    removed += site.store.delete_expired(margin_is_over, u32::MAX).await.unwrap();
    assert_eq!(removed, EXPIRED as u64, "each once");
    for number in EXPIRED + 1..=EXPIRED + 200 {
        let found = site.store.find(TokenKey::new(&text(number)), now).await.unwrap();
        assert!(found.is_some(), "a token that is valid was removed");
    }
}

async fn add(store: &dyn StoreUnderTest, number: i64, user: &UserId, born: Timestamp, lifetime: Lifetime) {
    let record = TokenRecord::new(TokenId::new(number), born, lifetime);
    store.insert(NewToken { key: TokenKey::new(&text(number)), user, record }).await.unwrap();
}

fn text(number: i64) -> String {
    format!("token-{number}")
}

/// A store whose server is gone says so at every method.
pub(super) async fn an_outage_is_an_error(server: &Server, store: impl StoreUnderTest) {
    tower_tokens::conformance::an_outage_is_an_error_and_never_none(store, async |_| server.kill().await).await;
}
