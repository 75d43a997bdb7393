//! A site with every endpoint, and requests to it.

use std::sync::Arc;

use axum::Router;
use serde_json::Value;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::endpoints::{ApiTokensEndpoint, IntrospectionEndpoint, RefreshEndpoint, RevocationEndpoint};
use tower_tokens::lifecycle::{IssuedToken, Tokens};
use tower_tokens::policy::{SecurityPolicy, ability, level};
use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};
use tower_tokens::token::{Abilities, ApiTokenFormat, Token};
use tower_tokens::user::{CurrentUser, UserId};

use crate::http::{Answer, Server};

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const JSON: &str = "application/json";

pub(super) struct Club {
    pub(super) server: Server,
    pub(super) store: Arc<FaultyRepository<MemoryRepository>>,
    pub(super) clock: ManualClock,
    pub(super) tokens: Tokens,
    pub(super) ann: UserId,
    pub(super) bob: UserId,
}

impl Club {
    pub(super) async fn open() -> Self {
        let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
        for title in ["member", "service"] {
            store.create_level(title).await.unwrap();
        }
        let ann = store.create_user(None, "member").await.unwrap();
        let bob = store.create_user(None, "service").await.unwrap();
        let clock = ManualClock::at(Timestamp::from_unix_seconds(NOW));
        let format = ApiTokenFormat::new("acme").unwrap();
        let tokens = Tokens::new(Arc::clone(&store)).with_clock(clock.clone()).with_api_tokens(format);
        let policy = SecurityPolicy::new().scenario("introspect", level("service").and(ability("introspect")));
        let username = |user: &CurrentUser| Some(format!("user-{}", user.id()));
        let introspection = |guard| IntrospectionEndpoint::behind(guard, tokens.clone());
        let named = |guard| IntrospectionEndpoint::behind_with_username(guard, tokens.clone(), username);
        let managed = ApiTokensEndpoint::new(tokens.clone()).with_managing_ability("tokens:manage").unwrap();
        let app = Router::new()
            .route_service("/refresh", RefreshEndpoint::new(tokens.clone()))
            .route_service("/revoke", RevocationEndpoint::new(tokens.clone()))
            .route_service("/introspect", introspection(policy.guard("introspect")))
            .route_service("/introspect-named", named(policy.guard("introspect")))
            .nest_service("/api/tokens", ApiTokensEndpoint::new(tokens.clone()))
            .nest_service("/managed", managed.clone())
            .route_service("/whole/path", managed.clone().with_path_prefix("/whole/path/"))
            .route_service("/whole/path/{*rest}", managed.with_path_prefix("/whole/path"))
            .layer(TokenAuthLayer::new(tokens.clone()));
        Self { server: Server::start(app).await, store, clock, tokens, ann, bob }
    }

    pub(super) async fn post(&self, path: &str, media_type: &str, body: &str) -> Answer {
        self.server.send_with_body("POST", path, &[("content-type", media_type)], body).await
    }

    /// Sends JSON, or nothing, with this credential.
    pub(super) async fn call(&self, method: &str, path: &str, token: &Token, body: &str) -> Answer {
        let bearer = format!("Bearer {}", token.expose_secret());
        let headers = [("authorization", bearer.as_str()), ("content-type", JSON)];
        self.server.send_with_body(method, path, &headers, body).await
    }

    pub(super) async fn api_token(&self, abilities: &[&str]) -> IssuedToken {
        let abilities = Abilities::new(abilities.iter().copied()).unwrap();
        self.tokens.generate(&self.ann).api_token().name("script").abilities(abilities).await.unwrap()
    }

    pub(super) async fn login(&self) -> IssuedToken {
        self.tokens.generate(&self.ann).await.unwrap()
    }

    pub(super) async fn is_valid(&self, token: &Token) -> bool {
        self.tokens.validate(token).await.unwrap().is_some()
    }
}

pub(super) fn json(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some(JSON), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// An outage: 503 with `Retry-After`, and never a no.
pub(super) fn assert_outage(answer: &Answer) {
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    assert_eq!(json(answer)["error"], "temporarily_unavailable");
}
