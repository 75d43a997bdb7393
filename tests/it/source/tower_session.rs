//! Tokens in a tower-sessions session, over HTTP with the real session layer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error as StoreError, Result as StoreResult};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, SessionStore};
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::source::TokenSession;
use tower_tokens::user::{CurrentUser, UserId};

use crate::http::{Answer, Server};
use crate::site::{Site, policy};

/// A session store that fails on command.
#[derive(Debug, Clone, Default)]
struct Flaky {
    inner: MemoryStore,
    is_down: Arc<AtomicBool>,
}

impl Flaky {
    fn up(&self) -> StoreResult<&MemoryStore> {
        let is_down = self.is_down.load(Ordering::SeqCst);
        if is_down { Err(StoreError::Backend("set to fail".to_owned())) } else { Ok(&self.inner) }
    }
}

#[async_trait]
impl SessionStore for Flaky {
    async fn create(&self, record: &mut Record) -> StoreResult<()> {
        self.up()?.create(record).await
    }
    async fn save(&self, record: &Record) -> StoreResult<()> {
        self.up()?.save(record).await
    }
    async fn load(&self, id: &Id) -> StoreResult<Option<Record>> {
        self.up()?.load(id).await
    }
    async fn delete(&self, id: &Id) -> StoreResult<()> {
        self.up()?.delete(id).await
    }
}

#[derive(Clone)]
struct App {
    tokens: Tokens,
    user: UserId,
}

async fn login(session: Session, State(app): State<App>) -> StatusCode {
    let issued = app.tokens.generate(app.user).await.unwrap();
    match session.put_token(issued.token()).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(error) if error.kind() == ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn logout(session: Session, State(app): State<App>, user: CurrentUser) -> StatusCode {
    app.tokens.destroy_current(&user).await.unwrap();
    session.remove_token().await.unwrap();
    StatusCode::NO_CONTENT
}

/// A shop that knows its visitors before they log in.
async fn basket(session: Session) -> String {
    let items = session.get::<u32>("items").await.unwrap().unwrap_or_default() + 1;
    session.insert("items", items).await.unwrap();
    items.to_string()
}

async fn spoil(session: Session) {
    session.insert("trongatetoken", 42).await.unwrap();
}

async fn start(site: &Site, store: Flaky) -> Server {
    let app = Router::new()
        .route("/members", get(async |user: CurrentUser| format!("{} via {}", user.level(), user.source())))
        .route_layer(policy().guard("members area"))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .route("/basket", get(basket))
        .route("/spoil", get(spoil))
        .layer(site.layer())
        .layer(SessionManagerLayer::new(store))
        .with_state(App { tokens: site.tokens.clone(), user: site.member.clone() });
    Server::start(app).await
}

fn session(answer: &Answer) -> String {
    format!("id={}", answer.cookie("id").unwrap_or_else(|| panic!("no session cookie: {answer:?}")))
}

#[tokio::test]
async fn whoever_knew_the_session_id_before_the_login_is_not_logged_in_by_it() {
    let site = Site::new().await;
    let server = start(&site, Flaky::default()).await;
    let planted = session(&server.get("/basket", &[]).await);
    let login = server.send("POST", "/login", &[("cookie", &planted)]).await;
    let own = session(&login);
    assert_eq!(login.status, 204);
    assert_ne!(planted, own, "a new id");
    assert_eq!(server.get("/members", &[("cookie", &own)]).await.body, "member via session");
    assert_eq!(server.get("/members", &[("cookie", &planted)]).await.status, 401, "the attacker's id is worth nothing");
    assert_eq!(server.get("/basket", &[("cookie", &own)]).await.body, "2", "the basket came along");
    assert_eq!(server.get("/basket", &[("cookie", &planted)]).await.body, "1", "and is gone from the old id");
    let again = server.send("POST", "/login", &[("cookie", &own)]).await;
    assert_ne!(session(&again), own, "also when somebody is logged in already");
    assert_eq!(server.get("/members", &[("cookie", &own)]).await.status, 401);
}

#[tokio::test]
async fn an_id_that_the_attacker_invented_is_not_adopted() {
    let site = Site::new().await;
    let server = start(&site, Flaky::default()).await;
    for invented in ["id=AAAAAAAAAAAAAAAAAAAAAA", "id=", "id=!", "id=1; id=2"] {
        let login = server.send("POST", "/login", &[("cookie", invented)]).await;
        assert!(!invented.contains(&session(&login)), "{invented}");
        assert_eq!(server.get("/members", &[("cookie", invented)]).await.status, 401, "{invented}");
    }
}

#[tokio::test]
async fn a_logout_takes_the_token_out_and_leaves_the_rest() {
    let site = Site::new().await;
    let server = start(&site, Flaky::default()).await;
    let own = session(&server.send("POST", "/login", &[]).await);
    server.get("/basket", &[("cookie", &own)]).await;
    let answer = server.send("POST", "/logout", &[("cookie", &own)]).await;
    assert_eq!(answer.status, 204);
    let refused = server.get("/members", &[("cookie", &own)]).await;
    assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer realm="the club""#), "no credential any more");
    assert_eq!(server.get("/basket", &[("cookie", &own)]).await.body, "2");
    assert_eq!(site.tokens.destroy_all(&site.member).await.unwrap(), 0, "the token has ended in the store too");
}

#[tokio::test]
async fn a_session_store_that_is_down_is_an_outage_and_no_logout() {
    let site = Site::new().await;
    let store = Flaky::default();
    let server = start(&site, store.clone()).await;
    let own = session(&server.send("POST", "/login", &[]).await);
    store.is_down.store(true, Ordering::SeqCst);
    let answer = server.get("/members", &[("cookie", &own)]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    let page = server.get("/members", &[("cookie", &own), ("accept", "text/html")]).await;
    assert_eq!((page.status, page.header("location")), (503, None));
    assert_eq!(server.get("/members", &[]).await.status, 401, "who has no session needs none");
    assert_eq!(
        server.send("POST", "/login", &[("cookie", &own)]).await.status,
        503,
        "a login is whole or does not happen"
    );
    let bearer = format!("Bearer {}", site.member_token().await);
    let answer = server.get("/members", &[("cookie", &own), ("authorization", &bearer)]).await;
    assert_eq!(answer.body, "member via bearer");
    store.is_down.store(false, Ordering::SeqCst);
    assert_eq!(server.get("/members", &[("cookie", &own)]).await.body, "member via session", "it recovers");
}

#[tokio::test]
async fn a_session_that_holds_something_else_under_the_name_is_malformed() {
    let site = Site::new().await;
    let server = start(&site, Flaky::default()).await;
    let own = session(&server.get("/spoil", &[]).await);
    let answer = server.get("/members", &[("cookie", &own)]).await;
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="the club", error="invalid_token""#));
    assert_eq!(site.store.look_ups(), 0);
    let login = server.send("POST", "/login", &[("cookie", &own)]).await;
    assert_eq!(server.get("/members", &[("cookie", &session(&login))]).await.body, "member via session");
}
