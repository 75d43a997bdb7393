//! A site with a member, an administrator and a store that fails on command.

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::routing::{any, get};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::Duration;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, any_level, authenticated_within, level};
use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};
use tower_tokens::source::TokenSource;
use tower_tokens::user::{CurrentUser, SourceKind, Unauthenticated, UserId};

use crate::http::Server;

pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_287_701);

pub(crate) const KINDS: [SourceKind; 5] =
    [SourceKind::Cookie, SourceKind::Session, SourceKind::Bearer, SourceKind::Header, SourceKind::Basic];

pub(crate) type Store = Arc<FaultyRepository<MemoryRepository>>;

pub(crate) struct Site {
    pub(crate) store: Store,
    pub(crate) tokens: Tokens,
    pub(crate) clock: ManualClock,
    pub(crate) member: UserId,
    pub(crate) admin: UserId,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(FaultyRepository::new(MemoryRepository::new())).await
    }

    /// A site whose every look-up is asynchronous.
    pub(crate) async fn async_only() -> Self {
        Self::with(FaultyRepository::new(MemoryRepository::new()).without_find_now()).await
    }

    async fn with(store: FaultyRepository<MemoryRepository>) -> Self {
        let (store, clock) = (Arc::new(store), ManualClock::at(NOW));
        store.create_level("admin").await.unwrap();
        store.create_level("member").await.unwrap();
        let member = store.create_user(None, "member").await.unwrap();
        let admin = store.create_user(None, "admin").await.unwrap();
        let tokens = Tokens::new(Arc::clone(&store)).with_clock(clock.clone());
        Self { store, tokens, clock, member, admin }
    }

    /// The text of a new token.
    pub(crate) async fn token_of(&self, user: &UserId) -> String {
        self.tokens.generate(user).await.unwrap().token().expose_secret().to_owned()
    }

    pub(crate) async fn member_token(&self) -> String {
        self.token_of(&self.member).await
    }

    /// A layer that knows every source.
    pub(crate) fn layer(&self) -> TokenAuthLayer {
        TokenAuthLayer::new(self.tokens.clone()).sources(all_sources())
    }

    /// The layer around a service that says what it found: `member via cookie`, or the reason why there is no user.
    pub(crate) fn whoami(&self) -> Router {
        whoami(self.layer())
    }

    /// Guarded pages, behind every source.
    pub(crate) fn guarded(&self) -> Router {
        let policy = policy();
        let page = |scenario: &str| any(async || "secret").layer(policy.guard(scenario));
        Router::new()
            .route("/members", page("members area"))
            .route("/admin", page("admin panel"))
            .route("/recent", page("change password"))
            .route("/plant", get(plant))
            .layer(self.layer())
            .layer(sessions())
    }
}

pub(crate) fn policy() -> SecurityPolicy {
    SecurityPolicy::new()
        .scenario("admin panel", level("admin"))
        .scenario("members area", any_level(["member", "admin"]))
        .scenario("change password", authenticated_within(Duration::minutes(10)))
        .realm("the club")
        .login_page("/login")
}

/// The defaults, and the two that must be asked for.
pub(crate) fn all_sources() -> [TokenSource; 5] {
    [
        TokenSource::cookie("trongatetoken"),
        TokenSource::tower_session(),
        TokenSource::bearer(),
        TokenSource::header("trongatetoken"),
        TokenSource::basic(),
    ]
}

pub(crate) fn sessions() -> SessionManagerLayer<MemoryStore> {
    SessionManagerLayer::new(MemoryStore::default())
}

pub(crate) fn whoami(layer: TokenAuthLayer) -> Router {
    Router::new().route("/", any(who)).route("/plant", get(plant)).layer(layer).layer(sessions())
}

pub(crate) async fn who(parts: Parts) -> String {
    match parts.extensions.get::<CurrentUser>() {
        Some(user) => format!("{} via {}", user.level(), user.source()),
        None => Unauthenticated::from_extensions(&parts.extensions).unwrap().reason().to_string(),
    }
}

/// Puts any text into the visitor's session.
pub(crate) async fn plant(session: Session, Query(query): Query<Vec<(String, String)>>) {
    session.insert("trongatetoken", &query[0].1).await.unwrap();
}

pub(crate) fn basic(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("anybody:{token}")))
}

/// The header that carries this text as a credential.
pub(crate) async fn credential(server: &Server, kind: SourceKind, text: &str) -> (&'static str, String) {
    match kind {
        SourceKind::Cookie => ("cookie", format!("trongatetoken={text}")),
        SourceKind::Session => {
            let planted = server.get(&format!("/plant?token={text}"), &[]).await;
            ("cookie", format!("id={}", planted.cookie("id").unwrap()))
        }
        SourceKind::Bearer => ("authorization", format!("Bearer {text}")),
        SourceKind::Header => ("trongatetoken", text.to_owned()),
        SourceKind::Basic => ("authorization", basic(text)),
        other => panic!("{other} is no place in a request"),
    }
}
