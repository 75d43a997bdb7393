//! An application with members, as its visitors see it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use tower::ServiceExt;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::conformance::StoreUnderTest;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, level};
use tower_tokens::token::Token;
use tower_tokens::user::UserId;

/// How long the site waits for its store.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

/// How much later an answer may come than the time-out says, on a machine that has other things to do.
const SLACK: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct Site {
    pub(super) store: Arc<dyn StoreUnderTest>,
    pub(super) tokens: Tokens,
    pub(super) user: UserId,
    router: Router,
}

impl Site {
    /// A site on this store, which is empty, with one member.
    pub(super) async fn new(store: Arc<dyn StoreUnderTest>) -> Self {
        let user = store.add_user("member").await.unwrap();
        Self::reopened(store, user)
    }

    /// A site on a store that holds this member.
    pub(super) fn reopened(store: Arc<dyn StoreUnderTest>, user: UserId) -> Self {
        let tokens = Tokens::new(Arc::clone(&store)).with_touch_interval(None);
        let policy = SecurityPolicy::new().scenario("members area", level("member"));
        let router = Router::new()
            .route("/members", get(async || "welcome"))
            .route_layer(policy.guard("members area"))
            .layer(TokenAuthLayer::new(tokens.clone()).timeout(TIMEOUT));
        Self { store, tokens, user, router }
    }

    /// What the members' page says to somebody with this token. It says it in time.
    pub(super) async fn visit(&self, token: &Token) -> StatusCode {
        let request = Request::get("/members").header("authorization", format!("Bearer {}", token.expose_secret()));
        let started = Instant::now();
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let took = started.elapsed();
        assert!(took < TIMEOUT + SLACK, "the answer took {took:?}");
        response.status()
    }

    pub(super) async fn log_in(&self) -> Token {
        self.tokens.generate(&self.user).await.unwrap().token().clone()
    }
}
